"""The negative control: a gate as people write it, which the tests and the oracle find out."""

import numpy as np

from robotd.core.arm_codes import Verdict
from robotd.core.types import Setpoint


class SequentialClamp:
    """Every limit clamped in turn, held where the box is left."""

    def __init__(self, *, envelope, kinematics, dt_s, **_):
        self._e, self._kinematics, self._dt_s = envelope, kinematics, dt_s

    def reset(self, q_rad, qd_rad_s):
        self.q_rad, self.qd_rad_s = np.array(q_rad), np.array(qd_rad_s)

    @property
    def at_rest(self):
        return not np.abs(self.qd_rad_s).max() > 1e-9

    def step(self, candidate):
        e, dt = self._e, self._dt_s
        usable = (
            isinstance(candidate, np.ndarray)
            and candidate.dtype == np.float64
            and candidate.shape == (6,)
            and np.isfinite(np.array(candidate)).all()
        )
        q = np.array(candidate) if usable else self.q_rad
        q = np.clip(q, e.q_min_rad, e.q_max_rad)
        v = np.clip((q - self.q_rad) / dt, -e.joint_speed_rad_s, e.joint_speed_rad_s)
        change = np.clip((v - self.qd_rad_s) / dt, -1, 1) * e.joint_acceleration_rad_s2 * dt
        v = self.qd_rad_s + change
        here, there = (self._kinematics.fk(x)[:3, 3] for x in (self.q_rad, self.q_rad + v * dt))
        speed = float(np.linalg.norm(there - here)) / dt
        v = v * min(1.0, e.tool_speed_m_s / max(speed, 1e-9))
        q = self.q_rad + v * dt
        p = self._kinematics.fk(q)[:3, 3]
        if (p < e.tool_box.min_m).any() or (p > e.tool_box.max_m).any():
            q = self.q_rad
        self.qd_rad_s, self.q_rad = (q - self.q_rad) / dt, q
        return Setpoint(q_rad=q.copy()), Verdict(accepted=usable, braking=not usable)
