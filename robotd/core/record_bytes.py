"""How the bytes of every record are laid out, and read without trusting them.

A record begins with a tag of four bytes that names its type and version, has exactly one possible
length, and is checked in full before anything is built from it: whatever the bytes, the answer is a
valid item without a NaN, or a `CorruptRecordError`. All numbers have 64 bits and are little-endian.
"""

import struct

import numpy as np
from numpy.typing import NDArray

from robotd.core.errors import CorruptRecordError


def read_head(layout: struct.Struct, tag: bytes, data: bytes) -> tuple[int, ...]:
    """Return the numbers behind the tag.

    Raises:
        CorruptRecordError: Too few bytes, or another tag.
    """
    if len(data) < layout.size:
        raise CorruptRecordError(
            f"record {tag.decode()}: got {len(data)} bytes, expected {layout.size} or more"
        )
    found, *numbers = layout.unpack_from(data)
    if found != tag:
        raise CorruptRecordError(f"record {tag.decode()}: got the tag {found!r}")
    return tuple(numbers)


def check_length(name: str, data: bytes, length: int) -> None:
    """Check that a record is exactly so long.

    Raises:
        CorruptRecordError: It is not.
    """
    if len(data) != length:
        raise CorruptRecordError(f"{name}: got {len(data)} bytes, expected {length}")


def read_doubles(name: str, data: bytes, offset: int) -> NDArray[np.float64]:
    """Return the doubles from `offset` to the end, all finite.

    Raises:
        CorruptRecordError: One is not.
    """
    values = np.frombuffer(data, np.float64, offset=offset) if len(data) > offset else np.empty(0)
    if not np.isfinite(values).all():
        raise CorruptRecordError(f"{name}: got a value that is not finite")
    return values


def read_flag(value: int) -> bool:
    """Return a flag.

    Raises:
        ValueError: Neither 0 nor 1.
    """
    if value not in (0, 1):
        raise ValueError(f"got the flag {value}, expected 0 or 1")
    return value == 1
