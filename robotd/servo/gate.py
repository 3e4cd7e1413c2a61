"""The safety gate: the only maker of setpoints, so none outside the envelope can exist.

Invariant: from the last emitted setpoint on, a brake to standstill is stored whose every sample has
been verified against every limit. A candidate is emitted only if it and its own brake are verified;
otherwise the next sample of the stored brake is. By induction no emitted sequence leaves the
envelope, whatever comes in or stops coming. Speed and acceleration are the first and second
differences of the emitted samples themselves. Not a certified safety function.
"""

from math import ceil

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import Limit, Verdict
from robotd.core.config import EnvelopeConfig
from robotd.core.errors import EnvelopeError
from robotd.core.kinematics import Kinematics
from robotd.core.types import Setpoint
from robotd.core.ur_models import UrModel

Array = NDArray[np.float64]
Broken = tuple[Limit, float, float]
"""A limit, the worst value found and the bound that it broke, in the limit's unit."""

REST_RAD_S = 0.01
"""Joints slower than this stand still: the measurement's own noise is below [rad/s]."""

_BRAKE_SHARE = 0.999  # of the acceleration limit, so that rounding never breaks it
_NO_BRAKE = np.empty((0, 6))
_ACCEPTED = Verdict(accepted=True)
_UNIT = {
    Limit.JOINT_RANGE: "rad beyond",
    Limit.WORKSPACE: "m beyond",
    Limit.TABLE: "m below",
    Limit.ELBOW: "m below",
    Limit.TOOL_CONE: "rad",
    Limit.SINGULARITY: "smallest singular value",
}


