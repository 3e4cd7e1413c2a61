"""Following the rings of a cell: where each one was at recent instants, and what came since."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

from robotd.core.clock import MonoNs, S
from robotd.core.errors import CorruptRecordError
from robotd.core.protocols import Clock
from robotd.core.ring import RingReader
from robotd.core.ring_record import Backlog
from robotd.episodes.items import Gap

T = TypeVar("T")

KEPT_NS: Final = 4 * S
"""How long a place in a ring is remembered: an episode can begin so far in the past, which is
longer than the conductor waits for a begin."""


class Place:
    """Where one ring was at recent instants. Copies no record; the file may come, go and change.

    One thread keeps it, those of the open episodes ask it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ring = RingReader(path)
        self._marks: deque[tuple[MonoNs, int]] = deque()
        self._lock = threading.Lock()

    def keep(self, clock: Clock) -> None:
        """Remember the newest index as that of the present.

        The clock is asked after the ring: where the thread is held up between the two, what comes
        meanwhile counts as newer than it is, so that no begin skips it.
        """
        try:
            index = self._ring.newest_index()
        except CorruptRecordError:  # no ring: its writer makes it anew
            index = self._marks[-1][1] if self._marks else -1
        now = clock.now()
        with self._lock:
            self._marks.append((now, index))
            while len(self._marks) > 1 and self._marks[1][0] <= now - KEPT_NS:
                self._marks.popleft()

    def before(self, t_ns: MonoNs) -> int:
        """Return an index such that all that came at `t_ns` or later comes after it."""
        with self._lock:
            for t_mark_ns, index in reversed(self._marks):
                if t_mark_ns < t_ns:
                    return index
            return self._marks[0][1] if self._marks else -1

    def seen_ns(self, index: int) -> MonoNs | None:
        """Return when a record was first known to be there; None where that is not remembered."""
        found = None
        with self._lock:
            for t_mark_ns, newest in reversed(self._marks):
                if newest < index:
                    break
                found = t_mark_ns
        return found

    def close(self) -> None:
        """Unmap the ring."""
        self._ring.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival(Generic[T]):
    """One record of a ring as an item.

    Attributes:
        t_ns: When it arrived, was noted or done: its log time.
        index: Its number in the ring.
        n_bytes: Size of the record.
        item: What it says.
    """

    t_ns: MonoNs
    index: int
    n_bytes: int
    item: T


class Follower(Generic[T]):
    """Reads one ring from a place on. Losses and damage are counted, with where they were."""

    def __init__(
        self,
        stream: str,
        place: Place,
        unpack: Callable[[bytes], T],
        log_ns: Callable[[T], MonoNs] | None,
        *,
        begin_ns: MonoNs,
        after: int | None = None,
    ) -> None:
        """Begin behind what had come before `begin_ns`.

        Args:
            stream: Its topic, for the losses.
            place: Where the ring was.
            unpack: Makes an item; raises CorruptRecordError.
            log_ns: The item's log time; None: when its record was first seen.
            begin_ns: Items of an earlier log time are left out.
            after: Begin behind this index instead, and leave nothing out.
        """
        self.stream = stream
        self._place, self._unpack, self._log_ns = place, unpack, log_ns
        self._ring = RingReader(place.path)
        self._begin_ns = begin_ns
        self._index = place.before(begin_ns) if after is None else after
        self._all = after is not None
        self.newest_ns: MonoNs | None = None
        """Log time of the newest item, before `begin_ns` too; None before the first."""

    def read(self, now: MonoNs) -> tuple[list[Arrival[T]], Gap | None]:
        """Return what came since the last call, oldest first, and what was lost meanwhile."""
        backlog = self._since()
        arrivals: list[Arrival[T]] = []
        lost_n, t_from_ns = backlog.lost_n, self.newest_ns or self._begin_ns
        for record in backlog.records:
            try:
                item = self._unpack(record.payload)
            except CorruptRecordError:
                lost_n += 1
                continue
            if self._log_ns is not None:
                t_ns = self._log_ns(item)
            else:
                seen_ns = self._place.seen_ns(record.index) or now
                t_ns = MonoNs(max(seen_ns, self.newest_ns or 0))  # whoever keeps it may be late
            self.newest_ns = t_ns
            if self._all or t_ns >= self._begin_ns:
                n_bytes = len(record.payload)
                arrivals.append(Arrival(t_ns=t_ns, index=record.index, n_bytes=n_bytes, item=item))
        self._index = backlog.upto
        if not lost_n:
            return arrivals, None
        return arrivals, Gap(
            stream=self.stream,
            count=lost_n,
            t_from_ns=max(t_from_ns, self._begin_ns),
            t_to_ns=arrivals[0].t_ns if arrivals else now,
            reason="overwritten or damaged in the ring before the recorder read it",
        )

    def unread(self, now: MonoNs, reason: str) -> Gap | None:
        """Return what came since the last call of `read` as one gap: it is read no more."""
        backlog = self._since()
        self._index = backlog.upto
        count = backlog.lost_n + len(backlog.records)
        if not count:
            return None
        t_from_ns = max(self.newest_ns or self._begin_ns, self._begin_ns)
        return Gap(stream=self.stream, count=count, t_from_ns=t_from_ns, t_to_ns=now, reason=reason)

    def _since(self) -> Backlog:
        try:
            return self._ring.since(self._index)
        except CorruptRecordError:  # its writer makes it anew
            return Backlog((), 0, self._index)

    def close(self) -> None:
        """Unmap the ring."""
        self._ring.close()
