"""The keys of the terminal that this process runs in: no window system, over SSH as well.

The terminal is put into cbreak mode (keys at once and not shown; Ctrl-C and Ctrl-Z stay what they
are) and given back as it was: at the block's end, when the process ends, also by SIGQUIT, and
while it is stopped by Ctrl-Z. Reading never blocks.
"""

import atexit
import contextlib
import os
import select
import signal
import sys
import termios
import threading
from types import FrameType
from typing import Any, Self

from robotd.core.clock import MonoNs
from robotd.core.errors import DeviceError
from teleop.key_codes import KeyDecoder

_CHUNK_BYTES = 1024


class TerminalKeys:
    """One terminal's keys; a context manager, to be entered in the main thread."""

    def __init__(self, fd: int | None = None) -> None:
        """Take a terminal by its descriptor; default: the standard input."""
        self._fd = sys.stdin.fileno() if fd is None else fd
        self._decoder = KeyDecoder()
        self._before: list[Any] | None = None
        self._restore = contextlib.ExitStack()
        self._taken = self._leaving = False
        self._lock = threading.RLock()  # one thread may read while a signal comes to the main one

    def read(self, now: MonoNs) -> list[str]:
        """Return the keys pressed since the last call, oldest first. Never blocks.

        A process in the background reads nothing: the terminal is somebody else's then.

        Raises:
            DeviceError: The terminal is gone.
        """
        if self._before is None or not self._in_foreground():
            return []
        self._take()
        data = b""
        while select.select([self._fd], [], [], 0.0)[0]:
            try:
                more = os.read(self._fd, _CHUNK_BYTES)
            except OSError as error:
                raise DeviceError(f"keyboard: the terminal is gone ({error.strerror})") from error
            if not more:
                raise DeviceError("keyboard: the terminal is gone (end of input)")
            data += more
        return self._decoder.feed(data, now)

    def __enter__(self) -> Self:
        """Take the terminal.

        Raises:
            DeviceError: The descriptor is no terminal.
        """
        if not os.isatty(self._fd):
            raise DeviceError(
                "keyboard: the standard input is no terminal; run it in one, or name another "
                "--operator"
            )
        self._before = termios.tcgetattr(self._fd)
        atexit.register(self._give_back)
        self._restore.callback(atexit.unregister, self._give_back)
        if threading.current_thread() is threading.main_thread():
            for number, handler in (
                (signal.SIGTSTP, self._on_stop),
                (signal.SIGQUIT, self._on_stop),
                (signal.SIGCONT, self._on_continue),
            ):
                before = signal.signal(number, handler)
                self._restore.callback(signal.signal, number, before)
        self._take()
        return self

    def __exit__(self, *error: object) -> None:
        """Give the terminal back."""
        self._restore.close()
        self._give_back()
        self._before = None

    def _take(self) -> None:
        """Keys at once, not shown. From the background this would stop the process: not then."""
        with self._lock:
            taken = self._taken or self._leaving
            if taken or self._before is None or not self._in_foreground():
                return
            mode: list[Any] = [*self._before[:6], list(self._before[6])]
            mode[0] &= ~termios.IXON  # Ctrl-S, beside `s`, would hold up whoever writes to it
            mode[3] &= ~(termios.ICANON | termios.ECHO)
            mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._fd, termios.TCSANOW, mode)
                self._taken = True

    def _give_back(self) -> None:
        with self._lock:
            if not self._taken or self._before is None:
                return
            self._taken = False
            with contextlib.suppress(termios.error):  # it may be gone
                termios.tcsetattr(self._fd, termios.TCSANOW, self._before)

    def _in_foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:  # not the terminal of this session, so nobody else's job has it
            return True

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        """Give the terminal back, then stop or end, as the signal asks."""
        del frame
        self._leaving = True  # nor does a thread that reads take it again
        self._give_back()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        self._leaving = False
        signal.signal(number, self._on_stop)  # here it goes on

    def _on_continue(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._taken = False  # the shell has set its own mode meanwhile
        self._take()
