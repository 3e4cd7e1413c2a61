"""Asks a controller for a few of its outputs, once: never waits longer than it is told to.

It is also how a driver finds out that somebody answers, before a library that could wait for ever.
"""

import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic

from robotd.core.errors import DeviceError
from robotd.hardware.rtde_wire import (
    FORMATS,
    PROTOCOL_VERSION,
    RTDE_PORT,
    Packet,
    PacketCutter,
    packet,
)

_CHUNK = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a controller said.

    Attributes:
        version: Major, minor, bugfix and build of its software.
        samples: One mapping a cycle, oldest first, from an output to its numbers; outputs that it
            does not know are missing.
    """

    version: tuple[int, int, int, int]
    samples: tuple[dict[str, tuple[float, ...]], ...]


def ask(
    host: str,
    outputs: Sequence[str],
    *,
    rate_hz: float,
    samples_n: int = 1,
    port: int = RTDE_PORT,
    timeout_s: float = 2.0,
) -> Answers:
    """Return outputs of consecutive cycles.

    Args:
        host: The controller's address.
        outputs: Names as in the RTDE guide.
        rate_hz: How often to be told.
        samples_n: How many cycles to wait for.
        port: Of its RTDE.
        timeout_s: For all of it.

    Raises:
        DeviceError: Nobody is there, nobody answers in time, or something else than a controller.
    """
    deadline = monotonic() + timeout_s
    try:
        with socket.create_connection((host, port), timeout_s) as wire:
            return _Conversation(wire, deadline).run(outputs, rate_hz, samples_n)
    except TimeoutError as error:
        raise DeviceError(
            f"ur: {host}:{port} gave no answer within {timeout_s:g} s;"
            " is it a controller, and has it finished booting?"
        ) from error
    except OSError as error:
        raise DeviceError(
            f"ur: no connection to {host}:{port} ({error.strerror or error});"
            " check its power, the cable and arm.host"
        ) from error


class _Conversation:
    """One connection, until its deadline."""

    def __init__(self, wire: socket.socket, deadline: float) -> None:
        self._wire, self._deadline = wire, deadline
        self._cutter = PacketCutter()

    def run(self, outputs: Sequence[str], rate_hz: float, samples_n: int) -> Answers:
        if self._answer(Packet.REQUEST_VERSION, struct.pack(">H", PROTOCOL_VERSION)) != b"\1":
            raise DeviceError(f"ur: the controller does not speak RTDE version {PROTOCOL_VERSION}")
        version = self._answer(Packet.CONTROLLER_VERSION)
        if len(version) != 16:
            raise DeviceError("ur: the controller's version has another length than RTDE says")
        fields, layout = self._agree(list(outputs), rate_hz)
        if self._answer(Packet.START) != b"\1":
            raise DeviceError("ur: the controller refused to start its RTDE output")
        samples = tuple(self._sample(fields, layout) for _ in range(samples_n))
        major, minor, bugfix, build = struct.unpack(">IIII", version)
        return Answers(version=(major, minor, bugfix, build), samples=samples)

    def _agree(self, names: list[str], rate_hz: float) -> tuple[list[tuple[str, int]], str]:
        """Ask for all, then without those that it does not know."""
        for _ in range(2):
            payload = struct.pack(">d", rate_hz) + ",".join(names).encode("ascii")
            types = self._answer(Packet.SETUP_OUTPUTS, payload)[1:].decode("ascii", "replace")
            found = types.strip("\0").split(",")
            if len(found) != len(names):
                raise DeviceError(f"ur: {len(names)} outputs were asked for, got {len(found)}")
            if all(kind in FORMATS for kind in found):
                formats = [FORMATS[kind] for kind in found]
                fields = [int(f[:-1] or 1) for f in formats]
                return list(zip(names, fields, strict=True)), ">B" + "".join(formats)
            names = [n for n, kind in zip(names, found, strict=True) if kind in FORMATS]
        raise DeviceError("ur: the controller takes back outputs that it had agreed to")

    def _sample(self, fields: list[tuple[str, int]], layout: str) -> dict[str, tuple[float, ...]]:
        payload = next(self._payloads(Packet.DATA))
        if len(payload) != struct.calcsize(layout):
            raise DeviceError(f"ur: a data packet of {len(payload)} bytes, expected another length")
        values = iter(struct.unpack(layout, payload)[1:])
        return {name: tuple(next(values) for _ in range(count)) for name, count in fields}

    def _answer(self, kind: Packet, payload: bytes = b"") -> bytes:
        self._wire.settimeout(self._left())
        self._wire.sendall(packet(kind, payload))
        return next(self._payloads(kind))

    def _payloads(self, kind: Packet) -> Iterator[bytes]:
        """Yield what comes of one kind; texts and what is under way of others is dropped."""
        while True:
            while (found := self._cutter.next()) is not None:
                if found[0] == kind:
                    yield found[1]
            self._wire.settimeout(self._left())
            data = self._wire.recv(_CHUNK)
            if not data:
                raise DeviceError("ur: the controller closed the connection while it was asked")
            self._cutter.feed(data)

    def _left(self) -> float:
        left_s = self._deadline - monotonic()
        if left_s <= 0:
            raise TimeoutError
        return left_s
