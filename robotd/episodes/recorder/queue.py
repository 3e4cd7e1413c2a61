"""A queue between two threads of the recorder that is bounded in bytes and in time."""

import math
import threading
from collections import deque
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from robotd.core.clock import MonoNs, seconds_to_ns

T = TypeVar("T")

OVERHEAD_BYTES: Final = 1024
"""What an item costs beside its payload, about: objects, small arrays."""


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[T]):
    item: T
    t_ns: MonoNs
    n_bytes: int


class BoundedQueue(Generic[T]):
    """Many threads put, one thread takes. What was taken counts until the next is asked for."""

    def __init__(self, max_bytes: int, max_age_s: float = math.inf) -> None:
        """Begin empty.

        Args:
            max_bytes: Of all items together.
            max_age_s: Nothing more is let in while the oldest item is older than this [s].
        """
        self._max_bytes = max_bytes
        self._max_age_ns = math.inf if math.isinf(max_age_s) else seconds_to_ns(max_age_s)
        self._items: deque[_Waiting[T]] = deque()
        self._minima: deque[MonoNs] = deque()  # of the instants from each item on, growing
        self._taken: _Waiting[T] | None = None
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()

    def offer(self, item: T, t_ns: MonoNs, n_bytes: int, now: MonoNs) -> bool:
        """Append `item` of the instant `t_ns`; False where it does not fit. Never waits."""
        with self._changed:
            oldest = self._oldest()
            late = oldest is not None and now - oldest > self._max_age_ns
            if self._closed or late or not self._fits(n_bytes):
                return False
            self._append(item, t_ns, n_bytes)
            return True

    def put(self, item: T, t_ns: MonoNs, n_bytes: int, share_bytes: int) -> bool:
        """Append `item` once all is less than `share_bytes`; False where the queue was closed."""
        with self._changed:
            while not self._closed and self._bytes >= share_bytes:
                self._changed.wait()
            if self._closed:
                return False
            self._append(item, t_ns, n_bytes)
            return True

    def force(self, item: T, t_ns: MonoNs) -> None:
        """Append a small item even where the queue is full, as long as it is open."""
        with self._changed:
            if not self._closed:
                self._append(item, t_ns, 0)

    def take(self, timeout_s: float) -> T | None:
        """Return the oldest item; None where there is none within `timeout_s` [s], or ever."""
        with self._changed:
            self._release()
            if not self._items and not self._closed:
                self._changed.wait(timeout_s)
            if not self._items:
                return None
            self._taken = self._items.popleft()
            return self._taken.item

    def close(self, *, discard: bool = False) -> list[T]:
        """Let nothing more in; what waits can still be taken, unless it is forgotten: returned."""
        with self._changed:
            self._closed = True
            forgotten: list[T] = []
            if discard:
                forgotten = [waiting.item for waiting in self._items]
                self._items.clear()
                self._minima.clear()
                self._bytes = 0
                if self._taken is not None:
                    self._minima.append(self._taken.t_ns)
                    self._bytes = self._taken.n_bytes
            self._changed.notify_all()
            return forgotten

    @property
    def drained(self) -> bool:
        """Whether it is closed and everything was taken."""
        with self._changed:
            return self._closed and not self._items

    @property
    def oldest_ns(self) -> MonoNs | None:
        """The earliest instant of any item, the one in work counting; None where there is none."""
        with self._changed:
            return self._oldest()

    @property
    def n_bytes(self) -> int:
        """What it holds [bytes]."""
        with self._changed:
            return self._bytes

    def _oldest(self) -> MonoNs | None:
        return self._minima[0] if self._minima else None

    def _fits(self, n_bytes: int) -> bool:
        """Whether so much has room; one item has, whatever its size."""
        empty = not self._items and self._taken is None
        return empty or self._bytes + n_bytes + OVERHEAD_BYTES <= self._max_bytes

    def _append(self, item: T, t_ns: MonoNs, n_bytes: int) -> None:
        self._items.append(_Waiting(item, t_ns, n_bytes + OVERHEAD_BYTES))
        while self._minima and self._minima[-1] > t_ns:
            self._minima.pop()
        self._minima.append(t_ns)
        self._bytes += n_bytes + OVERHEAD_BYTES
        self._changed.notify_all()

    def _release(self) -> None:
        if self._taken is not None:
            self._bytes -= self._taken.n_bytes
            if self._minima and self._minima[0] == self._taken.t_ns:
                self._minima.popleft()
            self._taken = None
            self._changed.notify_all()
