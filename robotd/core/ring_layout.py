"""The bytes of a ring file: header words, slots and checksums.

    header, 128 bytes               slot, starting at a multiple of 64 bytes
    0   magic                       0   sequence: 2 i + 1 while record i is written,
    1   version                         2 i + 2 when it is complete
    2   slot_bytes                  1   length (low 32 bits), CRC-32 (high 32 bits)
    3   slots                       2…  payload
    4   pid of the writer
    5   nonce
    6   index of the first record
    7   CRC-32 of words 0 to 6
    8   count: index of the newest record + 1
    9   sign of life [ns]
    10  its complement

Words are native, unsigned, 64 bits and aligned; each is read and written by one instruction.
"""

import mmap
import os
import platform
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotd.core.errors import CorruptRecordError, RobotdError

HEADER_BYTES = 128
FIRST, COUNT, ALIVE_NS, ALIVE_CHECK = 6, 8, 9, 10
"""Header words."""

SLOT_HEADER_BYTES = 16
DESCRIPTION = 1
"""Slot word with length and CRC, after the sequence word."""

_MAGIC = int.from_bytes(b"robotd-r", "little")
_VERSION = 1
_FIXED = struct.Struct("=7Q")
_HEADER = struct.Struct("=11Q40x")
_WORD_MASK = (1 << 64) - 1
_ALIGNMENT = 64
_MAX_SLOT_BYTES = 1 << 28
_MAX_SLOTS = 1 << 16

_WHOLE_BYTES = 128 * 1024
_STRIPS = 16
_STRIP_BYTES = 4096


