"""The bytes of the items that processes hand each other through rings and the mailbox.

Every record begins with a tag of four bytes that names its type and version, has exactly one
possible length, and is checked in full before anything is built from it: whatever the bytes, the
answer is a valid item without a NaN, or a `CorruptRecordError`. All numbers have 64 bits and are
little-endian.
"""

import struct

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import ArmFault, ArmPhase, Limit, Verdict
from robotd.core.clock import MonoNs
from robotd.core.errors import CorruptRecordError
from robotd.core.types import (
    MAX_PLAN_ROWS,
    ArmState,
    ArmTick,
    Frame,
    Orders,
    Plan,
    Signal,
    TeleopSample,
)

_TICK = struct.Struct("<4s4x13q")
_TICK_TAG = b"TIK1"
_TICK_DOUBLES = 51
_ORDERS = struct.Struct("<4s4x6q")
_ORDERS_TAG = b"ORD1"
_ROW_BYTES = 8 + 16 * 8
_FRAME = struct.Struct("<4s4x3q")
_FRAME_TAG = b"FRM1"
_SIGNAL = struct.Struct("<4s4x2q")
_SIGNAL_TAG = b"SIG1"
_MAX_COLUMNS = 1024
_TELEOP = struct.Struct("<4s4x2q6d")
_TELEOP_TAG = b"TEL1"
_MAX_BUTTONS = 63

TICK_BYTES = _TICK.size + _TICK_DOUBLES * 8
"""Size of an `ArmTick` [bytes]."""

MAX_ORDERS_BYTES = _ORDERS.size + MAX_PLAN_ROWS * _ROW_BYTES
"""Size of `Orders` with the longest plan [bytes]."""

TELEOP_BYTES = _TELEOP.size
"""Size of a `TeleopSample` [bytes]."""


def frame_bytes(height_px: int, width_px: int) -> int:
    """Return the size of a `Frame` of that resolution [bytes]."""
    return _FRAME.size + height_px * width_px * 3


def signal_bytes(rows: int, columns: int) -> int:
    """Return the size of a `Signal` of that shape [bytes]."""
    return _SIGNAL.size + rows * (1 + columns) * 8


def pack_tick(tick: ArmTick) -> bytes:
    """Return the bytes of an `ArmTick`. Real-time: constant size, no checks of the values."""
    state, verdict = tick.state, tick.verdict
    head = _TICK.pack(
        _TICK_TAG,
        tick.t_ns,
        tick.session,
        tick.plan_epoch,
        tick.late_ns,
        tick.skipped_n,
        tick.phase,
        tick.fault,
        verdict.accepted,
        verdict.limit,
        verdict.braking,
        state.t_ns,
        state.safety_bits,
        state.program_running,
    )
    arrays = (state.q_rad, state.qd_rad_s, state.T_base_tcp, tick.q_cmd_rad, tick.T_base_cmd)
    doubles = [np.asarray(array, np.float64).tobytes() for array in arrays]
    return b"".join((head, *doubles, struct.pack("<d", state.speed_scaling)))


def unpack_tick(data: bytes) -> ArmTick:
    """Return the `ArmTick` of `pack_tick`.

    Raises:
        CorruptRecordError: Anything else than its bytes, or a value that is not finite.
    """
    values = _head(_TICK, _TICK_TAG, data)
    _check_length("ArmTick", data, TICK_BYTES)
    doubles = _doubles("ArmTick", data, _TICK.size)
    t_ns, session, epoch, late_ns, skipped_n, phase, fault, accepted, limit, braking = values[:10]
    try:
        return ArmTick(
            t_ns=MonoNs(t_ns),
            state=ArmState(
                t_ns=MonoNs(values[10]),
                q_rad=doubles[0:6],
                qd_rad_s=doubles[6:12],
                T_base_tcp=doubles[12:28].reshape(4, 4),
                safety_bits=values[11],
                program_running=_flag(values[12]),
                speed_scaling=float(doubles[50]),
            ),
            q_cmd_rad=doubles[28:34],
            T_base_cmd=doubles[34:50].reshape(4, 4),
            verdict=Verdict(accepted=_flag(accepted), limit=Limit(limit), braking=_flag(braking)),
            phase=ArmPhase(phase),
            fault=ArmFault(fault),
            session=session,
            plan_epoch=epoch,
            late_ns=late_ns,
            skipped_n=skipped_n,
        )
    except ValueError as error:
        raise CorruptRecordError(f"ArmTick: {error}") from error


def pack_orders(orders: Orders) -> bytes:
    """Return the bytes of `Orders`; as long as the plan."""
    plan = orders.plan
    if plan is None:
        return _ORDERS.pack(_ORDERS_TAG, orders.t_ns, orders.session, 0, 0, 0, 0)
    rows = plan.t_ns.shape[0]
    head = _ORDERS.pack(
        _ORDERS_TAG, orders.t_ns, orders.session, 1, plan.epoch, plan.valid_until_ns, rows
    )
    times = np.asarray(plan.t_ns, np.int64).tobytes()
    return b"".join((head, times, np.asarray(plan.T_base_tcp, np.float64).tobytes()))


