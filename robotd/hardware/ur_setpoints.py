"""The setpoint channel: number and joints to the controller in one packet, its answer back.

Made for this one purpose instead of the vendor library's control interface: it never blocks, never
reconnects by itself, and is refused where another program writes the same registers.
"""

import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from time import monotonic
from types import TracebackType
from typing import NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from robotd.core.errors import DeviceError
from robotd.core.script_codes import ScriptRegisters, ScriptState
from robotd.hardware.rtde_wire import (
    PROTOCOL_VERSION,
    RTDE_PORT,
    Packet,
    PacketCutter,
    Recipe,
    packet,
    read_recipe,
)

_CHUNK = 16_384
_MOST_CHUNKS = 64
"""A poll reads at most this often, so that a flood cannot hold it: 1 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptReport:
    """What the controller said in one cycle.

    Attributes:
        timestamp_s: Its own clock [s] since it started.
        runtime_state: 2 while a program runs (UR RTDE guide).
        robot_status_bits: Power, program, teach button (UR RTDE guide).
        safety_status_bits: The eleven safety bits (UR RTDE guide).
        acknowledged: The number that the control script followed last.
        state: What the script does, or why it ended; `NONE` for what is no such number.
    """

    timestamp_s: float
    runtime_state: int
    robot_status_bits: int
    safety_status_bits: int
    acknowledged: int
    state: ScriptState


class SetpointChannel:
    """One RTDE connection to the controller; used by one thread.

    Any error closes it: from then on every call raises, until `connect` is called again.
    """

    def __init__(
        self,
        host: str,
        *,
        rate_hz: float,
        registers: ScriptRegisters | None = None,
        port: int = RTDE_PORT,
        timeout_s: float = 2.0,
    ) -> None:
        """Describe the connection; nothing is opened.

        Args:
            host: The controller's address.
            rate_hz: Reports a second: the controller's own rate.
            registers: Which registers carry the protocol.
            port: Of the controller's RTDE.
            timeout_s: For the whole of `connect`.
        """
        self._host, self._port = host, port
        self._rate_hz, self._timeout_s = rate_hz, timeout_s
        self._registers = registers or ScriptRegisters()
        self._socket: socket.socket | None = None
        self._cutter = PacketCutter()
        self._inputs = self._outputs = Recipe(0, struct.Struct(""))
        self._version = (0, 0, 0, 0)

    @property
    def connected(self) -> bool:
        """Whether it is open; says nothing about the controller being alive."""
        return self._socket is not None

    @property
    def version(self) -> tuple[int, int, int, int]:
        """Major, minor, bugfix and build of the controller's software, once connected."""
        return self._version

    def connect(self) -> None:
        """Open, agree on what is exchanged, and start; closes a connection that was open.

        Raises:
            DeviceError: Nobody answers in time, or the controller refuses; names what to do.
        """
        self.close()
        deadline = monotonic() + self._timeout_s
        try:
            self._socket = socket.create_connection((self._host, self._port), self._timeout_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._agree(deadline)
            self._socket.setblocking(False)
        except DeviceError:
            self.close()
            raise
        except OSError as error:
            self._fail(f"no connection within {self._timeout_s:g} s ({error})", error)

    def send(self, number: int, q_rad: NDArray[np.float64]) -> None:
        """Send a number and (6,) joints [rad] in one packet. Never blocks.

        Raises:
            DeviceError: Not connected, the controller is gone, it takes no more packets, or the
                joints are not six finite numbers: then nothing is sent.
        """
        if q_rad.shape != (6,) or not np.isfinite(q_rad).all():
            self._fail(f"a setpoint that is not six finite numbers was refused: {q_rad.tolist()}")
        data = self._inputs.pack(number, *q_rad.tolist())
        try:
            sent = self._open_socket().send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except BlockingIOError as error:
            self._fail("the controller takes no more setpoints, its buffer is full", error)
        except OSError as error:
            self._fail(f"the connection is gone ({error})", error)
        if sent != len(data):
            self._fail("the controller takes no more setpoints, its buffer is full")

    def poll(self) -> ScriptReport | None:
        """Return the newest report since the last call, or None. Never blocks.

        Raises:
            DeviceError: Not connected, the controller is gone, or it sent what it should not.
        """
        try:
            self._read_pending(self._open_socket())
            newest: bytes | None = None
            while (found := self._cutter.next()) is not None:
                kind, payload = found
                if kind == Packet.DATA:
                    newest = payload
                elif kind != Packet.TEXT:
                    raise DeviceError(f"UR RTDE: a packet of type {kind} came unasked")
            return None if newest is None else self._report(newest)
        except DeviceError:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; may be called at any time. Never raises."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
        self._socket = None
        self._cutter = PacketCutter()

    def __enter__(self) -> Self:
        """Connect."""
        self.connect()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def _agree(self, deadline: float) -> None:
        """Protocol, software version, both recipes, start."""
        payload = struct.pack(">H", PROTOCOL_VERSION)
        if self._ask(Packet.REQUEST_VERSION, payload, deadline) != b"\1":
            raise DeviceError(
                f"UR RTDE: {self._host} does not speak version {PROTOCOL_VERSION} of the protocol; "
                f"it needs PolyScope 3.2 or later"
            )
        version = self._ask(Packet.CONTROLLER_VERSION, b"", deadline)
        if len(version) != 16:
            raise DeviceError(f"UR RTDE: the software version has {len(version)} bytes, not 16")
        self._version = struct.unpack(">IIII", version)
        outputs = {
            "timestamp": "DOUBLE",
            "runtime_state": "UINT32",
            "robot_status_bits": "UINT32",
            "safety_status_bits": "UINT32",
            self._registers.acknowledged: "INT32",
            self._registers.state: "INT32",
        }
        inputs = dict.fromkeys(self._registers.inputs, "DOUBLE")
        inputs[self._registers.number] = "INT32"
        rate = struct.pack(">d", self._rate_hz)
        self._outputs = self._set_up(Packet.SETUP_OUTPUTS, rate, outputs, deadline)
        self._inputs = self._set_up(Packet.SETUP_INPUTS, b"", inputs, deadline)
        if self._ask(Packet.START, b"", deadline) != b"\1":
            raise DeviceError(f"UR RTDE: {self._host} refused to start the exchange")

    def _set_up(
        self, kind: Packet, prefix: bytes, variables: dict[str, str], deadline: float
    ) -> Recipe:
        asked = prefix + ",".join(variables).encode("ascii")
        answer = self._ask(kind, asked, deadline)
        return read_recipe(answer, list(variables), list(variables.values()))

    def _ask(self, kind: Packet, payload: bytes, deadline: float) -> bytes:
        """Send a packet and wait for the answer of its kind; texts on the way are dropped."""
        wire = self._open_socket()
        wire.settimeout(max(deadline - monotonic(), 0.001))
        wire.sendall(packet(kind, payload))
        while True:
            found = self._cutter.next()
            if monotonic() > deadline:
                raise TimeoutError(f"no answer of type {int(kind)}")
            if found is None:
                wire.settimeout(max(deadline - monotonic(), 0.001))
                data = wire.recv(_CHUNK)
                if not data:
                    raise DeviceError(f"UR RTDE: {self._host} closed the connection while asked")
                self._cutter.feed(data)
            elif found[0] == kind:
                return found[1]
            elif found[0] != Packet.TEXT:
                raise DeviceError(f"UR RTDE: asked type {int(kind)}, got an answer of {found[0]}")

    def _read_pending(self, wire: socket.socket) -> None:
        for _ in range(_MOST_CHUNKS):
            try:
                data = wire.recv(_CHUNK, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                self._fail(f"the connection is gone ({error})", error)
            if not data:
                self._fail("the controller closed the connection")
            self._cutter.feed(data)
            if len(data) < _CHUNK:
                return
        self._fail("more than 1 MiB came at once")

    def _report(self, payload: bytes) -> ScriptReport:
        timestamp_s, runtime, robot, safety, acknowledged, state = self._outputs.unpack(payload)
        if not isfinite(timestamp_s):
            raise DeviceError(f"UR RTDE: the controller's timestamp is {timestamp_s}")
        return ScriptReport(
            timestamp_s=timestamp_s,
            runtime_state=int(runtime),
            robot_status_bits=int(robot),
            safety_status_bits=int(safety),
            acknowledged=int(acknowledged),
            state=_STATES.get(int(state), ScriptState.NONE),
        )

    def _open_socket(self) -> socket.socket:
        if self._socket is None:
            raise DeviceError(f"UR RTDE: not connected to {self._host}:{self._port}")
        return self._socket

    def _fail(self, what: str, cause: Exception | None = None) -> NoReturn:
        self.close()
        raise DeviceError(f"UR RTDE {self._host}:{self._port}: {what}") from cause


_STATES: dict[int, ScriptState] = {int(state): state for state in ScriptState}
