"""Packets of the controller's RTDE protocol, version 2, as bytes: built and cut, no socket.

Big endian: u16 size with this header, u8 type, payload (UR RTDE guide, "Real-Time Data Exchange").
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from robotd.core.errors import DeviceError, one_line

RTDE_PORT = 30004
PROTOCOL_VERSION = 2
LARGEST_PACKET = 4096
"""Bytes; a controller's largest packet is well below."""

_HEADER = struct.Struct(">HB")
FORMATS = {
    "BOOL": "?",
    "UINT8": "B",
    "UINT32": "I",
    "UINT64": "Q",
    "INT32": "i",
    "DOUBLE": "d",
    "VECTOR3D": "3d",
    "VECTOR6D": "6d",
    "VECTOR6INT32": "6i",
    "VECTOR6UINT32": "6I",
}
"""Type of a variable to its format for `struct`."""


class Packet(IntEnum):
    """Types of packets."""

    REQUEST_VERSION = 86
    CONTROLLER_VERSION = 118
    TEXT = 77
    DATA = 85
    SETUP_OUTPUTS = 79
    SETUP_INPUTS = 73
    START = 83
    PAUSE = 80


def packet(kind: Packet, payload: bytes = b"") -> bytes:
    """One packet."""
    return _HEADER.pack(_HEADER.size + len(payload), kind) + payload


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a data packet carries, as agreed with the controller.

    Attributes:
        recipe_id: First byte of every packet of this recipe.
        layout: Its fields after that byte.
    """

    recipe_id: int
    layout: struct.Struct

    def pack(self, *values: float) -> bytes:
        """The whole data packet."""
        return packet(Packet.DATA, bytes([self.recipe_id]) + self.layout.pack(*values))

    def unpack(self, payload: bytes) -> tuple[float, ...]:
        """The fields of a data packet's payload.

        Raises:
            DeviceError: Another recipe or another length.
        """
        size = self.layout.size + 1
        if len(payload) != size or payload[0] != self.recipe_id:
            raise DeviceError(
                f"UR RTDE: a data packet of {len(payload)} bytes, recipe "
                f"{payload[0] if payload else 'missing'}; expected {size} bytes, recipe "
                f"{self.recipe_id}; something else than a controller answers there"
            )
        return self.layout.unpack(payload[1:])


def read_recipe(payload: bytes, names: Sequence[str], types: Sequence[str]) -> Recipe:
    """The recipe from the controller's answer to a setup packet.

    Args:
        payload: Of the answer: recipe id, then the types with commas between.
        names: Of the variables that were asked for.
        types: What each must be.

    Raises:
        DeviceError: A variable that is taken, unknown or of another type; the message names all.
    """
    answer = payload[1:].decode("ascii", "replace").strip("\0").split(",")
    if len(payload) < 2 or len(answer) != len(names):
        raise DeviceError(
            f"UR RTDE: {len(names)} variables were asked for, the controller answered "
            f"{one_line(','.join(answer))[:120]!r}"
        )
    taken = [name for name, word in zip(names, answer, strict=True) if word == "IN_USE"]
    if taken:
        raise DeviceError(
            f"UR RTDE: {_enumerate(taken)} {'is' if len(taken) == 1 else 'are'} written by another "
            f"program; stop it, or take the other registers with arm.ur.register_base"
        )
    unknown = [name for name, word in zip(names, answer, strict=True) if word == "NOT_FOUND"]
    if unknown:
        raise DeviceError(
            f"UR RTDE: the controller does not know {_enumerate(unknown)}; registers from 24 on "
            f"need PolyScope 3.9 or 5.3, arm.ur.register_base = 0 does without them"
        )
    for name, got, wanted in zip(names, answer, types, strict=True):
        if got != wanted:
            raise DeviceError(
                f"UR RTDE: {name} is {one_line(got)[:40]!r} on this controller, expected {wanted}"
            )
    return Recipe(payload[0], struct.Struct(">" + "".join(FORMATS[word] for word in types)))


def _enumerate(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


class PacketCutter:
    """Cuts a stream of bytes into packets."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._pending = bytearray()

    def feed(self, data: bytes) -> None:
        """Take what came."""
        self._pending += data

    def next(self) -> tuple[int, bytes] | None:
        """Type and payload of the next whole packet; None until more bytes come.

        Raises:
            DeviceError: Bytes that no controller sends.
        """
        if len(self._pending) < _HEADER.size:
            return None
        size, kind = _HEADER.unpack_from(self._pending)
        if not _HEADER.size <= size <= LARGEST_PACKET or kind not in _KINDS:
            raise DeviceError(
                f"UR RTDE: a packet of {size} bytes, type {kind}: garbage; something else than a "
                f"controller answers there"
            )
        if len(self._pending) < size:
            return None
        payload = bytes(self._pending[_HEADER.size : size])
        del self._pending[:size]
        return kind, payload


_KINDS = frozenset(int(kind) for kind in Packet)
