"""From what a RealSense camera says of its time to an instant of the robot computer's clock.

The library's *global time* is the device's clock, mapped to the wall clock by a fit that is known
to run back, to lie in the future and to jump by a second every 71 minutes (librealsense issues
11320, 13122, 10068). So no stamp is believed by itself: it must lie before the arrival, grow, and
fit either the frame's number or the delay of the frames before. Else the arrival less the delay
counts. A stamp is only ever used as an age at arrival: a step of the wall clock moves nothing.
"""

from collections import Counter, deque
from dataclasses import dataclass
from typing import Final, Literal

from robotd.core.clock import MS, MonoNs, S, WallNs, seconds_to_ns

Domain = Literal["global", "system", "hardware"]
"""Of a stamp: mapped to the wall clock; the wall clock at arrival in the kernel; device's own."""

Refusal = Literal["future", "backward", "jump"]

WRAP_NS: Final = 2**32 * 1000
"""The device's own clock has 32 bits of microseconds: it starts again after 71.6 minutes."""

OLDEST_NS: Final = S
"""A first stamp, or one that is believed again, is no older than this at arrival."""

REFIT_N: Final = 15
"""So many refused stamps in a row that agree with each other are believed: the clock was set."""

_LAG_SHARE: Final = 0.05
_OFFSETS_KEPT: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What is known of the time of one frame.

    Attributes:
        number: The device's count of frames.
        device_ns: What the device says [ns], of the clock that `domain` names.
        domain: Which clock that is.
        arrival_ns: When the driver got it.
        wall_ns: The wall clock at that instant.
    """

    number: int
    device_ns: int
    domain: Domain
    arrival_ns: MonoNs
    wall_ns: WallNs


class CaptureClock:
    """Says when each frame of one camera was captured; used by one thread.

    Attributes:
        refused: Stamps not believed, by reason.
        refits_n: How often a clock that was set was believed again.
    """

    def __init__(self, *, period_s: float, latency_s: float) -> None:
        """Know nothing yet.

        Args:
            period_s: Between two frames.
            latency_s: Calibrated time from capture to arrival.
        """
        self.refused: Counter[Refusal] = Counter()
        self.refits_n = 0
        self._period_ns = seconds_to_ns(period_s)
        self._latency_ns = seconds_to_ns(latency_s)
        self._lag_ns: float | None = None
        self._last: tuple[int, int] | None = None
        self._disbelieved: tuple[int, int] | None = None
        self._agreeing_n = 0
        self._offsets: deque[int] = deque(maxlen=_OFFSETS_KEPT)
        self._turns_ns = 0

    def capture_ns(self, stamp: Stamp) -> MonoNs:
        """Return when the frame was captured: later than the one before, not after its arrival.

        Only where frames arrive faster than they can have been captured, and without a stamp that
        is believed, does it pass the arrival, by a tenth of a period each.
        """
        claimed_ns = self._claim(stamp)
        refusal = self._judge(claimed_ns, stamp)
        if refusal is None:
            self._disbelieved = None
        if refusal is None or self._believed_again(claimed_ns, stamp):
            lag_ns = stamp.arrival_ns - claimed_ns
            known = self._lag_ns is not None and refusal is None
            change = (lag_ns - (self._lag_ns or 0.0)) * (_LAG_SHARE if known else 1.0)
            self._lag_ns = (self._lag_ns or 0.0) + change
            t_ns = claimed_ns
        else:
            self.refused[refusal] += 1
            lag_ns = self._latency_ns if self._lag_ns is None else round(self._lag_ns)
            t_ns = stamp.arrival_ns - lag_ns
        if self._last is not None:
            t_ns = max(t_ns, self._last[1] + 1 if refusal is None else self._least_ns())
        self._last = stamp.number, t_ns
        return MonoNs(t_ns)

    def _least_ns(self) -> int:
        """Return the earliest that a guess may be, so that it still grows."""
        return (0 if self._last is None else self._last[1]) + self._period_ns // 10

    def _claim(self, stamp: Stamp) -> int:
        """Return the capture time that the stamp claims, as an instant of our clock."""
        if stamp.domain == "hardware":
            return self._claim_of_own_clock(stamp)
        age_ns = stamp.wall_ns - stamp.device_ns
        if stamp.domain == "system":  # taken when the kernel had the whole frame
            age_ns += self._latency_ns
        return stamp.arrival_ns - age_ns

    def _claim_of_own_clock(self, stamp: Stamp) -> int:
        """Fit the offset: the quickest of the last frames took the calibrated latency."""
        offset_ns = stamp.arrival_ns - stamp.device_ns - self._turns_ns
        if self._offsets:
            late_ns = offset_ns - min(self._offsets)
            if abs(late_ns - WRAP_NS) < S:
                self._turns_ns += WRAP_NS
                offset_ns -= WRAP_NS
            elif abs(late_ns) > S:
                self._offsets.clear()
                self._turns_ns = 0
                offset_ns = stamp.arrival_ns - stamp.device_ns
        self._offsets.append(offset_ns)
        return stamp.device_ns + self._turns_ns + min(self._offsets) - self._latency_ns

    def _judge(self, claimed_ns: int, stamp: Stamp) -> Refusal | None:
        """Return why a claim is not believed, None where it is."""
        if claimed_ns > stamp.arrival_ns:
            return "future"
        if self._last is None:
            return "jump" if stamp.arrival_ns - claimed_ns > OLDEST_NS else None
        number, last_ns = self._last
        if claimed_ns <= last_ns:
            return "backward"
        due_ns = last_ns + (stamp.number - number) * self._period_ns
        by_number = stamp.number > number and abs(claimed_ns - due_ns) <= self._period_ns
        lag_ns = self._latency_ns if self._lag_ns is None else self._lag_ns
        by_delay = abs(stamp.arrival_ns - claimed_ns - lag_ns) <= self._period_ns
        return None if by_number or by_delay else "jump"

    def _believed_again(self, claimed_ns: int, stamp: Stamp) -> bool:
        """Whether refused claims have agreed with each other for long, and are possible."""
        before, self._disbelieved = self._disbelieved, (stamp.number, claimed_ns)
        due_ns = 0 if before is None else before[1] + (stamp.number - before[0]) * self._period_ns
        agrees = before is not None and abs(claimed_ns - due_ns) < self._period_ns // 2
        self._agreeing_n = self._agreeing_n + 1 if agrees else 1
        possible = 0 <= stamp.arrival_ns - claimed_ns <= OLDEST_NS
        if self._agreeing_n < REFIT_N or not possible:
            return False
        self._agreeing_n = 0
        self.refits_n += 1
        return True


def device_ns(timestamp_ms: float) -> int:
    """Return a stamp of the library [ms] in whole ns, without losing the digits of large ones."""
    whole_ms = int(timestamp_ms)
    return whole_ms * MS + round((timestamp_ms - whole_ms) * MS)
