"""A ring of records in a shared file: one writer, many readers, the newest record wins.

The file is mmap'd and lies in the run directory (tmpfs), so that any process opens it by path and
no resource tracker ever deletes it. The writer never waits: a slow reader loses the oldest records
and is told how many. Each slot has a sequence number that is odd while it is being written
(seqlock), and a CRC-32 over index, length and payload; a torn or damaged record is counted and
skipped, never returned. A killed writer leaves at most one odd slot, and what it wrote before stays
readable; its successor makes a new file under the same name, which readers notice by the inode.

Indexes count up from the microseconds since boot at creation, so they grow across restarts of the
writer too, without trusting what the predecessor left behind.
"""

import mmap
import os
import time
from pathlib import Path
from typing import Self

from robotd.core.ring_layout import (
    ALIVE_CHECK,
    ALIVE_NS,
    COUNT,
    DESCRIPTION,
    HEADER_BYTES,
    SLOT_HEADER_BYTES,
    Geometry,
    Payload,
    as_bytes,
    checksum,
    complement,
    create_file,
    map_file,
    require_x86,
)
from robotd.core.ring_record import Backlog, Record

_RETRIES = 16
"""How often a reader that was overtaken by the writer looks again before it gives up."""


class RingWriter:
    """The only writer of a ring; a context manager that unmaps the file and leaves it in place."""

    def __init__(self, path: Path, memory: mmap.mmap, geometry: Geometry, first_index: int) -> None:
        self.path = path
        self._slot_bytes, self._slots = geometry.slot_bytes, geometry.slots
        self._stride = geometry.stride
        self._memory = memory
        self._bytes = memoryview(memory)
        self._words = self._bytes.cast("Q")
        self._index = first_index

    @classmethod
    def create(
        cls, path: Path, slot_bytes: int, slots: int, *, first_index: int | None = None
    ) -> Self:
        """Make the file, complete before it appears under `path`, replacing an older one.

        Args:
            path: Where readers find it; its folder must exist.
            slot_bytes: Largest payload [bytes].
            slots: How many records are kept.
            first_index: Index of the first record; default: microseconds since boot.

        Raises:
            RobotdError: No room, or this machine is not x86-64.
            OSError: No right to make the file.
            ValueError: A size out of range.
        """
        require_x86()
        geometry = Geometry(slot_bytes=slot_bytes, slots=slots)
        first = time.monotonic_ns() // 1000 if first_index is None else first_index
        memory = create_file(path, geometry, first)
        return cls(path, memory, geometry, first)

    def write(self, *parts: Payload) -> int:
        """Append one record made of `parts` joined; return its index. Never waits for readers.

        Raises:
            ValueError: More than `slot_bytes`; nothing was written.
        """
        views = [as_bytes(part) for part in parts]
        length = sum(view.nbytes for view in views)
        if length > self._slot_bytes:
            raise ValueError(
                f"{self.path.name}: got a record of {length} bytes, "
                f"expected at most {self._slot_bytes}"
            )
        index, words = self._index, self._words
        start = HEADER_BYTES + index % self._slots * self._stride
        word = start >> 3
        words[word] = 2 * index + 1
        begin = end = start + SLOT_HEADER_BYTES
        for view in views:
            end += view.nbytes
            self._bytes[end - view.nbytes : end] = view
        crc = checksum(self._bytes[begin:end], index)
        words[word + DESCRIPTION] = crc << 32 | length
        words[word] = 2 * index + 2
        self._index = words[COUNT] = index + 1
        return index

    def beat(self, t_ns: int) -> None:
        """Say that the writer lived, or its device brought something, at `t_ns` >= 0."""
        self._words[ALIVE_NS] = t_ns
        self._words[ALIVE_CHECK] = complement(t_ns)

    def close(self) -> None:
        """Unmap the file; it stays where it is."""
        self._words.release()
        self._bytes.release()
        self._memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class RingReader:
    """One reader of a ring; does not need the writer to have started, or to be alive.

    Attributes:
        corrupt_n: Damaged records met so far.
        reopened_n: How often the file was found replaced by a restarted writer.
    """

    def __init__(self, path: Path) -> None:
        require_x86()
        self.path = path
        self._name = str(path)
        self.corrupt_n = 0
        self.reopened_n = 0
        self._inode: tuple[int, int] | None = None
        self._memory: mmap.mmap | None = None
        self._bytes = self._words = memoryview(b"")
        self._slot_bytes = self._slots = self._stride = self._first = 0
        self._damaged = -1  # newest damaged index, so that polling counts it once

    @property
    def attached(self) -> bool:
        """Whether the file was found."""
        return self._memory is not None

    def newest(self, after: int = -1) -> Record | None:
        """Return the newest intact record with an index above `after`, or None.

        Raises:
            CorruptRecordError: The file is not a ring of this version.
        """
        if not self.attached and not self._attach():
            return None
        record = self._newest(after)
        return self._newest(after) if record is None and self._follow() else record

    def since(self, index: int) -> Backlog:
        """Return the intact records after `index` that are still there (-1: all).

        Raises:
            CorruptRecordError: The file is not a ring of this version.
        """
        if not self.attached and not self._attach():
            return Backlog((), 0, index)
        backlog = self._since(index)
        if backlog.records or not self._follow():
            return backlog
        new = self._since(backlog.upto)
        return Backlog(new.records, backlog.lost_n + new.lost_n, new.upto)

    def newest_index(self) -> int:
        """Return the index of the newest record, whatever its state; -1 where there is none.

        Copies nothing, and follows a restarted writer: for those who only keep their place.

        Raises:
            CorruptRecordError: The file is not a ring of this version.
        """
        if not self.attached and not self._attach():
            return -1
        self._follow()
        return self._words[COUNT] - 1

    def alive_ns(self) -> int | None:
        """Return the writer's newest sign of life [ns], None where there is none or it is torn."""
        if not self.attached and not self._attach():
            return None
        for _ in range(_RETRIES):
            t_ns = self._words[ALIVE_NS]
            if self._words[ALIVE_CHECK] == complement(t_ns):
                return t_ns
        return None

    def close(self) -> None:
        """Unmap the file."""
        self._words.release()
        self._bytes.release()
        if self._memory is not None:
            self._memory.close()
        self._memory, self._inode = None, None
        self._bytes = self._words = memoryview(b"")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _newest(self, after: int) -> Record | None:
        for _ in range(_RETRIES):
            count = self._words[COUNT]
            if count - 1 <= after:
                return None
            record = self._read(count - 1)
            if record is not None:
                return record
            if self._words[COUNT] == count:  # not overtaken: damaged
                break
        record = self._newest_by_search()
        return record if record is not None and record.index > after else None

    def _since(self, index: int) -> Backlog:
        count = self._words[COUNT]
        if count - 1 <= index:
            return Backlog((), 0, index)
        if self._words[self._slot_start(count - 1) >> 3] < 2 * count:  # the count is damaged
            newest = self._newest_by_search()
            count = self._first if newest is None else newest.index + 1
        start = max(index + 1, self._first)
        oldest = max(start, count - self._slots)
        records = [r for i in range(oldest, count) if (r := self._read(i)) is not None]
        return Backlog(tuple(records), max(0, count - start - len(records)), max(index, count - 1))

    def _follow(self) -> bool:
        """Map the file that a restarted writer has put under `path`; False where there is none."""
        try:
            found = os.stat(self._name)
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) != self._inode and self._attach()

    def _slot_start(self, index: int) -> int:
        return HEADER_BYTES + index % self._slots * self._stride

    def _attach(self) -> bool:
        """Map the file under `path`; False where there is none yet."""
        found = map_file(self.path)
        if found is None:
            return False
        if self._memory is not None:
            self.close()
            self.reopened_n += 1
        self._memory, self._inode, self._first = found.memory, found.inode, found.first_index
        self._slot_bytes, self._slots = found.geometry.slot_bytes, found.geometry.slots
        self._stride = found.geometry.stride
        self._bytes = memoryview(found.memory)
        self._words = self._bytes.cast("Q")
        return True

    def _read(self, index: int) -> Record | None:
        """Copy record `index`; None where it is torn, overwritten or damaged."""
        start = self._slot_start(index)
        word = start >> 3
        sequence = self._words[word]
        if sequence != 2 * index + 2:
            return None
        described = self._words[word + DESCRIPTION]
        length = described & 0xFFFFFFFF
        begin = start + SLOT_HEADER_BYTES
        payload = bytes(self._bytes[begin : begin + min(length, self._slot_bytes)])
        if self._words[word] != sequence:
            return None
        intact = length == len(payload) and described >> 32 == checksum(payload, index)
        if not intact:
            self.corrupt_n += index != self._damaged
            self._damaged = index
            return None
        return Record(index, payload)

    def _newest_by_search(self) -> Record | None:
        """Find the newest intact record by looking at every slot: the count was of no use."""
        slots = range(self._slots)
        marks = [self._words[self._slot_start(slot) >> 3] for slot in slots]
        for mark in sorted((m for m in marks if m and m % 2 == 0), reverse=True):
            record = self._read(mark // 2 - 1)
            if record is not None:
                return record
        return None
