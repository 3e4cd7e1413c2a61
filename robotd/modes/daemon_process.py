"""Reaching the daemon of a cell, or starting one for as long as a command needs it."""

import contextlib
import os
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
from robotd.modes.control import SOCKET_NAME, ControlClient
from robotd.modes.options import UpOptions

START_S = 30.0
POLL_NS = 50 * MS
END_S = 10.0


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
        if owner_pid(run_dir) is None:
            stack.enter_context(_own_daemon(run_dir, options, stop))
        control = ControlClient(run_dir, name=client)
        stack.callback(control.close)
        control.call("status", timeout_s=START_S)
        _check_same(cell, run_dir)
        yield control


def _check_same(cell: CellConfig, run_dir: Path) -> None:
    """Refuse a daemon that would not do what was asked for; what a run brings along may differ."""
    running = read_cell(run_dir)
    task = msgspec.structs.replace(running.task, max_episode_s=cell.task.max_episode_s)
    if msgspec.structs.replace(running, task=task, world=cell.world) != cell:
        raise BusyError(
            f"cell {cell.name}: its daemon runs with another configuration; "
            "restart `robotd up` with this one"
        )


@contextlib.contextmanager
def _own_daemon(run_dir: Path, options: UpOptions, stop: StopFlag) -> Generator[None]:
    """Start `robotd up` and end it with the block: SIGTERM, which brings the arm to rest."""
    with tempfile.TemporaryFile("w+b") as log:  # without a name: nothing is left of it
        popen = subprocess.Popen(
            [sys.executable, "-m", "robotd.cli", "up", *_words(options)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, PARENT_VARIABLE: str(os.getpid())},
        )
        try:
            _await_socket(run_dir, popen, log, stop)
            yield
        finally:
            popen.terminate()
            try:
                popen.wait(END_S)
            except subprocess.TimeoutExpired:
                popen.kill()
                popen.wait()


def _await_socket(
    run_dir: Path, popen: subprocess.Popen[bytes], log: IO[bytes], stop: StopFlag
) -> None:
    clock = SystemClock()
    deadline_ns = clock.now() + round(START_S * S)
    while not (run_dir / SOCKET_NAME).exists():
        if stop.requested:
            raise KeyboardInterrupt
        if popen.poll() is not None or clock.now() > deadline_ns:
            raise ProcessDiedError(f"the daemon did not start: {_last_line(log)}")
        clock.sleep_until(MonoNs(clock.now() + POLL_NS))


def _last_line(log: IO[bytes]) -> str:
    log.seek(0)
    lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("robotd: ") if lines else "without a word"


def _words(options: UpOptions) -> Sequence[str]:
    """Return the words that give `robotd up` the same cell."""
    words = [f"--config={options.config}"] if options.config else []
    words += ["--mock"] if options.mock else []
    words += ["--no-realtime"] if options.no_realtime else []
    words += [word for setting in options.set for word in ("--set", setting)]
    words += [f"--run-dir={options.run_dir}"] if options.run_dir else []
    return words
