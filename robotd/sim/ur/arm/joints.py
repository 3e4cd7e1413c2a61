"""The six joints: a reference that the controller moves, and an arm that follows it."""

from math import exp
from typing import Final

from robotd.sim.ur.arm.motions import (
    STOP_RAD_S2,
    Brake,
    Motion,
    MoveJoints,
    MoveLine,
    Reference,
    Servo,
)

FOLLOW_LAG_S: Final = 0.003
"""How far the arm is behind the reference where nothing else is said."""

_GAIN_LAG_S: Final = 1.5
"""Over `servoj`'s gain: 5 ms at 300. A model; the vendor publishes none."""

_STILL_RAD: Final = 1e-10
_STILL_RAD_S: Final = 1e-6


class Joints:
    """What is wanted, what is measured, and what disturbs.

    Attributes:
        ref: Where the controller wants them.
        q: Six measured joints, without `offset` [rad].
        qd: Their speeds [rad/s].
        qdd_ref: Acceleration of the reference [rad/s²].
        offset: Added to what is measured, as after a push or with a wrong calibration [rad].
        blocked: Joints, 0 to 5, that do not move whatever drives them.
        moving: Whether anything moved in the last cycle.
        travel_rad: The way that the fastest joint went, summed over all cycles.
    """

    def __init__(self, q: list[float]) -> None:
        self.ref = Reference(q)
        self.q = list(q)
        self.qd = [0.0] * 6
        self.qdd_ref = [0.0] * 6
        self.offset = [0.0] * 6
        self.blocked: set[int] = set()
        self.moving = False
        self.travel_rad = 0.0
        self._motion: Motion | None = None
        self._resting: Motion | None = None
        self._lag_s = FOLLOW_LAG_S
        self._scale = 1.0

    @property
    def measured(self) -> list[float]:
        """What the encoders say [rad]."""
        return [q + d for q, d in zip(self.q, self.offset, strict=True)]

    @property
    def done(self) -> bool:
        """Whether the motion begun last has come to its end."""
        return self._motion is None or self._motion.done

    @property
    def standing(self) -> bool:
        """Whether neither the reference nor the arm moves."""
        return not self.moving and max(map(abs, self.ref.qd)) < _STILL_RAD_S

    @property
    def tracking_error_rad(self) -> float:
        """The largest distance of a joint from its reference."""
        return max(abs(r - q - d) for r, q, d in zip(self.ref.q, self.q, self.offset, strict=True))

    def begin(self, motion: Motion) -> None:
        """Do something else from the next cycle on."""
        self._motion, self._resting, self._lag_s = motion, None, FOLLOW_LAG_S

    def servo(self, q: list[float], lookahead_s: float, gain: float) -> None:
        """Servo towards `q`; goes on smoothly from an earlier target."""
        motion = self._motion
        if not isinstance(motion, Servo):
            motion = Servo(self.ref)
            self.begin(motion)
        motion.aim(q, lookahead_s)
        self._lag_s = _GAIN_LAG_S / gain

    def brake(self, deceleration_rad_s2: float = STOP_RAD_S2) -> None:
        """Brake to rest and hold, in the controller's own time."""
        if self.ref.at_rest and isinstance(self._motion, Brake):
            return
        self.ref.qd = [v * self._scale for v in self.ref.qd]
        self._scale = 1.0
        self.begin(Brake(deceleration_rad_s2))

    def pause(self) -> None:
        """Brake, but keep in mind what was being done."""
        motion = self._motion
        self.brake()
        self._resting = motion

    def resume(self) -> None:
        """Take up what `pause` interrupted: moves anew from here, other motions not."""
        if isinstance(self._resting, MoveJoints | MoveLine) and not self._resting.done:
            self.begin(self._resting.again())

    def drop(self) -> None:
        """Stand where the arm is, at once: the brakes of a robot that lost its power."""
        self.ref = Reference(self.q)
        self.begin(Brake())

    def step(self, dt_s: float, scale: float) -> None:
        """Move on by one cycle.

        Args:
            dt_s: Its length.
            scale: How fast the time of a program passes: speed scaling, 0 to 1.

        Raises:
            MotionError: The motion cannot go on.
        """
        before, speed_before = self.ref.q, self.speeds_ref()
        motion = self._motion
        if motion is not None:
            self._scale = 1.0 if isinstance(motion, Brake) else scale
            if self._scale > 0:
                motion.step(self.ref, dt_s * self._scale)
        elif not self.ref.at_rest:
            self.ref.qd = [0.0] * 6
        speed = self.speeds_ref()
        self.qdd_ref = [(b - a) / dt_s for a, b in zip(speed_before, speed, strict=True)]
        if self.moving or self.ref.q != before or self.ref.q != self.q:
            self._follow(dt_s)

    def speeds_ref(self) -> list[float]:
        """Speeds of the reference in real time [rad/s]."""
        scale = self._scale
        return self.ref.qd if scale == 1.0 else [v * scale for v in self.ref.qd]

    def _follow(self, dt_s: float) -> None:
        left = exp(-dt_s / self._lag_s)
        old, blocked = self.q, self.blocked
        q = [r + (a - r) * left for r, a in zip(self.ref.q, old, strict=True)]
        if blocked:
            q = [old[i] if i in blocked else q[i] for i in range(6)]
        moved = [b - a for a, b in zip(old, q, strict=True)]
        fastest = max(map(abs, moved))
        self.moving = fastest > _STILL_RAD
        if self.moving:
            self.travel_rad += fastest
            self.qd = [d / dt_s for d in moved]
            self.q = q
        else:
            self.qd = [0.0] * 6
            if not blocked and self.ref.at_rest:
                self.q = list(self.ref.q)
