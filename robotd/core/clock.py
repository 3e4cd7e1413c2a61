"""Time as two types that the checker keeps apart: monotonic for control, wall for names."""

import time
from typing import NewType

MonoNs = NewType("MonoNs", int)
"""An instant of CLOCK_MONOTONIC of the robot computer [ns]. All control uses it."""

WallNs = NewType("WallNs", int)
"""An instant of the wall clock [ns since 1970]. File names and metadata only."""

MS = 1_000_000
"""Nanoseconds in a millisecond."""

S = 1_000_000_000
"""Nanoseconds in a second."""


def seconds_to_ns(duration_s: float) -> int:
    """Round a duration [s] to whole nanoseconds."""
    return round(duration_s * S)


def ns_to_seconds(duration_ns: int) -> float:
    """Convert a difference of two instants [ns] to a duration [s]."""
    return duration_ns / S


class SystemClock:
    """The robot computer's monotonic clock; implements the `Clock` protocol."""

    def now(self) -> MonoNs:
        """Return the present instant of CLOCK_MONOTONIC [ns]."""
        return MonoNs(time.monotonic_ns())

    def sleep_until(self, t_ns: MonoNs) -> None:
        """Sleep until `t_ns`; returns at once where it has passed."""
        remaining_ns = t_ns - time.monotonic_ns()
        if remaining_ns > 0:
            time.sleep(remaining_ns / S)


class FakeClock:
    """A clock that moves only when told to: lockstep and tests; implements the `Clock` protocol."""

    def __init__(self, t_ns: MonoNs = MonoNs(0)) -> None:
        self._t_ns = int(t_ns)

    def now(self) -> MonoNs:
        """Return the instant that the clock was last set to [ns]."""
        return MonoNs(self._t_ns)

    def sleep_until(self, t_ns: MonoNs) -> None:
        """Jump to `t_ns`; never goes back."""
        self._t_ns = max(self._t_ns, int(t_ns))

    def advance(self, duration_ns: int) -> None:
        """Move on by `duration_ns` >= 0."""
        if duration_ns < 0:
            raise ValueError(f"FakeClock.advance: got {duration_ns} ns, expected >= 0")
        self._t_ns += duration_ns


def wall_now() -> WallNs:
    """Return the wall clock [ns since 1970], for names of files and metadata."""
    return WallNs(time.time_ns())
