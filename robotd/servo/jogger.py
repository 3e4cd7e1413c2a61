"""From a person's slow rates to the next joints: along base axes or joints, from rest; pure."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.config import EnvelopeConfig
from robotd.core.geometry import so3_exp
from robotd.core.jog import JOG_SPEED_M_S, JOG_TURN_RAD_S, JogFrame, JogOrder
from robotd.core.kinematics import Kinematics

Array = NDArray[np.float64]

RAMP_S: Final = 0.2
"""From rest to full speed; the end is the gate's brake, at once."""

SHARE: Final = 0.95
"""Of the gate's limits."""

_IK_TOLERANCE_M: Final = 1e-10


class Jogger:
    """Makes candidates for the gate; holds the axes that nobody moves where motion began."""

    def __init__(self, *, kinematics: Kinematics, envelope: EnvelopeConfig, dt_s: float) -> None:
        """Take the arm.

        Args:
            kinematics: The arm with its tool.
            envelope: Its limit of acceleration.
            dt_s: Servo period [s].
        """
        self._kinematics, self._dt_s = kinematics, dt_s
        self._point_step = SHARE * min(JOG_SPEED_M_S, envelope.tool_speed_m_s) * dt_s
        self._joint_step = SHARE * min(JOG_TURN_RAD_S, envelope.joint_speed_rad_s) * dt_s
        self._bend = SHARE * envelope.joint_acceleration_rad_s2 * dt_s * dt_s
        self._rates = np.zeros(6)
        self._frame = JogFrame.BASE
        self._T_held: Array | None = None

    def restart(self) -> None:
        """Begin anew from rest: the gate brakes."""
        self._rates, self._T_held = np.zeros(6), None

    def step(self, q: Array, qd_rad_s: Array, order: JogOrder, now_ns: int) -> Array | None:
        """Return the joints (6,) [rad] one period after `q`, or None: brake.

        Args:
            q: (6,) last setpoint [rad].
            qd_rad_s: (6,) its speed [rad/s].
            order: What the person wants.
            now_ns: When the joints are wanted.
        """
        if now_ns > order.valid_until_ns or not order.rates.any():
            self.restart()
            return None
        if order.frame is not self._frame or self._T_held is None:
            self.restart()
            self._frame, self._T_held = order.frame, self._kinematics.fk(q)
        missing = order.rates - self._rates
        most = float(np.abs(missing).max())
        self._rates = self._rates + missing * min(1.0, self._dt_s / RAMP_S / max(most, 1e-12))
        moved, T_next = self._moved(q, self._T_held, 1.0)
        share = self._slow_enough(q, moved)
        if share < 1.0:
            moved, T_next = self._moved(q, self._T_held, share)
        gentle = self._gentle(moved, qd_rad_s * self._dt_s)
        if gentle is None:
            return None
        self._T_held = T_next if gentle == 1.0 else self._kinematics.fk(q + gentle * moved)
        return q + gentle * moved

    def _moved(self, q: Array, T_held: Array, share: float) -> tuple[Array, Array]:
        """Return the joints' step (6,) [rad] for a share of the rates, and the pose after it."""
        if self._frame is JogFrame.JOINT:
            moved = self._rates * (share * JOG_TURN_RAD_S * self._dt_s)
            return moved, T_held
        T = T_held.copy()
        T[:3, 3] += self._rates[:3] * (share * JOG_SPEED_M_S * self._dt_s)
        turn = self._rates[3:] * (share * JOG_TURN_RAD_S * self._dt_s)
        if turn.any():
            T[:3, :3] = so3_exp(turn) @ T[:3, :3]
        return self._kinematics.ik(T, q, tolerance_m=_IK_TOLERANCE_M).q_rad - q, T

    def _slow_enough(self, q: Array, moved: Array) -> float:
        """Return the share of a step at which no point and no joint is too fast."""
        at = self._kinematics.points_batch(np.vstack((q, q + moved)))
        steps = [float(np.linalg.norm(p[1] - p[0])) for p in (at.p_base_tcp, at.p_base_elbow)]
        point, joint = max(*steps, 1e-15), max(float(np.abs(moved).max()), 1e-15)
        return min(1.0, self._point_step / point, self._joint_step / joint)

    def _gentle(self, moved: Array, before: Array) -> float | None:
        """Return the largest share of a step, up to 1, that no joint has to jump for; or None."""
        low, high = 0.0, 1.0
        for step, last in zip(moved.tolist(), before.tolist(), strict=True):
            if abs(step) < 1e-15:
                if abs(last) > self._bend:
                    return None
                continue
            ends = ((last - self._bend) / step, (last + self._bend) / step)
            low, high = max(low, min(ends)), min(high, max(ends))
        return high if high >= low and high > 0 else None
