"""An independent judge of setpoints: its own kinematics and code, shared with nobody.

It holds every setpoint that the simulated controller receives to every limit of the envelope, so an
error in the gate or in the kinematics shows as a breach instead of agreeing with itself. It knows
only the configuration and the vendor's Denavit-Hartenberg table.

It judges what is received, one setpoint a servo period: a controller gives it every new target that
comes in over the wire, in the order in which they come, whether or not it is followed.

An arm that a person brings back from outside starts beyond a limit: there no setpoint may be beyond
it by more than the one before, and until all limits hold nothing is faster than a jog may be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import atan2, dist, hypot

import numpy as np
from numpy.typing import NDArray

from robotd.core.config import ArmConfig, EnvelopeConfig
from robotd.core.jog import JOG_SPEED_M_S, JOG_TURN_RAD_S
from robotd.core.ur_models import DhParameters, UrModel, ur_model
from robotd.sim.oracle_chain import OracleChain, OracleParts, OracleRows

Array = NDArray[np.float64]

_SLACK = 1e-6  # relative: rounding of differences of doubles, far below any figure that matters
_POSE_SLACK = 2e-6  # metres and radians: what a jog along a wall may leave of it
_MOTION = (
    "joint speed [rad/s]",
    "joint acceleration [rad/s²]",
    "tool speed [m/s]",
    "elbow speed [m/s]",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A limit that a received setpoint broke.

    Attributes:
        limit: Which, in words.
        value: What was found, in the limit's unit.
        bound: What is allowed.
        setpoint_n: Number of the setpoint since the oracle was made.
    """

    limit: str
    value: float
    bound: float
    setpoint_n: int


class _Limits:
    """Names, bounds and the slack of rounding of some limits; no value may be above its bound."""

    def __init__(self, rows: Sequence[tuple[str, float, float]]) -> None:
        self.names = [name for name, _, _ in rows]
        self.bounds = np.array([bound for _, bound, _ in rows])
        self.slack = np.array([slack for _, _, slack in rows])

    def broken(self, values: Array, bounds: Array) -> NDArray[np.bool_]:
        """Which of the values are above the bounds, or no numbers."""
        return ~(values <= bounds + self.slack)