class Gate:
    """Lets through what is verified and brakes otherwise. State: joints, speed and the brake.

    Call `reset` before the first `step`, then `step` exactly once a period.
    """

    def __init__(
        self, *, envelope: EnvelopeConfig, model: UrModel, kinematics: Kinematics, dt_s: float
    ) -> None:
        """Take the limits: the envelope's, and the vendor's where they are narrower.

        Args:
            envelope: The cell's limits.
            model: The vendor's figures for the arm.
            kinematics: The arm with its tool.
            dt_s: Servo period [s].
        """
        self._dt_s = dt_s
        self._kinematics = kinematics
        self._q_min = np.maximum(envelope.q_min_rad, model.joint_min_rad)
        self._q_max = np.minimum(envelope.q_max_rad, model.joint_max_rad)
        self._speed = min(envelope.joint_speed_rad_s, *model.joint_speed_max_rad_s.tolist())
        self._acceleration = envelope.joint_acceleration_rad_s2
        self._box_min = np.array(envelope.tool_box.min_m)
        self._box_max = np.array(envelope.tool_box.max_m)
        self._table_z = envelope.table_z_m
        self._elbow_z = envelope.table_z_m + envelope.elbow_clearance_m
        self._tool_speed = envelope.tool_speed_m_s
        self._axis = np.array(envelope.tool_axis) / np.linalg.norm(envelope.tool_axis)
        self._cone = envelope.tool_cone_rad
        self._sigma = envelope.min_singular_value
        self._q = self._v = self._a = np.full(6, np.nan)
        self._brake = _NO_BRAKE

    @property
    def q_rad(self) -> Array:
        """(6,) last emitted joints [rad]; NaN before the first `reset`."""
        return self._q

    @property
    def qd_rad_s(self) -> Array:
        """(6,) first difference of the emitted joints [rad/s]; NaN before the first `reset`."""
        return self._v

    @property
    def qdd_rad_s2(self) -> Array:
        """(6,) second difference of the emitted joints [rad/s²]; NaN before the first `reset`."""
        return self._a

    @property
    def at_rest(self) -> bool:
        """Whether the brake has been emitted to its end: `step(None)` repeats the last joints."""
        return len(self._brake) == 0

    def reset(self, q_rad: Array, qd_rad_s: Array) -> None:
        """Begin at measured joints, at rest and inside.

        Args:
            q_rad: (6,) measured joints [rad].
            qd_rad_s: (6,) measured joint speeds [rad/s].

        Raises:
            EnvelopeError: The arm moves, or stands outside; names the limit, value and bound.
        """
        moving = float(np.abs(qd_rad_s).max())
        if not moving <= REST_RAD_S:
            raise EnvelopeError(
                f"start: a joint moves at {moving:.3g} rad/s, limit {REST_RAD_S} rad/s;"
                " wait until the arm stands still"
            )
        start = _six_finite(q_rad)
        if start is None:
            raise EnvelopeError(f"start: got joints {q_rad}, expected six finite numbers")
        broken = self._check_range(start[None]) or self._check_points(np.vstack((start, start)))
        if broken is not None:
            limit, value, bound = broken
            raise EnvelopeError(
                f"start: the arm stands outside its envelope: {limit.name.lower()} is {value:.4g},"
                f" bound {bound:.4g} ({_UNIT[limit]}); jog it back inside"
            )
        self._emit(start, np.zeros_like(start), np.zeros_like(start), _NO_BRAKE)

    def step(self, candidate: object) -> tuple[Setpoint, Verdict]:
        """Emit the candidate, or the next sample of the verified brake.

        Args:
            candidate: (6,) float64 joints [rad] wanted one period after the last; None asks to
                brake. Anything else is refused.

        Returns:
            The setpoint, and what became of the candidate.

        Raises:
            EnvelopeError: There was no `reset`.
        """
        if np.isnan(self._v).any():
            raise EnvelopeError("gate: step without a start; reset it at the measured joints first")
        q = _six_finite(candidate)
        if q is None:
            return self._brake_on(Limit.NONE if candidate is None else Limit.FINITE)
        broken = self._check_range(q[None]) or self._check_speed((q - self._q) / self._dt_s)
        if broken is not None:
            return self._brake_on(broken[0])
        path = np.vstack((self._q, q, self._brake_from(q)))
        v = np.diff(path, axis=0) / self._dt_s
        a = np.diff(np.vstack((self._v, v)), axis=0) / self._dt_s
        broken = (
            self._check_range(path)
            or _above(Limit.JOINT_ACCELERATION, np.abs(a), self._acceleration)
            or self._check_points(path)
        )
        if broken is not None:
            return self._brake_on(broken[0])
        return self._emit(q, v[0], a[0], path[2:]), _ACCEPTED

    def _emit(self, q: Array, v: Array, a: Array, brake: Array) -> Setpoint:
        setpoint = Setpoint(q_rad=q)
        self._q, self._v, self._a, self._brake = setpoint.q_rad, v, a, brake
        return setpoint

    def _brake_on(self, limit: Limit) -> tuple[Setpoint, Verdict]:
        """Emit the stored brake's next sample; at its end the last one again."""
        q = self._q if self.at_rest else self._brake[0].copy()
        v = (q - self._q) / self._dt_s
        a = (v - self._v) / self._dt_s
        verdict = Verdict(accepted=False, limit=limit, braking=True)
        return self._emit(q, v, a, self._brake[1:]), verdict

    def _brake_from(self, q: Array) -> Array:
        """Straight brake (N, 6) of all joints together from `q`, the slowing of the fastest fixed.

        Row j is reached at the share (N - j) / N of the speed: none is faster than the candidate,
        and the last two rows are equal.
        """
        moved = q - self._q
        slowing = _BRAKE_SHARE * self._acceleration * self._dt_s * self._dt_s
        rows = ceil(np.abs(moved).max() / slowing)
        j = np.arange(1.0, rows + 1.0)[:, None]
        return q + (j - j * (j + 1.0) / (2 * rows)) * moved

    def _check_range(self, q: Array) -> Broken | None:
        beyond = np.maximum(self._q_min - q, q - self._q_max)
        return _above(Limit.JOINT_RANGE, beyond, 0.0)

    def _check_speed(self, v: Array) -> Broken | None:
        return _above(Limit.JOINT_SPEED, np.abs(v), self._speed)

    def _check_points(self, path: Array) -> Broken | None:
        """All limits of tool and elbow at the joints (N >= 2, 6) and on the steps between them."""
        at = self._kinematics.points_batch(path)
        tcp, elbow = at.p_base_tcp, at.p_base_elbow
        return (
            _above(Limit.WORKSPACE, np.maximum(self._box_min - tcp, tcp - self._box_max), 0.0)
            or _above(Limit.TABLE, self._table_z - tcp[:, 2], 0.0)
            or _above(Limit.ELBOW, self._elbow_z - elbow[:, 2], 0.0)
            or _above(Limit.TOOL_SPEED, self._speed_of(tcp), self._tool_speed)
            or _above(Limit.TOOL_SPEED, self._speed_of(elbow), self._tool_speed)
            or _above(Limit.TOOL_CONE, self._tilt(at.z_base_tcp), self._cone)
            or self._check_singularity(at.J_base_tcp)
        )

    def _speed_of(self, p: Array) -> Array:
        """(N - 1,) speed [m/s] of a point that passes (N, 3) [m], one row a period."""
        return np.sqrt(np.square(np.diff(p, axis=0)).sum(axis=1)) / self._dt_s

    def _tilt(self, z: Array) -> Array:
        """(N,) angle [rad] of directions (N, 3) to the nominal tool axis."""
        return np.arccos(np.clip(z @ self._axis, -1.0, 1.0))

    def _check_singularity(self, J: Array) -> Broken | None:
        """All singular values exceed s just where J J^T - s² I is positive definite: Cholesky."""
        gram = J @ J.transpose(0, 2, 1)
        gram[:, range(6), range(6)] -= self._sigma * self._sigma
        try:
            np.linalg.cholesky(gram)
        except np.linalg.LinAlgError:
            worst = float(np.linalg.svd(J[0], compute_uv=False)[-1])
            return Limit.SINGULARITY, worst, self._sigma
        return None


def _six_finite(candidate: object) -> Array | None:
    """A copy of six finite float64, or None."""
    if not isinstance(candidate, np.ndarray) or candidate.dtype != np.float64:
        return None
    q = np.array(candidate, dtype=np.float64)
    return q if q.shape == (6,) and np.isfinite(q).all() else None


def _above(limit: Limit, values: Array, bound: float) -> Broken | None:
    """The limit as broken where the worst value is above the bound, or no number."""
    worst = float(values.max())
    return None if worst <= bound else (limit, worst, bound)
