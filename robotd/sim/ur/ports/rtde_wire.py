"""Packets of RTDE version 2: size, type, payload, big endian.

Source: Universal Robots, "Real-Time Data Exchange (RTDE) guide".
"""

from collections.abc import Iterator
from enum import IntEnum
from struct import Struct
from typing import Final

from robotd.core.errors import WireError

HEADER: Final = Struct(">HB")
"""Size of the whole packet, and its type."""


class Packet(IntEnum):
    """Types of packets: letters of the alphabet."""

    PAUSE = 80
    START = 83
    DATA = 85
    VERSION = 86
    TEXT = 77
    OUTPUTS = 79
    INPUTS = 73
    CONTROLLER_VERSION = 118


class Level(IntEnum):
    """How serious a text message is."""

    EXCEPTION = 0
    ERROR = 1
    WARNING = 2
    INFO = 3


class Splitter:
    """Puts packets together from what a stream brings in pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield type and payload of each packet that is complete now.

        Raises:
            WireError: A size that no packet has; nothing after it can be understood.
        """
        data = self._rest + data if self._rest else data
        start, end = 0, len(data)
        self._rest = b""
        while end - start >= HEADER.size:
            size, kind = HEADER.unpack_from(data, start)
            if size < HEADER.size:
                raise WireError("rtde", f"packet of {size} bytes, expected at least {HEADER.size}")
            if end - start < size:
                break
            yield kind, data[start + HEADER.size : start + size]
            start += size
        self._rest = data[start:]


def packet(kind: Packet, payload: bytes = b"") -> bytes:
    """Return one packet."""
    return HEADER.pack(HEADER.size + len(payload), kind) + payload


def text_packet(text: str, level: Level, source: str = "robotd") -> bytes:
    """Return a text message; a long one is cut, as its length is one byte."""
    words, origin = text.encode()[:255], source.encode()[:255]
    body = bytes((len(words),)) + words + bytes((len(origin),)) + origin + bytes((level,))
    return packet(Packet.TEXT, body)
