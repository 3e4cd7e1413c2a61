"""The gate of a person who jogs: it may begin outside the envelope, and leads only inwards.

The same brake is verified as by the gate. Inside, the same limits hold. Where the arm stands beyond
a bound, that bound moves out to where it is and comes back with it: no setpoint, and no sample of a
brake, lies further beyond any bound than one emitted before it. Tool and elbow are slow.
"""

from typing import Final

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from robotd.core.arm_codes import Limit
from robotd.core.config import EnvelopeConfig
from robotd.core.jog import JOG_SPEED_M_S, JOG_TURN_RAD_S
from robotd.core.kinematics import Kinematics
from robotd.core.types import Setpoint
from robotd.core.ur_models import UrModel
from robotd.servo.excess import BOUNDS, Excess
from robotd.servo.gate import Broken, Gate

Array = NDArray[np.float64]

SLACK: Final = 1e-6
"""A micrometre or microradian: what inverse kinematics and a straight brake leave of an axis that
is held. It is counted from the least excess so far, so that it never adds up."""


class JogGate(Gate):
    """A `Gate` whose bounds on where the arm may stand begin no nearer than it does.

    Attributes:
        least: (len(BOUNDS),) the least excess over each bound so far; NaN before `reset`.
    """

    def __init__(
        self, *, envelope: EnvelopeConfig, model: UrModel, kinematics: Kinematics, dt_s: float
    ) -> None:
        """Take the limits, with the speeds of jogging; arguments as of `Gate`."""
        slow = replace(
            envelope,
            tool_speed_m_s=min(envelope.tool_speed_m_s, JOG_SPEED_M_S),
            joint_speed_rad_s=min(envelope.joint_speed_rad_s, JOG_TURN_RAD_S),
        )
        super().__init__(envelope=slow, model=model, kinematics=kinematics, dt_s=dt_s)
        self._beyond = Excess(envelope=envelope, model=model, kinematics=kinematics)
        self.least = np.full(len(BOUNDS), np.nan)

    def reset(self, q_rad: Array, qd_rad_s: Array) -> None:
        """Begin at measured joints, at rest, wherever they are.

        Raises:
            EnvelopeError: The arm moves, or the joints are not finite.
        """
        if q_rad.shape == (6,) and np.isfinite(q_rad).all():
            self.least = self._beyond.of(q_rad[np.newaxis])[0]
        super().reset(q_rad, qd_rad_s)

    def _emit(self, q: Array, v: Array, a: Array, brake: Array) -> Setpoint:
        setpoint = super()._emit(q, v, a, brake)
        self.least = np.minimum(self.least, self._beyond.of(q[np.newaxis])[0])
        return setpoint

    def _check_range(self, q: Array) -> Broken | None:
        """Whether a joint of (N, 6) lies beyond where it was; before anything is computed of it."""
        beyond = np.hstack((self._q_min - q, q - self._q_max))
        allowed = self.least[: beyond.shape[1]]
        row, worst = np.unravel_index(int(np.argmax(beyond - allowed)), beyond.shape)
        if beyond[row, worst] <= allowed[worst] + SLACK:
            return None
        return Limit.JOINT_RANGE, float(beyond[row, worst]), float(allowed[worst])

    def _check_points(self, path: Array) -> Broken | None:
        """Whether any bound is left further behind along (N >= 2, 6), or a point too fast."""
        at = self._kinematics.points_batch(path)
        excess = self._beyond.of(path, at)
        least = np.minimum.accumulate(np.vstack((self.least, excess[:-1])))
        grown = (excess - least).max(axis=0)
        worst = int(np.argmax(grown))
        if not grown[worst] <= SLACK:
            row = int(np.argmax(excess[:, worst] - least[:, worst]))
            return BOUNDS[worst][0], float(excess[row, worst]), float(least[row, worst])
        fastest = max(float(self._speed_of(p).max()) for p in (at.p_base_tcp, at.p_base_elbow))
        too_fast = not fastest <= self._tool_speed
        return (Limit.TOOL_SPEED, fastest, self._tool_speed) if too_fast else None
