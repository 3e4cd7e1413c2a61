"""One TCP connection of the controller, with what a test may do to it."""

import random
import socket
import struct
from collections import deque
from dataclasses import dataclass
from typing import Final

MAX_BACKLOG_BYTES: Final = 256 * 1024
"""What a client has not taken; more is not added to, as on a real one that skips packages."""

_LINGER_NONE: Final = struct.pack("ii", 1, 0)  # close() then sends a reset


@dataclass(slots=True)
class Disturbance:
    """What happens to the bytes of one kind of port.

    Attributes:
        mute: What would be sent is dropped.
        delay_s: Both ways are so much slower.
        jitter_s: And up to so much more, at random.
    """

    mute: bool = False
    delay_s: float = 0.0
    jitter_s: float = 0.0

    @property
    def slow(self) -> bool:
        """Whether bytes wait."""
        return self.delay_s > 0 or self.jitter_s > 0


class Link:
    """A connection.

    Attributes:
        kind: Of its port: `rtde`, `script`, `dashboard` or `control`.
        gone: The client closed it, or it broke.
    """

    def __init__(self, kind: str, sock: socket.socket, trouble: Disturbance) -> None:
        """Take over an accepted socket."""
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.kind, self.gone = kind, False
        self._sock, self._trouble = sock, trouble
        self._out = bytearray()
        self._coming: deque[tuple[int, bytes]] = deque()
        self._leaving: deque[tuple[int, bytes]] = deque()
        self._last_in_ns = self._last_out_ns = 0
        self._random = random.Random(7)

    def fileno(self) -> int:
        """For `select`."""
        return self._sock.fileno()

    @property
    def crowded(self) -> bool:
        """Whether the client does not take what it is sent."""
        return len(self._out) > MAX_BACKLOG_BYTES

    def read(self, now_ns: int) -> bytes:
        """Return what has come, after its delay; sets `gone` where nothing more will come."""
        data = self._recv()
        if not (self._trouble.slow or self._coming):
            return data
        if data:
            self._last_in_ns = max(self._last_in_ns, now_ns + self._wait_ns())
            self._coming.append((self._last_in_ns, data))
        parts: list[bytes] = []
        while self._coming and self._coming[0][0] <= now_ns:
            parts.append(self._coming.popleft()[1])
        return b"".join(parts)

    def write(self, data: bytes | bytearray, now_ns: int) -> None:
        """Send, or lose, or send later, as the disturbance says."""
        if self._trouble.mute:
            return
        if self._trouble.slow or self._leaving:
            self._last_out_ns = max(self._last_out_ns, now_ns + self._wait_ns())
            self._leaving.append((self._last_out_ns, bytes(data)))
        else:
            self._out += data
        self.flush(now_ns)

    def flush(self, now_ns: int) -> None:
        """Send what is due and what the client did not take before."""
        while self._leaving and self._leaving[0][0] <= now_ns:
            self._out += self._leaving.popleft()[1]
        if not self._out or self.gone:
            return
        try:
            sent = self._sock.send(self._out)
        except BlockingIOError:
            return
        except OSError:
            self.gone = True
            return
        del self._out[:sent]

    def close(self, *, reset: bool = False) -> None:
        """End it: in order, or with a reset."""
        if reset:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        self._sock.close()
        self.gone = True

    def _recv(self) -> bytes:
        try:
            data = self._sock.recv(65536)
        except BlockingIOError:
            return b""
        except OSError:
            self.gone = True
            return b""
        if not data:
            self.gone = True
        return data

    def _wait_ns(self) -> int:
        trouble = self._trouble
        return round((trouble.delay_s + trouble.jitter_s * self._random.random()) * 1e9)