def unpack_orders(data: bytes) -> Orders:
    """Return the `Orders` of `pack_orders`.

    Raises:
        CorruptRecordError: Anything else than its bytes, a plan that `Plan` refuses, or a pose
            that is not finite.
    """
    t_ns, session, has_plan, epoch, valid_until_ns, rows = _head(_ORDERS, _ORDERS_TAG, data)
    try:
        if not _flag(has_plan):
            _check_length("Orders", data, _ORDERS.size)
            return Orders(t_ns=MonoNs(t_ns), session=session, plan=None)
        if not 1 <= rows <= MAX_PLAN_ROWS:
            raise ValueError(f"got a plan of {rows} rows, expected 1 to {MAX_PLAN_ROWS}")
        _check_length("Orders", data, _ORDERS.size + rows * _ROW_BYTES)
        plan = Plan(
            epoch=epoch,
            t_ns=np.frombuffer(data, np.int64, rows, _ORDERS.size),
            T_base_tcp=_doubles("Orders", data, _ORDERS.size + rows * 8).reshape(rows, 4, 4),
            valid_until_ns=MonoNs(valid_until_ns),
        )
    except ValueError as error:
        raise CorruptRecordError(f"Orders: {error}") from error
    return Orders(t_ns=MonoNs(t_ns), session=session, plan=plan)


def pack_frame(frame: Frame) -> tuple[bytes, NDArray[np.uint8]]:
    """Return the two parts of a `Frame`, for `RingWriter.write(*parts)`: the picture not copied."""
    height_px, width_px, _ = frame.rgb.shape
    head = _FRAME.pack(_FRAME_TAG, frame.t_ns, height_px, width_px)
    return head, np.ascontiguousarray(frame.rgb)


def unpack_frame(data: bytes) -> Frame:
    """Return the `Frame` of `pack_frame`, its pixels a read-only view of `data`.

    Raises:
        CorruptRecordError: Anything else than its bytes.
    """
    t_ns, height_px, width_px = _head(_FRAME, _FRAME_TAG, data)
    if height_px < 1 or width_px < 1:
        raise CorruptRecordError(f"Frame: got {height_px} x {width_px} pixels, expected 1 or more")
    _check_length("Frame", data, frame_bytes(height_px, width_px))
    rgb = np.frombuffer(data, np.uint8, offset=_FRAME.size).reshape(height_px, width_px, 3)
    return Frame(t_ns=MonoNs(t_ns), rgb=rgb)


def pack_signal(signal: Signal) -> bytes:
    """Return the bytes of a `Signal`, mostly of one row: a sample."""
    rows, columns = signal.value.shape
    head = _SIGNAL.pack(_SIGNAL_TAG, rows, columns)
    times = np.asarray(signal.t_ns, np.int64).tobytes()
    return b"".join((head, times, np.asarray(signal.value, np.float64).tobytes()))


def unpack_signal(data: bytes) -> Signal:
    """Return the `Signal` of `pack_signal`.

    Raises:
        CorruptRecordError: Anything else than its bytes, or a value that is not finite.
    """
    rows, columns = _head(_SIGNAL, _SIGNAL_TAG, data)
    if rows < 0 or not 1 <= columns <= _MAX_COLUMNS:
        raise CorruptRecordError(
            f"Signal: got shape ({rows}, {columns}), expected (N, 1 to {_MAX_COLUMNS})"
        )
    _check_length("Signal", data, signal_bytes(rows, columns))
    return Signal(
        t_ns=np.frombuffer(data, np.int64, rows, _SIGNAL.size),
        value=_doubles("Signal", data, _SIGNAL.size + rows * 8).reshape(rows, columns),
    )


def pack_teleop(sample: TeleopSample) -> bytes:
    """Return the bytes of a `TeleopSample`.

    Raises:
        ValueError: A button number beyond 62.
    """
    if not all(0 <= button < _MAX_BUTTONS for button in sample.buttons):
        raise ValueError(
            f"TeleopSample.buttons: got {sorted(sample.buttons)}, expected numbers below 63"
        )
    pressed = sum(1 << button for button in sample.buttons)
    return _TELEOP.pack(_TELEOP_TAG, sample.t_ns, pressed, *sample.deflection.tolist())


def unpack_teleop(data: bytes) -> TeleopSample:
    """Return the `TeleopSample` of `pack_teleop`.

    Raises:
        CorruptRecordError: Anything else than its bytes, or a value that is not finite.
    """
    _check_length("TeleopSample", data, TELEOP_BYTES)
    t_ns, pressed = _head(_TELEOP, _TELEOP_TAG, data)[:2]
    if pressed < 0:
        raise CorruptRecordError(f"TeleopSample: got the button mask {pressed}, expected >= 0")
    return TeleopSample(
        t_ns=MonoNs(t_ns),
        deflection=_doubles("TeleopSample", data, TELEOP_BYTES - 6 * 8),
        buttons=frozenset(bit for bit in range(_MAX_BUTTONS) if pressed >> bit & 1),
    )


def _head(layout: struct.Struct, tag: bytes, data: bytes) -> tuple[int, ...]:
    """Return the numbers behind the tag."""
    if len(data) < layout.size:
        raise CorruptRecordError(
            f"record {tag.decode()}: got {len(data)} bytes, expected {layout.size} or more"
        )
    found, *numbers = layout.unpack_from(data)
    if found != tag:
        raise CorruptRecordError(f"record {tag.decode()}: got the tag {found!r}")
    return tuple(numbers)


def _check_length(name: str, data: bytes, length: int) -> None:
    if len(data) != length:
        raise CorruptRecordError(f"{name}: got {len(data)} bytes, expected {length}")


def _doubles(name: str, data: bytes, offset: int) -> NDArray[np.float64]:
    """Return the doubles from `offset` to the end, all finite."""
    values = np.frombuffer(data, np.float64, offset=offset) if len(data) > offset else np.empty(0)
    if not np.isfinite(values).all():
        raise CorruptRecordError(f"{name}: got a value that is not finite")
    return values


def _flag(value: int) -> bool:
    if value not in (0, 1):
        raise ValueError(f"got the flag {value}, expected 0 or 1")
    return value == 1