class SetpointOracle:
    """Remembers two setpoints, judges the next one.

    Attributes:
        breaches: All that were found; none in a correct run.
        checked_n: Setpoints judged.
    """

    def __init__(self, config: ArmConfig, envelope: EnvelopeConfig, *, dt_s: float) -> None:
        """Take the limits and the table."""
        self.breaches: list[Breach] = []
        self.checked_n = 0
        self._dt_s = dt_s
        model = ur_model(config.model)
        self._chain = OracleChain(
            _table(config, model), config.tool.position_m, config.tool.quat_wxyz
        )
        self._axis = envelope.tool_axis
        self._pose = _pose_limits(envelope, model)
        joint_speed = min(envelope.joint_speed_rad_s, float(model.joint_speed_max_rad_s.min()))
        acceleration, tool_speed = envelope.joint_acceleration_rad_s2, envelope.tool_speed_m_s
        self._motion = _motion_limits(joint_speed, acceleration, tool_speed)
        self._jog = _motion_limits(
            min(joint_speed, JOG_TURN_RAD_S), acceleration, min(tool_speed, JOG_SPEED_M_S)
        )
        self.restart(np.array(config.home_q_rad))

    @property
    def outside(self) -> bool:
        """Whether the arm was last where it may not be, so that it may only be jogged back."""
        return bool(self._pose.broken(self._before, self._pose.bounds).any())

    def restart(self, q_rad: Array) -> None:
        """Begin anew: the arm stands still at (6,) [rad], and the next setpoint is the first."""
        self._q, self._v = np.array(q_rad, np.float64), np.zeros(6)
        parts = self._chain.parts(self._q)
        self._tool, self._elbow = parts.tool_point, parts.elbow
        self._before = self._pose_values(self._q, parts)

    def check(self, q_rad: Array) -> Breach | None:
        """Judge one setpoint (6,) [rad]; return the first breach, which is kept as well."""
        self.checked_n += 1
        found = self._judge(np.array(q_rad, np.float64))
        if found is None:
            return None
        limit, value, bound = found
        breach = Breach(limit=limit, value=value, bound=bound, setpoint_n=self.checked_n)
        self.breaches.append(breach)
        return breach

    def check_many(self, q_rad: Array) -> Breach | None:
        """Judge (N, 6) setpoints [rad] one after another; return the first breach.

        The same as `check` of each, and faster: where no limit is near, they are passed at once.
        """
        many = len(q_rad) > 1 and bool(np.isfinite(q_rad).all()) and not self.outside
        if many and self._pass_all(q_rad):
            self.checked_n += len(q_rad)
            return None
        breaches = [self.check(q) for q in q_rad]
        return next((breach for breach in breaches if breach is not None), None)

    def _pass_all(self, q: Array) -> bool:
        """Whether none of (N, 6) setpoints [rad] breaks anything; then the last is remembered."""
        rows = self._chain.rows(q)
        pose = self._pose_rows(q, rows)
        way = np.vstack((self._q, q))
        v = np.diff(way, axis=0) / self._dt_s
        a = np.diff(np.vstack((self._v, v)), axis=0) / self._dt_s
        speeds = [
            np.linalg.norm(np.diff(np.vstack((before, points)), axis=0), axis=1) / self._dt_s
            for before, points in ((self._tool, rows.tool_point), (self._elbow, rows.elbow))
        ]
        motion = np.stack((np.abs(v).max(axis=1), np.abs(a).max(axis=1), *speeds), axis=1)
        if (
            self._pose.broken(pose, self._pose.bounds).any()
            or self._motion.broken(motion, self._motion.bounds).any()
        ):
            return False
        self._q, self._v = q[-1], v[-1]
        self._tool, self._elbow = tuple(rows.tool_point[-1]), tuple(rows.elbow[-1])
        self._before = np.minimum(pose[-1], self._pose.bounds)
        return True

    def _pose_rows(self, q: Array, rows: OracleRows) -> Array:
        """What `_pose_limits` bounds, a row for each setpoint."""
        tool, axis = rows.tool_point, np.array(self._axis)
        across = np.linalg.norm(np.cross(rows.tool_axis, axis), axis=1)
        angle = np.arctan2(across, rows.tool_axis @ axis)
        last = (-tool[:, 2], -rows.elbow[:, 2], angle, -rows.smallest_singular_value)
        return np.hstack((-q, q, -tool, tool, np.stack(last, axis=1)))

    def _judge(self, q: Array) -> tuple[str, float, float] | None:
        if q.shape != (6,) or not np.all(np.isfinite(q)):
            return ("six finite numbers", float("nan"), 0.0)
        parts = self._chain.parts(q)
        pose, before = self._pose_values(q, parts), self._before
        outside = self._pose.broken(before, self._pose.bounds)
        bounds = np.where(outside, np.maximum(before, self._pose.bounds), self._pose.bounds)
        motion_limits = self._jog if outside.any() else self._motion
        motion = self._motion_values(q, parts)
        self._before = np.minimum(pose, bounds)
        for limits, values, allowed in (
            (self._pose, pose, bounds),
            (motion_limits, motion, motion_limits.bounds),
        ):
            broken = limits.broken(values, allowed)
            if broken.any():
                first = int(broken.argmax())
                return limits.names[first], float(values[first]), float(allowed[first])
        return None

    def _pose_values(self, q: Array, parts: OracleParts) -> Array:
        """What `_pose_limits` bounds."""
        joints, tool = q.tolist(), parts.tool_point
        x, y, z = parts.tool_axis
        a, b, c = self._axis
        # atan2 of cross and dot: exact at both ends, where an arc cosine is not.
        across = hypot(y * c - z * b, z * a - x * c, x * b - y * a)
        angle = atan2(across, x * a + y * b + z * c)
        return np.array(
            [
                *(-angle_rad for angle_rad in joints),
                *joints,
                *(-along for along in tool),
                *tool,
                -tool[2],
                -parts.elbow[2],
                angle,
                -parts.smallest_singular_value,
            ]
        )

    def _motion_values(self, q: Array, parts: OracleParts) -> Array:
        """What `_motion_limits` bounds; the setpoint becomes the last one."""
        v = (q - self._q) / self._dt_s
        a = (v - self._v) / self._dt_s
        tool_m, elbow_m = dist(parts.tool_point, self._tool), dist(parts.elbow, self._elbow)
        self._q, self._v, self._tool, self._elbow = q, v, parts.tool_point, parts.elbow
        return np.array(
            [np.abs(v).max(), np.abs(a).max(), tool_m / self._dt_s, elbow_m / self._dt_s]
        )


def _table(config: ArmConfig, model: UrModel) -> DhParameters:
    """The arm's own table where it has one."""
    own = config.calibrated_dh
    if own is None:
        return model.dh
    return DhParameters(
        a_m=np.array(own.a_m),
        d_m=np.array(own.d_m),
        alpha_rad=np.array(own.alpha_rad),
        theta_rad=np.array(own.theta_rad),
    )


def _pose_limits(e: EnvelopeConfig, model: UrModel) -> _Limits:
    """Where the arm may be; a lower end is an upper one of the negative value."""
    joints, axes = range(6), range(3)
    low = np.maximum(e.q_min_rad, model.joint_min_rad).tolist()
    high = np.minimum(e.q_max_rad, model.joint_max_rad).tolist()
    box = e.tool_box
    rows = [
        *((f"lower range of joint {i + 1} [rad]", -low[i]) for i in joints),
        *((f"upper range of joint {i + 1} [rad]", high[i]) for i in joints),
        *((f"tool box, lower {'xyz'[i]} [m]", -box.min_m[i]) for i in axes),
        *((f"tool box, upper {'xyz'[i]} [m]", box.max_m[i]) for i in axes),
        ("table under the tool [m]", -e.table_z_m),
        ("table under the elbow [m]", -(e.table_z_m + e.elbow_clearance_m)),
        ("tool cone [rad]", e.tool_cone_rad),
        ("singular value", -e.min_singular_value),
    ]
    return _Limits([(name, bound, _POSE_SLACK) for name, bound in rows])


def _motion_limits(joint_rad_s: float, joint_rad_s2: float, tool_m_s: float) -> _Limits:
    """How fast it may be there."""
    bounds = (joint_rad_s, joint_rad_s2, tool_m_s, tool_m_s)
    return _Limits([(name, b, _SLACK * b) for name, b in zip(_MOTION, bounds, strict=True)])
