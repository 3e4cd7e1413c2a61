"""How far along its way a move is: a trapezoid of speed."""

from math import sqrt


class Trapezoid:
    """From rest to rest over a length, with a top speed and an acceleration.

    Attributes:
        duration_s: How long it takes.
    """

    __slots__ = ("_acceleration", "_length", "_ramp_s", "_top", "duration_s")

    def __init__(
        self, length: float, speed: float, acceleration: float, duration_s: float = 0.0
    ) -> None:
        """Plan it.

        Args:
            length: In any unit, 0 or more.
            speed: Top speed, that unit a second, above 0.
            acceleration: That unit a second squared, above 0.
            duration_s: 0, or how long it is to take; then the speed follows from it.
        """
        self._length = length
        acceleration = max(acceleration, 1e-6)
        if duration_s > 0:  # ramps of a quarter each
            self._ramp_s = 0.25 * duration_s
            self._top = length / (0.75 * duration_s)
            self._acceleration = self._top / self._ramp_s
            self.duration_s = duration_s
            return
        self._top = min(max(speed, 1e-6), sqrt(length * acceleration))
        self._acceleration = acceleration
        self._ramp_s = self._top / acceleration
        self.duration_s = self._ramp_s + length / self._top if length > 0 else 0.0

    def share(self, t_s: float) -> float:
        """Share of the length that is behind after `t_s`, 0 to 1."""
        if t_s >= self.duration_s or self._length <= 0:
            return 1.0 if t_s >= self.duration_s else 0.0
        left_s = self.duration_s - t_s
        if t_s < self._ramp_s:
            gone = 0.5 * self._acceleration * t_s * t_s
        elif left_s < self._ramp_s:
            gone = self._length - 0.5 * self._acceleration * left_s * left_s
        else:
            gone = self._top * (t_s - 0.5 * self._ramp_s)
        return gone / self._length
