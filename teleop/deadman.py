"""Whether a device may move the arm now: the held button, fresh samples, and neutral before both.

Age is measured twice on this process's own clock, by the sample's instant and by how long ago its
number last grew: neither a hung device, nor a wrong clock of its own, nor a program that repeats
its last word keeps the arm moving.
"""

from dataclasses import dataclass
from enum import StrEnum

from robotd.core.clock import MonoNs, seconds_to_ns
from robotd.core.types import TeleopSample


class Readiness(StrEnum):
    """What stands between a device and the arm."""

    STALE = "stale"
    """No sample, or the newest is too old."""
    NEUTRAL_NEEDED = "neutral needed"
    """It has not been let go since it began to speak."""
    READY = "ready"
    """Its button is up."""
    MOVING = "moving"
    """Its button is held: the arm goes where it points to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The newest sample with its number.

    Attributes:
        number: Grows with every report of the device, not with every record that holds it.
        sample: What the device reported.
        writer: Changes where another program reports than before.
    """

    number: int
    sample: TeleopSample
    writer: int = 0


class DeadMan:
    """Says in every cycle whether the device may move the arm.

    Attributes:
        readiness: As of the last look.
        pressed: The button went down at the last look: motion begins.
    """

    def __init__(self, *, button: int, max_age_s: float) -> None:
        """Begin with a device that is not trusted yet.

        Args:
            button: Held while the arm is to move.
            max_age_s: A device silent for longer is stale [s].
        """
        self._button = button
        self._max_age_ns = seconds_to_ns(max_age_s)
        self._number: int | None = None
        self._writer = 0
        self._advanced_ns = MonoNs(0)
        self.readiness = Readiness.STALE
        self.pressed = False

    def distrust(self) -> None:
        """Want the device let go before it moves anything: something else has moved the arm."""
        self.pressed = False
        if self.readiness is not Readiness.STALE:
            self.readiness = Readiness.NEUTRAL_NEEDED

    def look(self, now: MonoNs, reading: Reading | None, *, deflected: bool) -> Readiness:
        """Take the newest reading into account.

        Args:
            now: The present instant.
            reading: The newest one, new or not; None before the first.
            deflected: Whether it asks for a motion.
        """
        before, self.pressed = self.readiness, False
        if reading is not None and reading.writer != self._writer:
            self._writer, before = reading.writer, Readiness.STALE  # nobody has let this one go
        if reading is None or self._stale(now, reading):
            self.readiness = Readiness.STALE
            return self.readiness
        held = self._button in reading.sample.buttons
        if before in (Readiness.STALE, Readiness.NEUTRAL_NEEDED):
            free = not held and not deflected
            self.readiness = Readiness.READY if free else Readiness.NEUTRAL_NEEDED
        else:
            self.pressed = held and before is Readiness.READY
            self.readiness = Readiness.MOVING if held else Readiness.READY
        return self.readiness

    def _stale(self, now: MonoNs, reading: Reading) -> bool:
        if reading.number != self._number:
            self._number, self._advanced_ns = reading.number, now
        oldest_ns = max(now - self._advanced_ns, abs(now - reading.sample.t_ns))
        return oldest_ns > self._max_age_ns
