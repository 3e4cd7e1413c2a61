"""Reaching the daemon of a cell, or starting one for as long as a command needs it."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import IO

import msgspec

from robotd.core.clock import MS, MonoNs, S, SystemClock
from robotd.core.config import CellConfig
from robotd.core.errors import BusyError, ProcessDiedError
from robotd.core.process import PARENT_VARIABLE, StopFlag
from robotd.core.rundir import owner_pid, run_path
from robotd.modes.cell_file import read_cell
from robotd.modes.daemon.control import SOCKET_NAME, ControlClient
from robotd.modes.options import UpOptions

START_S = 30.0
POLL_NS = 50 * MS
END_S = 10.0
DYING_S = 2.0


@contextlib.contextmanager
def daemon_of(
    cell: CellConfig, options: UpOptions, stop: StopFlag, *, client: str
) -> Generator[ControlClient]:
    """Yield a client of the cell's daemon; one that was started here ends with the block.

    Raises:
        ProcessDiedError: A daemon started here did not come up; its last words.
        BusyError: The cell's daemon runs with another configuration.
        KeyboardInterrupt: `stop` was raised first.
    """
    run_dir = run_path(cell.name, options.run_dir)
    with contextlib.ExitStack() as stack:
        own = None
        if owner_pid(run_dir) is None:
            own = stack.enter_context(_own_daemon(run_dir, options, stop))
        control = ControlClient(run_dir, name=client)
        stack.callback(control.close)
        try:
            control.call("status", timeout_s=START_S)
            _check_same(cell, run_dir)
            yield control
        except ProcessDiedError as error:
            if own is not None and own.ended:
                raise ProcessDiedError(f"the daemon ended: {own.last_words}") from error
            raise


def _check_same(cell: CellConfig, run_dir: Path) -> None:
    """Refuse a daemon that would not do what was asked for; what a run brings along may differ."""
    running = read_cell(run_dir)
    task = msgspec.structs.replace(running.task, max_episode_s=cell.task.max_episode_s)
    if msgspec.structs.replace(running, task=task, world=cell.world) != cell:
        raise BusyError(
            f"cell {cell.name}: its daemon runs with another configuration; "
            "restart `robotd up` with this one"
        )


class _OwnDaemon:
    """A daemon for as long as a command needs it."""

    def __init__(self, options: UpOptions, log: IO[bytes]) -> None:
        self._log = log
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "robotd.cli", "up", *_words(options)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, PARENT_VARIABLE: str(os.getpid())},
        )

    @property
    def ended(self) -> bool:
        """Whether it has ended; one that is about to end is waited for."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(DYING_S)
        return self.popen.poll() is not None

    @property
    def last_words(self) -> str:
        """How it ended, or the last line of what it said."""
        if self.popen.returncode is not None and self.popen.returncode < 0:
            return f"killed by {signal.Signals(-self.popen.returncode).name}"
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").splitlines()
        said = [line for line in lines if line.strip()]
        return said[-1].removeprefix("robotd: ") if said else "without a word"


@contextlib.contextmanager
def _own_daemon(run_dir: Path, options: UpOptions, stop: StopFlag) -> Generator[_OwnDaemon]:
    """Start `robotd up` and end it with the block: SIGTERM, which brings the arm to rest."""
    with tempfile.TemporaryFile("w+b") as log:  # without a name: nothing is left of it
        daemon = _OwnDaemon(options, log)
        try:
            _await_socket(run_dir, daemon, stop)
            yield daemon
        finally:
            daemon.popen.terminate()
            try:
                daemon.popen.wait(END_S)
            except subprocess.TimeoutExpired:
                daemon.popen.kill()
                daemon.popen.wait()


def _await_socket(run_dir: Path, daemon: _OwnDaemon, stop: StopFlag) -> None:
    clock = SystemClock()
    deadline_ns = clock.now() + round(START_S * S)
    while not (run_dir / SOCKET_NAME).exists():
        if stop.requested:
            raise KeyboardInterrupt
        if daemon.popen.poll() is not None or clock.now() > deadline_ns:
            raise ProcessDiedError(f"the daemon did not start: {daemon.last_words}")
        clock.sleep_until(MonoNs(clock.now() + POLL_NS))


def _words(options: UpOptions) -> Sequence[str]:
    """Return the words that give `robotd up` the same cell."""
    words = [f"--config={options.config}"] if options.config else []
    words += [f"--mock={options.mock}"] if options.mock else []
    words += [f"--model={options.model}"] if options.model else []
    words += ["--no-realtime"] if options.no_realtime else []
    words += [word for setting in options.set for word in ("--set", setting)]
    words += [f"--run-dir={options.run_dir}"] if options.run_dir else []
    return words
