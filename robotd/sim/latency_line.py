"""A line in which items wait as long as a device takes to deliver them. No clock, no thread."""

from collections import deque
from typing import Generic, TypeVar

from robotd.core.clock import MonoNs, seconds_to_ns

T = TypeVar("T")


class LatencyLine(Generic[T]):
    """First in, first out; each item comes out `latency_s` after the instant that it belongs to."""

    def __init__(self, latency_s: float) -> None:
        """Make an empty line.

        Raises:
            ValueError: A latency below zero or not finite.
        """
        if not 0 <= latency_s < float("inf"):
            raise ValueError(f"latency_s: got {latency_s} s, expected a finite time >= 0")
        self._latency_ns = seconds_to_ns(latency_s)
        self._waiting: deque[tuple[MonoNs, T]] = deque()

    def put(self, t_ns: MonoNs, item: T) -> None:
        """Add an item of instant `t_ns`, later than those before it.

        Raises:
            ValueError: It is not later.
        """
        if self._waiting and t_ns <= self._waiting[-1][0]:
            raise ValueError(f"t_ns: got {t_ns} ns, expected more than {self._waiting[-1][0]} ns")
        self._waiting.append((t_ns, item))

    def take(self, now_ns: MonoNs) -> T | None:
        """Return the oldest item where it is due at `now_ns`, else None."""
        due_ns = self.due_ns
        if due_ns is None or now_ns < due_ns:
            return None
        return self._waiting.popleft()[1]

    def clear(self) -> None:
        """Drop all that waits."""
        self._waiting.clear()

    @property
    def due_ns(self) -> MonoNs | None:
        """When the next item comes out; None while none waits."""
        return MonoNs(self._waiting[0][0] + self._latency_ns) if self._waiting else None

    def __len__(self) -> int:
        return len(self._waiting)
