"""An independent judge of setpoints: its own kinematics and code, shared with nobody.

It holds every setpoint that the simulated controller receives to every limit of the envelope, so an
error in the gate or in the kinematics shows as a breach instead of agreeing with itself. It knows
only the configuration and the vendor's Denavit-Hartenberg table.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robotd.core.config import ArmConfig, EnvelopeConfig
from robotd.core.ur_models import ur_model

Array = NDArray[np.float64]

_SLACK = 1e-6  # relative: rounding of differences of doubles, far below any figure that matters
_LENGTH_SLACK_M = 1e-9
_SINGULARITY_EVERY = 8
_STEP_RAD = 1e-6


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
        self._envelope = envelope
        self._dt_s = dt_s
        model = ur_model(config.model)
        dh = model.dh
        self._table = np.stack((dh.a_m, dh.d_m, dh.alpha_rad, dh.theta_rad), axis=1)
        self._range = np.stack((model.joint_min_rad, model.joint_max_rad))
        w, x, y, z = np.array(config.tool.quat_wxyz) / np.linalg.norm(config.tool.quat_wxyz)
        self._tool_point = np.array(config.tool.position_m)
        # Where the tool's z axis points, in the flange frame: the last column of its rotation.
        self._tool_axis = np.array(
            [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)]
        )
        self.restart(np.array(config.home_q_rad))

    def restart(self, q_rad: Array) -> None:
        """Begin anew: the arm stands still at (6,) [rad], and the next setpoint is the first."""
        self._q, self._v = np.array(q_rad, np.float64), np.zeros(6)
        frames = self._frames(self._q)
        self._points = (self._tool_of(frames), frames[2][:3, 3])

    def check(self, q_rad: Array) -> Breach | None:
        """Judge one setpoint (6,) [rad]; return the first breach, which is kept as well."""
        self.checked_n += 1
        q = np.array(q_rad, np.float64)
        found = self._judge(q)
        if found is None:
            return None
        breach = Breach(
            limit=found[0], value=float(found[1]), bound=found[2], setpoint_n=self.checked_n
        )
        self.breaches.append(breach)
        return breach

    def _judge(self, q: Array) -> tuple[str, float, float] | None:
        if q.shape != (6,) or not np.all(np.isfinite(q)):
            return ("six finite numbers", float("nan"), 0.0)
        frames = self._frames(q)
        tool = self._tool_of(frames)
        axis = frames[6][:3, :3] @ self._tool_axis
        elbow = frames[2][:3, 3]
        candidates = [
            *self._pose_excess(q, tool, axis, elbow),
            *self._motion_excess(q, tool, elbow),
        ]
        self._q, self._points = q, (tool, elbow)
        for name, value, bound, slack in candidates:
            if not value <= bound + slack:
                return (name, value, bound)
        return self._singular(frames, tool)

    def _pose_excess(
        self, q: Array, tool: Array, axis: Array, elbow: Array
    ) -> list[tuple[str, float, float, float]]:
        e = self._envelope
        rows: list[tuple[str, float, float, float]] = []
        for joint in range(6):
            low = max(e.q_min_rad[joint], self._range[0, joint])
            high = min(e.q_max_rad[joint], self._range[1, joint])
            rows.append((f"lower range of joint {joint + 1} [rad]", -q[joint], -low, 0.0))
            rows.append((f"upper range of joint {joint + 1} [rad]", q[joint], high, 0.0))
        for i, name in enumerate("xyz"):
            low, high = e.tool_box.min_m[i], e.tool_box.max_m[i]
            rows.append((f"tool box, lower {name} [m]", -tool[i], -low, _LENGTH_SLACK_M))
            rows.append((f"tool box, upper {name} [m]", tool[i], high, _LENGTH_SLACK_M))
        rows.append(("table under the tool [m]", -tool[2], -e.table_z_m, _LENGTH_SLACK_M))
        floor = e.table_z_m + e.elbow_clearance_m
        rows.append(("table under the elbow [m]", -elbow[2], -floor, _LENGTH_SLACK_M))
        nominal = np.array(e.tool_axis)
        # atan2 of cross and dot: exact at both ends, where an arc cosine is not.
        angle = np.arctan2(np.linalg.norm(_cross(axis, nominal)), axis @ nominal)
        rows.append(("tool cone [rad]", float(angle), e.tool_cone_rad, _SLACK))
        return rows

    def _motion_excess(
        self, q: Array, tool: Array, elbow: Array
    ) -> list[tuple[str, float, float, float]]:
        e = self._envelope
        v = (q - self._q) / self._dt_s
        a = (v - self._v) / self._dt_s
        self._v = v
        tool_speed = float(np.linalg.norm(tool - self._points[0])) / self._dt_s
        elbow_speed = float(np.linalg.norm(elbow - self._points[1])) / self._dt_s
        limits = (
            ("joint speed [rad/s]", float(np.max(np.abs(v))), e.joint_speed_rad_s),
            ("joint acceleration [rad/s²]", float(np.max(np.abs(a))), e.joint_acceleration_rad_s2),
            ("tool speed [m/s]", tool_speed, e.tool_speed_m_s),
            ("elbow speed [m/s]", elbow_speed, e.tool_speed_m_s),
        )
        return [(name, value, bound, _SLACK * bound) for name, value, bound in limits]

    def _singular(self, frames: list[Array], tool: Array) -> tuple[str, float, float] | None:
        """Smallest singular value of a Jacobian found by turning each joint a little."""
        if self.checked_n % _SINGULARITY_EVERY:
            return None
        columns: list[Array] = []
        for joint in range(6):
            axis, origin = frames[joint][:3, 2], frames[joint][:3, 3]
            arm = tool - origin
            turned = _about(axis, _STEP_RAD, arm) - _about(axis, -_STEP_RAD, arm)
            columns.append(np.concatenate((turned / (2.0 * np.sin(_STEP_RAD)), axis)))
        smallest = float(np.linalg.svd(np.array(columns), compute_uv=False).min())
        bound = self._envelope.min_singular_value
        return None if smallest >= bound - _SLACK else ("singular value", -smallest, -bound)

    def _tool_of(self, frames: list[Array]) -> Array:
        return frames[6][:3, :3] @ self._tool_point + frames[6][:3, 3]

    def _frames(self, q: Array) -> list[Array]:
        """Frames 0 to 6 (4, 4) by the textbook's link matrix, one after another."""
        frames = [np.eye(4)]
        for angle, (a, d, alpha, theta) in zip(q, self._table, strict=True):
            ct, st = np.cos(angle + theta), np.sin(angle + theta)
            ca, sa = np.cos(alpha), np.sin(alpha)
            link = np.array(
                [
                    [ct, -st * ca, st * sa, a * ct],
                    [st, ct * ca, -ct * sa, a * st],
                    [0.0, sa, ca, d],
                    [0.0, 0.0, 0.0, 1.0],
                ]
            )
            frames.append(frames[-1] @ link)
        return frames


def _about(axis: Array, angle_rad: float, vector: Array) -> Array:
    """`vector` turned about a unit `axis` (Rodrigues 1840)."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return vector * c + _cross(axis, vector) * s + axis * (axis @ vector) * (1.0 - c)


def _cross(a: Array, b: Array) -> Array:
    (a0, a1, a2), (b0, b1, b2) = a.tolist(), b.tolist()
    return np.array([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0])
