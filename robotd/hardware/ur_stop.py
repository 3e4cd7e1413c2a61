"""The other way to stop a controller's program: over connections that carry nothing else.

Opened before the arm may move and kept open, so that nothing has to be opened when it matters.
Standard library alone: what it is for includes a vendor library that failed.
"""

import contextlib
import socket
from typing import Final

from robotd.core.errors import DeviceError

DASHBOARD_PORT: Final = 29999
SCRIPT_PORT: Final = 30003
_GREETING: Final = b"Connected"
_STOP: Final = b"stop\n"
_CHUNK_BYTES: Final = 65536
_DRAIN_EVERY: Final = 16
"""A script port streams about 1 KiB a cycle (UR remote control guide)."""


class StopPath:
    """Dashboard `stop`, and a script that takes the place of the running one and brakes."""

    def __init__(self, host: str, *, deceleration_rad_s2: float, timeout_s: float = 2.0) -> None:
        """Describe it; nothing is opened.

        Args:
            host: The controller's address.
            deceleration_rad_s2: Of the braking script.
            timeout_s: For each step of `open`.
        """
        self._host, self._timeout_s = host, timeout_s
        self._script = f"def robotd_stop():\n  stopj({deceleration_rad_s2:.3f})\nend\n".encode()
        self._dashboard: socket.socket | None = None
        self._scripts: socket.socket | None = None
        self._dropped = bytearray(_CHUNK_BYTES)
        self._drains_n = 0

    @property
    def opened(self) -> bool:
        """Whether one of both can be used, as far as was heard."""
        return self._dashboard is not None or self._scripts is not None

    def open(self) -> None:
        """Open both.

        Raises:
            DeviceError: One of them cannot be: then the arm is not to be moved.
        """
        self.close()
        try:
            self._dashboard = self._connect(DASHBOARD_PORT)
            greeting = self._dashboard.recv(256)
            self._scripts = self._connect(SCRIPT_PORT)
        except OSError as error:
            self.close()
            raise DeviceError(
                f"ur: {self._host}: the stop path could not be opened ({error});"
                " reboot the controller"
            ) from error
        if not greeting.startswith(_GREETING):
            self.close()
            raise DeviceError(f"ur: {self._host}:{DASHBOARD_PORT} is no dashboard server")
        for each in (self._dashboard, self._scripts):
            each.setblocking(False)

    def stop(self) -> bool:
        """Say stop over both; never blocks, never raises. Returns whether one of them took it.

        The dashboard ends a program that is paused as well; the script brakes as we want it.
        """
        first = self._send(self._dashboard, _STOP)
        second = self._send(self._scripts, self._script)
        return first or second

    def drain(self) -> None:
        """Drop what the controller streams there, so that it never has to wait; never blocks.

        To be called in each cycle; some are enough. A connection that has ended is let go of.
        """
        self._drains_n += 1
        if self._drains_n % _DRAIN_EVERY:
            return
        if self._dashboard is not None and self._ended(self._dashboard):
            self._dashboard = _closed(self._dashboard)
        if self._scripts is not None and self._ended(self._scripts):
            self._scripts = _closed(self._scripts)

    def close(self) -> None:
        """Close both. Never raises."""
        for each in (self._dashboard, self._scripts):
            if each is not None:
                _closed(each)
        self._dashboard = self._scripts = None

    def _ended(self, wire: socket.socket) -> bool:
        """Drop what came; return whether nothing will come nor go any more."""
        try:
            return wire.recv_into(self._dropped, 0, socket.MSG_DONTWAIT) == 0
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _connect(self, port: int) -> socket.socket:
        wire = socket.create_connection((self._host, port), self._timeout_s)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return wire

    def _send(self, wire: socket.socket | None, data: bytes) -> bool:
        if wire is None:
            return False
        try:
            return wire.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL) == len(data)
        except OSError:
            return False


def _closed(wire: socket.socket) -> None:
    with contextlib.suppress(OSError):
        wire.close()