Payload = bytes | bytearray | memoryview | NDArray[Any]
"""C-contiguous bytes of a record, or of a part of it."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Sizes of a ring.

    Attributes:
        slot_bytes: Largest payload [bytes].
        slots: Number of records kept; two at least, so that one survives the writing of the next.
    """

    slot_bytes: int
    slots: int

    def __post_init__(self) -> None:
        if not 1 <= self.slot_bytes <= _MAX_SLOT_BYTES:
            raise ValueError(
                f"ring: got slot_bytes {self.slot_bytes}, expected 1 to {_MAX_SLOT_BYTES}"
            )
        if not 2 <= self.slots <= _MAX_SLOTS:
            raise ValueError(f"ring: got {self.slots} slots, expected 2 to {_MAX_SLOTS}")

    @property
    def stride(self) -> int:
        """Distance of two slots [bytes]."""
        return -(-(SLOT_HEADER_BYTES + self.slot_bytes) // _ALIGNMENT) * _ALIGNMENT

    @property
    def file_bytes(self) -> int:
        """Size of the file [bytes]."""
        return HEADER_BYTES + self.slots * self.stride


def checksum(payload: memoryview | bytes, index: int) -> int:
    """Return the CRC-32 of a record's index and payload.

    Up to 128 KiB every byte counts. Of larger payloads, pictures, 16 strips of 4 KiB do, evenly
    spread from the first byte to the last: all of a 640 x 480 frame takes 0.2 ms, the strips 0.02.
    Tearing is found by the sequence number in any case.
    """
    seed = zlib.crc32(index.to_bytes(8, "little"))
    spare = len(payload) - _STRIP_BYTES
    if spare + _STRIP_BYTES <= _WHOLE_BYTES:
        return zlib.crc32(payload, seed)
    for strip in range(_STRIPS):
        start = spare * strip // (_STRIPS - 1)
        seed = zlib.crc32(payload[start : start + _STRIP_BYTES], seed)
    return seed


def as_bytes(part: Payload) -> memoryview:
    """Return a view of the bytes of a C-contiguous part, without copying."""
    view = part.data if isinstance(part, np.ndarray) else memoryview(part)
    return view.cast("B") if view.nbytes else memoryview(b"")


def complement(word: int) -> int:
    """Return the bitwise complement of an unsigned 64-bit word."""
    return word ^ _WORD_MASK


@dataclass(frozen=True, slots=True)
class MappedRing:
    """A ring file mapped for reading.

    Attributes:
        memory: The whole file, read-only.
        inode: Device and inode, to notice that the file was replaced.
        geometry: Sizes.
        first_index: Index of the first record ever written to it.
    """

    memory: mmap.mmap
    inode: tuple[int, int]
    geometry: Geometry
    first_index: int


def create_file(path: Path, geometry: Geometry, first_index: int) -> mmap.mmap:
    """Make an empty ring that appears under `path` only when complete; return its memory.

    Raises:
        RobotdError: No room.
        OSError: No right.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        _reserve(fd, geometry.file_bytes, path)
        memory = mmap.mmap(fd, geometry.file_bytes, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE)
        memory[:HEADER_BYTES] = _pack_header(geometry, first_index)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(fd)
    return memory


def _reserve(fd: int, size: int, path: Path) -> None:
    """Take the room now: a full tmpfs is an error here, not a SIGBUS in the middle of a write."""
    try:
        os.posix_fallocate(fd, 0, size)
    except OSError as error:
        raise RobotdError(
            f"{path}: no room for {size / 1e6:.1f} MB of shared memory ({error.strerror}); "
            f"free some in {path.parent}"
        ) from error


def map_file(path: Path) -> MappedRing | None:
    """Map the ring under `path` for reading; None where there is no file yet.

    Raises:
        CorruptRecordError: Not a ring of this version, damaged, or cut short.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        found = os.fstat(fd)
        geometry, first_index = _read_header(os.pread(fd, HEADER_BYTES, 0), found.st_size, path)
        flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
        memory = mmap.mmap(fd, geometry.file_bytes, flags=flags, prot=mmap.PROT_READ)
    finally:
        os.close(fd)
    return MappedRing(memory, (found.st_dev, found.st_ino), geometry, first_index)


def require_x86(machine: str | None = None) -> None:
    """Refuse machines that reorder stores or loads, where a seqlock in Python would not hold.

    x86-64 keeps stores in order and loads in order (Intel SDM vol. 3A, section 9.2).

    Args:
        machine: Name of the architecture; default: this machine's.

    Raises:
        RobotdError: Another architecture.
    """
    name = platform.machine() if machine is None else machine
    if name not in ("x86_64", "AMD64"):
        raise RobotdError(f"shared memory needs x86_64, got {name}; run robotd on an x86_64 PC")


def _pack_header(geometry: Geometry, first_index: int) -> bytes:
    """Return the header of an empty ring written by this process."""
    nonce = int.from_bytes(os.urandom(8), "little")
    sizes = geometry.slot_bytes, geometry.slots
    fixed = (_MAGIC, _VERSION, *sizes, os.getpid(), nonce, first_index)
    crc = zlib.crc32(_FIXED.pack(*fixed))
    return _HEADER.pack(*fixed, crc, first_index, 0, 0)


def _read_header(header: bytes, file_bytes: int, path: Path) -> tuple[Geometry, int]:
    """Check a header and the size of its file; return the geometry and the first index.

    Raises:
        CorruptRecordError: Not a ring, of another version, damaged, or cut short.
    """
    if len(header) != HEADER_BYTES:
        raise CorruptRecordError(f"{path}: got {len(header)} bytes, expected a ring's header")
    words = _HEADER.unpack(header)
    if words[:2] != (_MAGIC, _VERSION):
        raise CorruptRecordError(f"{path}: not a ring of version {_VERSION}; restart its writer")
    if words[7] != zlib.crc32(_FIXED.pack(*words[:7])):
        raise CorruptRecordError(f"{path}: the header is damaged; restart its writer")
    try:
        geometry = Geometry(slot_bytes=words[2], slots=words[3])
    except ValueError as error:
        raise CorruptRecordError(f"{path}: {error}") from error
    if file_bytes != geometry.file_bytes:
        raise CorruptRecordError(
            f"{path}: got {file_bytes} bytes, expected {geometry.file_bytes}; restart its writer"
        )
    return geometry, words[FIRST]
