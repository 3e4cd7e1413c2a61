"""The oracle's own kinematics: link matrices from the vendor's table, shared with nobody."""

from dataclasses import dataclass
from math import cos, sin

import numpy as np
from numpy.typing import NDArray

from robotd.core.ur_models import DhParameters

Array = NDArray[np.float64]
Vec3 = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleParts:
    """Where the arm's parts are for one configuration, in the base frame.

    Attributes:
        T_base_flange: (4, 4) pose of the flange [m].
        tool_point: Tool centre point [m].
        tool_axis: Direction of the tool's z axis.
        elbow: Where the axis of joint 3 crosses the plane of the upper arm [m].
        smallest_singular_value: Of the Jacobian (metres and radians).
    """

    T_base_flange: Array
    tool_point: Vec3
    tool_axis: Vec3
    elbow: Vec3
    smallest_singular_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleRows:
    """The same for N configurations at once, a row each.

    Attributes:
        tool_point: (N, 3) [m].
        tool_axis: (N, 3).
        elbow: (N, 3) [m].
        smallest_singular_value: (N,).
    """

    tool_point: Array
    tool_axis: Array
    elbow: Array
    smallest_singular_value: Array


class OracleChain:
    """The links of one arm, and its tool."""

    def __init__(
        self,
        dh: DhParameters,
        position_m: Vec3,
        quat_wxyz: tuple[float, float, float, float],
    ) -> None:
        """Take the table, and the pose of the tool in the flange frame [m]."""
        self._links = [
            (theta, a, d, cos(alpha), sin(alpha))
            for theta, a, d, alpha in np.stack(
                (dh.theta_rad, dh.a_m, dh.d_m, dh.alpha_rad), axis=1
            ).tolist()
        ]
        w, x, y, z = np.array(quat_wxyz) / np.linalg.norm(quat_wxyz)
        # The tool's point, and where its z axis points: the last column of its rotation.
        axis = (2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y))
        self._tool = np.array([[*position_m, 1.0], [*axis, 0.0]]).T

    def parts(self, q_rad: Array) -> OracleParts:
        """Return where all of it is, for (6,) [rad]."""
        frames = self._frames(q_rad)
        tool = frames[6] @ self._tool
        return OracleParts(
            T_base_flange=frames[6],
            tool_point=tuple(tool[:3, 0].tolist()),
            tool_axis=tuple(tool[:3, 1].tolist()),
            elbow=_elbow(frames),
            smallest_singular_value=_smallest_singular_value(frames, tool[:3, 0]),
        )

    def rows(self, q_rad: Array) -> OracleRows:
        """Return where all of it is, for (N, 6) [rad]: for many as fast as `parts` for one."""
        frames = np.empty((len(q_rad), 7, 4, 4))
        frames[:, 0] = np.eye(4)
        link_of = np.zeros((len(q_rad), 4, 4))
        link_of[:, 3, 3] = 1.0
        for i, (theta, a, d, ca, sa) in enumerate(self._links):
            ct, st = np.cos(q_rad[:, i] + theta), np.sin(q_rad[:, i] + theta)
            link_of[:, 0] = np.stack((ct, -st * ca, st * sa, a * ct), axis=-1)
            link_of[:, 1] = np.stack((st, ct * ca, -ct * sa, a * st), axis=-1)
            link_of[:, 2, 1:] = sa, ca, d
            frames[:, i + 1] = frames[:, i] @ link_of
        tool = frames[:, 6] @ self._tool
        normal, shoulder = frames[:, 1, :3, 2], frames[:, 1, :3, 3]
        along, origin = frames[:, 2, :3, 2], frames[:, 2, :3, 3]
        share = (normal * (shoulder - origin)).sum(axis=1) / (normal * along).sum(axis=1)
        axes = frames[:, :6, :3, 2]
        arms = tool[:, None, :3, 0] - frames[:, :6, :3, 3]
        columns = np.concatenate((np.cross(axes, arms), axes), axis=2)
        return OracleRows(
            tool_point=tool[:, :3, 0],
            tool_axis=tool[:, :3, 1],
            elbow=origin + along * share[:, None],
            smallest_singular_value=np.asarray(
                np.linalg.svd(columns, compute_uv=False)[:, -1], np.float64
            ),
        )

    def _frames(self, q_rad: Array) -> Array:
        """Frames 0 to 6 (7, 4, 4) [m] by the textbook's link matrix, one after another."""
        frames = np.empty((7, 4, 4))
        frames[0] = np.eye(4)
        for i, (angle, link) in enumerate(zip(q_rad.tolist(), self._links, strict=True)):
            theta, a, d, ca, sa = link
            ct, st = cos(angle + theta), sin(angle + theta)
            matrix = (
                (ct, -st * ca, st * sa, a * ct),
                (st, ct * ca, -ct * sa, a * st),
                (0.0, sa, ca, d),
                (0.0, 0.0, 0.0, 1.0),
            )
            frames[i + 1] = frames[i] @ np.array(matrix)
        return frames


def _elbow(frames: Array) -> Vec3:
    """Where the axis of joint 3 crosses the plane through the shoulder across that of joint 2.

    In the nominal arm that is the origin of frame 2; a calibrated table may put that origin far
    away along the axis.
    """
    normal, shoulder = frames[1, :3, 2], frames[1, :3, 3]
    along, origin = frames[2, :3, 2], frames[2, :3, 3]
    elbow = origin + along * (normal @ (shoulder - origin)) / (normal @ along)
    return tuple(elbow.tolist())


def _smallest_singular_value(frames: Array, tool: Array) -> float:
    """Of the Jacobian whose columns are how the tool moves with each joint, and about what."""
    axes = frames[:6, :3, 2]
    columns = np.hstack((_cross(axes, tool - frames[:6, :3, 3]), axes))
    return float(np.linalg.svd(columns, compute_uv=False)[-1])


def _cross(a: Array, b: Array) -> Array:
    """Row by row; what numpy has for it takes as long as all the rest."""
    turned_a, turned_b = a[:, [1, 2, 0]], b[:, [1, 2, 0]]
    return (a * turned_b - turned_a * b)[:, [1, 2, 0]]
