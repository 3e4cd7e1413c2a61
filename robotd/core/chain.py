"""One configuration of a six-joint chain in plain floats: at this size faster than array calls."""

from math import cos, sin

import numpy as np
from numpy.typing import NDArray

from robotd.core.geometry.scalar import Vec3
from robotd.core.ur_models import DhParameters

Array = NDArray[np.float64]
Axis = tuple[float, float, float, float, float, float]
"""Direction (unit) and origin [m] of a joint's axis, in the base frame."""
Pose = tuple[Vec3, Vec3, Vec3, Vec3]
"""Columns x, y, z and origin [m] of a pose."""


class Chain:
    """The links of an arm and its tool, as precomputed constants."""

    __slots__ = ("_links", "_tool")

    def __init__(self, dh: DhParameters, T_flange_tcp: Array) -> None:
        """Take the constants from `dh` and the (4, 4) pose of the tool in the flange frame [m]."""
        rows = (dh.theta_rad, dh.a_m, dh.d_m, np.cos(dh.alpha_rad), np.sin(dh.alpha_rad))
        # cos(pi / 2) is 6e-17, not zero: rounding it off keeps the nominal arm exact.
        table = np.where(np.abs(rows) < 1e-15, 0.0, rows)
        self._links: list[list[float]] = table.T.tolist()
        self._tool: list[list[float]] = T_flange_tcp[:3].T.tolist()

    def at(self, q: list[float]) -> tuple[list[Axis], Pose]:
        """The six joint axes, base to wrist, and the pose of the tool, for six angles [rad]."""
        x0, x1, x2 = 1.0, 0.0, 0.0
        y0, y1, y2 = 0.0, 1.0, 0.0
        z0, z1, z2 = 0.0, 0.0, 1.0
        p0 = p1 = p2 = 0.0
        axes: list[Axis] = []
        for angle, (theta, a, d, ca, sa) in zip(q, self._links, strict=True):
            axes.append((z0, z1, z2, p0, p1, p2))
            c = cos(angle + theta)
            s = sin(angle + theta)
            v0 = c * y0 - s * x0
            v1 = c * y1 - s * x1
            v2 = c * y2 - s * x2
            x0 = c * x0 + s * y0
            x1 = c * x1 + s * y1
            x2 = c * x2 + s * y2
            p0 += a * x0 + d * z0
            p1 += a * x1 + d * z1
            p2 += a * x2 + d * z2
            y0 = ca * v0 + sa * z0
            y1 = ca * v1 + sa * z1
            y2 = ca * v2 + sa * z2
            z0 = ca * z0 - sa * v0
            z1 = ca * z1 - sa * v1
            z2 = ca * z2 - sa * v2
        (a0, a1, a2), (b0, b1, b2), (c0, c1, c2), (t0, t1, t2) = self._tool
        return axes, (
            (
                x0 * a0 + y0 * a1 + z0 * a2,
                x1 * a0 + y1 * a1 + z1 * a2,
                x2 * a0 + y2 * a1 + z2 * a2,
            ),
            (
                x0 * b0 + y0 * b1 + z0 * b2,
                x1 * b0 + y1 * b1 + z1 * b2,
                x2 * b0 + y2 * b1 + z2 * b2,
            ),
            (
                x0 * c0 + y0 * c1 + z0 * c2,
                x1 * c0 + y1 * c1 + z1 * c2,
                x2 * c0 + y2 * c1 + z2 * c2,
            ),
            (
                p0 + x0 * t0 + y0 * t1 + z0 * t2,
                p1 + x1 * t0 + y1 * t1 + z1 * t2,
                p2 + x2 * t0 + y2 * t1 + z2 * t2,
            ),
        )


def jacobian_rows(axes: list[Axis], p_base_tcp: Vec3) -> list[Axis]:
    """Rows of the transposed geometric Jacobian: for each joint `(z x (p_tcp - p), z)`."""
    t0, t1, t2 = p_base_tcp
    rows: list[Axis] = []
    for z0, z1, z2, p0, p1, p2 in axes:
        r0, r1, r2 = t0 - p0, t1 - p1, t2 - p2
        rows.append((z1 * r2 - z2 * r1, z2 * r0 - z0 * r2, z0 * r1 - z1 * r0, z0, z1, z2))
    return rows


def singularity_measures(q: list[float], axes: list[Axis]) -> Vec3:
    """Wrist |sin q5|, elbow |sin q3| and shoulder [m]: each is 0 at its singularity.

    The shoulder's is the distance of wrist 3 from the plane that holds the axes of joints 1 and 2.
    For the nominal arm the product of the three is |det J| / (a2 a3): differentiate the position of
    wrist 3, whose Jacobian is block triangular.
    """
    shoulder = cos(q[0]) * axes[5][3] + sin(q[0]) * axes[5][4]
    return abs(sin(q[4])), abs(sin(q[2])), abs(shoulder)
