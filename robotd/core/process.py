"""How the processes of the daemon are started, watched and stopped, and end with their parent."""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Self

from robotd.core.errors import ProcessDiedError
from robotd.core.whole_file import whole_file

PARENT_VARIABLE = "ROBOTD_PARENT_PID"
"""Environment variable by which `spawn` tells a child whose death it must not outlive."""

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_POLL_S = 0.005
_KILL_S = 3.0
"""One that a disk holds up is left behind, as nobody can end it."""
_TAIL_BYTES = 4096


def die_with_parent(parent_pid: int | None = None) -> None:
    """Have the kernel send this process SIGTERM when its parent ends, however it ends.

    To be called early, from the main thread, after the handler of SIGTERM is in place. A process
    that `spawn` did not start has no such parent, and nothing happens. The kernel means the thread
    that started the child (man 2 prctl): so `spawn` belongs in a thread that lives as long as its
    process.

    Args:
        parent_pid: The expected parent; default: what `spawn` said.
    """
    expected = os.environ.get(PARENT_VARIABLE, "") if parent_pid is None else str(parent_pid)
    if not expected.isdigit():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl(PR_SET_PDEATHSIG): {os.strerror(number)}")
    if os.getppid() != int(expected):  # it ended before the kernel knew
        os.kill(os.getpid(), signal.SIGTERM)


class StopFlag:
    """Remembers that a signal asked for the end; a context manager while it is in force.

    SIGTERM, SIGINT, and SIGHUP, with which a closed terminal ends what ran in it (`nohup` has it
    ignored, and so it stays). The handler only sets the flag: nothing is thrown into the middle of
    a servo cycle.

    Attributes:
        requested: Whether a signal came, or `request` was called.
    """

    def __init__(self) -> None:
        self.requested = False
        self._read_fd = self._write_fd = -1
        self._restore = contextlib.ExitStack()

    def request(self) -> None:
        """Ask for the end, as a signal would."""
        self.requested = True
        if self._write_fd >= 0:
            with contextlib.suppress(BlockingIOError):  # full: readable already
                os.write(self._write_fd, b"x")

    def wait(self, timeout_s: float) -> bool:
        """Sleep until a signal comes, at most `timeout_s` [s]; return `requested`."""
        if not self.requested:
            select.select([self._read_fd], [], [], max(0.0, timeout_s))
        return self.requested

    def fileno(self) -> int:
        """Return a descriptor that is readable once the end is asked for, for a poll loop."""
        return self._read_fd

    def __enter__(self) -> Self:
        self._read_fd, self._write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue
            before = signal.signal(number, self._on_signal)
            self._restore.callback(signal.signal, number, before)
        return self

    def __exit__(self, *error: object) -> None:
        self._restore.close()
        os.close(self._read_fd)
        os.close(self._write_fd)
        self._read_fd = self._write_fd = -1

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.request()


class ChildProcess:
    """A process that this one started; its log keeps what it wrote to stdout and stderr.

    Attributes:
        name: What it is called in messages and files.
        pid: Its process id.
        command: Its command line.
        log: The file with its output.
    """

    def __init__(
        self,
        name: str,
        run: Path,
        command: tuple[str, ...],
        log: Path,
        popen: subprocess.Popen[bytes],
        log_start: int,
    ) -> None:
        self.name = name
        self.pid = popen.pid
        self.command = command
        self.log = log
        self._run = run
        self._popen = popen
        self._log_start = log_start

    def poll(self) -> int | None:
        """Return its exit status (negative: the signal that killed it), None while it runs."""
        return self._popen.poll()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.poll() is None

    @property
    def ready(self) -> bool:
        """Whether it has said that it does its work."""
        try:
            return _ready_path(self._run, self.name).read_text() == str(self.pid)
        except FileNotFoundError:
            return False

    def wait_ready(self, timeout_s: float, stop: StopFlag | None = None) -> bool:
        """Wait until it does its work; False where `stop` was raised first.

        Raises:
            ProcessDiedError: It ended, or is not ready in time; with its last line.
        """
        deadline = time.monotonic() + timeout_s
        while not self.ready:
            if stop is not None and stop.requested:
                return False
            if not self.alive:
                raise self.died()
            if time.monotonic() > deadline:
                raise ProcessDiedError(
                    f"{self.name}: not ready after {timeout_s:g} s{self._last_words()}"
                )
            time.sleep(_POLL_S)
        return True

    def died(self) -> ProcessDiedError:
        """Return the error that says how it ended, with its last line."""
        return ProcessDiedError(f"{self.name}: {self._ending()}{self._last_words()}")

    def ask_to_end(self) -> None:
        """Send SIGTERM; returns at once."""
        self._popen.terminate()

    def terminate(self, timeout_s: float) -> int:
        """Send SIGTERM, after `timeout_s` [s] SIGKILL; return the exit status."""
        self._popen.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._popen.wait(timeout_s)
        return self.kill()

    def send_kill(self) -> None:
        """Send SIGKILL to it and what it started; returns at once.

        One that a disk holds up ends later, or never: who may not be held up too looks at `alive`.
        """
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def kill(self) -> int:
        """Send SIGKILL to it and what it started; return the exit status."""
        self.send_kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._popen.wait(_KILL_S)
        return -signal.SIGKILL

    def last_lines(self, count: int = 5) -> tuple[str, ...]:
        """Return the last lines, not empty, that it wrote since it was started."""
        try:
            with self.log.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(min(self._log_start, size), size - _TAIL_BYTES))
                text = file.read().decode(errors="replace")
        except FileNotFoundError:
            return ()
        return tuple(line for line in map(str.strip, text.splitlines()) if line)[-count:]

    def _ending(self) -> str:
        status = self.poll()
        if status is None:
            return "still runs"
        if status >= 0:
            return f"ended with exit code {status}"
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-status).name}"
        return f"killed by signal {-status}"

    def _last_words(self) -> str:
        lines = self.last_lines(1)
        return f"; its last line: {lines[0]} (all in {self.log})" if lines else ", without a word"


def spawn(
    name: str,
    run: Path,
    *,
    arguments: Sequence[str] = (),
    command: Sequence[str] | None = None,
    log_dir: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> ChildProcess:
    """Start a process of the run, in a session of its own: Ctrl-C reaches this process alone.

    Args:
        name: Of the process, as `robotd.proc` knows it.
        run: The run directory.
        arguments: More arguments for it.
        command: Another command line; default: `python -m robotd.proc NAME --run-dir RUN`.
        log_dir: Where its output goes, to NAME.log; default: the run directory.
        environment: Variables that differ from this process's.
    """
    default = (sys.executable, "-m", "robotd.proc", name, "--run-dir", str(run))
    full_command = (*(default if command is None else command), *arguments)
    _ready_path(run, name).unlink(missing_ok=True)
    log = (run if log_dir is None else log_dir) / f"{name}.log"
    with log.open("ab") as output:
        log_start = output.tell()
        popen = subprocess.Popen(
            full_command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, **(environment or {}), PARENT_VARIABLE: str(os.getpid())},
        )
    return ChildProcess(name, run, full_command, log, popen, log_start)


def announce_ready(run: Path, name: str) -> None:
    """Tell the parent that this process does its work now."""
    with whole_file(_ready_path(run, name)) as partial:
        partial.write_text(str(os.getpid()))


def _ready_path(run: Path, name: str) -> Path:
    return run / f"{name}.ready"
