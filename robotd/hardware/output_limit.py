"""Keeps a vendor's library from filling the disk with what it prints."""

import os
import sys
from typing import Final, TextIO

from robotd.core.clock import MonoNs, S

LIMIT_BYTES_S: Final = 32 * 1024
"""A library that prints on each cycle writes about so much in a second."""

_CHECK_NS: Final = S


class OutputLimit:
    """Silences descriptors 1 and 2 once their file grows too fast; our own words still get through.

    Where they are no file, nothing is done.
    """

    def __init__(self, out_fd: int = 1, error_fd: int = 2) -> None:
        """Watch these descriptors.

        Args:
            out_fd: Where the library prints.
            error_fd: Where it complains; our own words go to a copy of it.
        """
        self.silenced = False
        self._fds = (out_fd, error_fd)
        self._own: TextIO = os.fdopen(os.dup(error_fd), "w", buffering=1, errors="replace")
        self._sizes: tuple[int, ...] | None = None
        self._checked_ns = MonoNs(0)

    def say(self, text: str) -> None:
        """Write a line of ours."""
        self._own.write(f"{text}\n")

    def check(self, now_ns: MonoNs) -> None:
        """Look once a second; to be called often. Real-time: two `fstat` a second."""
        if self.silenced or now_ns - self._checked_ns < _CHECK_NS:
            return
        self._checked_ns = now_ns
        sizes = tuple(os.fstat(fd).st_size for fd in self._fds)
        grown = max(map(int.__sub__, sizes, self._sizes)) if self._sizes else 0
        self._sizes = sizes
        if grown > LIMIT_BYTES_S:
            self._silence(grown)

    def close(self) -> None:
        """Close the copy."""
        self._own.close()

    def _silence(self, grown: int) -> None:
        self.say(f"ur: a library printed {grown} bytes in a second; it is silenced from here on")
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        for fd in self._fds:
            os.dup2(nowhere, fd)
        os.close(nowhere)
        self.silenced = True
