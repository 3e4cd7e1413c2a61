"""The bytes of what the devices say: `Frame`, `Signal` and `TeleopSample`."""

import struct

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import MonoNs
from robotd.core.errors import CorruptRecordError
from robotd.core.record_bytes import check_length, read_doubles, read_head
from robotd.core.types import Frame, Signal, TeleopSample

_FRAME = struct.Struct("<4s4x6q")
_FRAME_TAG = b"FRM3"
_SIGNAL = struct.Struct("<4s4x2q")
_SIGNAL_TAG = b"SIG1"
_MAX_COLUMNS = 1024
_TELEOP = struct.Struct("<4s4x3q6d")
_TELEOP_TAG = b"TEL2"
_MAX_BUTTONS = 63

TELEOP_BYTES = _TELEOP.size
"""Size of a `TeleopSample` [bytes]."""


def frame_bytes(height_px: int, width_px: int) -> int:
    """Return the size of a `Frame` of that resolution [bytes]."""
    return _FRAME.size + height_px * width_px * 3


def signal_bytes(rows: int, columns: int) -> int:
    """Return the size of a `Signal` of that shape [bytes]."""
    return _SIGNAL.size + rows * (1 + columns) * 8


def pack_frame(frame: Frame) -> tuple[bytes, NDArray[np.uint8]]:
    """Return the two parts of a `Frame`, for `RingWriter.write(*parts)`: the picture not copied.

    Its depth is left behind.
    """
    height_px, width_px, _ = frame.rgb.shape
    head = _FRAME.pack(
        _FRAME_TAG,
        frame.t_ns,
        frame.t_arrival_ns,
        frame.t_device_ns,
        frame.frame_number,
        height_px,
        width_px,
    )
    return head, np.ascontiguousarray(frame.rgb)


def unpack_frame(data: bytes) -> Frame:
    """Return the `Frame` of `pack_frame`, its pixels a read-only view of `data`.

    Raises:
        CorruptRecordError: Anything else than its bytes.
    """
    t_ns, arrival_ns, device_ns, number, height_px, width_px = read_head(_FRAME, _FRAME_TAG, data)
    if height_px < 1 or width_px < 1:
        raise CorruptRecordError(f"Frame: got {height_px} x {width_px} pixels, expected 1 or more")
    check_length("Frame", data, frame_bytes(height_px, width_px))
    rgb = np.frombuffer(data, np.uint8, offset=_FRAME.size).reshape(height_px, width_px, 3)
    return Frame(
        t_ns=MonoNs(t_ns),
        rgb=rgb,
        t_arrival_ns=MonoNs(arrival_ns),
        t_device_ns=device_ns,
        frame_number=number,
    )


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
    rows, columns = read_head(_SIGNAL, _SIGNAL_TAG, data)
    if rows < 0 or not 1 <= columns <= _MAX_COLUMNS:
        raise CorruptRecordError(
            f"Signal: got shape ({rows}, {columns}), expected (N, 1 to {_MAX_COLUMNS})"
        )
    check_length("Signal", data, signal_bytes(rows, columns))
    return Signal(
        t_ns=np.frombuffer(data, np.int64, rows, _SIGNAL.size),
        value=read_doubles("Signal", data, _SIGNAL.size + rows * 8).reshape(rows, columns),
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
    deflection = sample.deflection.tolist()
    return _TELEOP.pack(_TELEOP_TAG, sample.t_ns, sample.number, pressed, *deflection)


def unpack_teleop(data: bytes) -> TeleopSample:
    """Return the `TeleopSample` of `pack_teleop`.

    Raises:
        CorruptRecordError: Anything else than its bytes, or a value that is not finite.
    """
    check_length("TeleopSample", data, TELEOP_BYTES)
    t_ns, number, pressed = read_head(_TELEOP, _TELEOP_TAG, data)[:3]
    if pressed < 0:
        raise CorruptRecordError(f"TeleopSample: got the button mask {pressed}, expected >= 0")
    return TeleopSample(
        t_ns=MonoNs(t_ns),
        number=number,
        deflection=read_doubles("TeleopSample", data, TELEOP_BYTES - 6 * 8),
        buttons=frozenset(bit for bit in range(_MAX_BUTTONS) if pressed >> bit & 1),
    )
