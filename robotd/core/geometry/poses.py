"""Poses: `T_a_b` (4, 4) float64, the pose of frame b in frame a [m].

Every function takes a stack (..., 4, 4) as well. Composition is `@`.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robotd.core.geometry.rotations import hat, quat_to_matrix, slerp, so3_exp, so3_log
from robotd.core.geometry.scalar import columns_of_quat, quat_of_columns, quat_slerp

Array = NDArray[np.float64]

ORTHONORMAL_TOLERANCE: Final = 1e-6
"""Largest entry of `R.T @ R - 1` that `check_pose` lets through."""


def pose(R: ArrayLike, p_m: ArrayLike) -> Array:
    """Poses (..., 4, 4) of rotations (..., 3, 3) and origins (..., 3) [m]."""
    m, p = np.asarray(R, dtype=np.float64), np.asarray(p_m, dtype=np.float64)
    T = np.zeros((*np.broadcast_shapes(m.shape[:-2], p.shape[:-1]), 4, 4))
    T[..., :3, :3], T[..., :3, 3], T[..., 3, 3] = m, p, 1.0
    return T


def pose_from_quat(p_m: ArrayLike, quat_wxyz: ArrayLike) -> Array:
    """Poses (..., 4, 4) of origins (..., 3) [m] and quaternions (..., 4), normalised first."""
    return pose(quat_to_matrix(quat_wxyz), p_m)


def pose_from_rotvec(p_m: ArrayLike, rotvec_rad: ArrayLike) -> Array:
    """Poses (..., 4, 4) of origins (..., 3) [m] and rotation vectors (..., 3) [rad]."""
    return pose(so3_exp(rotvec_rad), p_m)


def inverse(T: ArrayLike) -> Array:
    """T_b_a (..., 4, 4) of T_a_b."""
    m = np.asarray(T, dtype=np.float64)
    R_t = np.swapaxes(m[..., :3, :3], -1, -2)
    return pose(R_t, -(R_t @ m[..., :3, 3:])[..., 0])


def se3_exp(twist: ArrayLike) -> Array:
    """Poses (..., 4, 4) reached by holding twists (..., 6) = (v [m], w [rad]) for unit time.

    Source: Lynch and Park 2017, "Modern Robotics", proposition 3.25.
    """
    xi = np.asarray(twist, dtype=np.float64)
    v, w = xi[..., :3, None], xi[..., 3:]
    angle = np.linalg.norm(w, axis=-1)[..., None, None]
    cross = hat(w)
    half = 0.5 * np.sinc(angle / (2.0 * np.pi)) ** 2  # (1 - cos a) / a^2
    third = _sine_remainder(angle)
    left = np.eye(3) + half * cross + third * (cross @ cross)
    return pose(so3_exp(w), (left @ v)[..., 0])


def se3_log(T: ArrayLike) -> Array:
    """Twists (..., 6) = (v [m], w [rad]) that reach poses (..., 4, 4) in unit time; |w| <= pi."""
    m = np.asarray(T, dtype=np.float64)
    w = so3_log(m[..., :3, :3])
    angle = np.linalg.norm(w, axis=-1)[..., None, None]
    cross = hat(w)
    half = 0.5 * angle
    # (1 - (a / 2) cot(a / 2)) / a^2, whose limit at zero is 1 / 12
    small = angle < 0.1
    safe = np.where(small, 1.0, half)
    exact = (1.0 - safe / np.tan(safe)) / (4.0 * safe * safe)
    series = 1.0 / 12.0 + angle**2 / 720.0 + angle**4 / 30240.0 + angle**6 / 1209600.0
    left_inverse = np.eye(3) - 0.5 * cross + np.where(small, series, exact) * (cross @ cross)
    return np.concatenate(((left_inverse @ m[..., :3, 3:])[..., 0], w), axis=-1)


def _sine_remainder(angle: Array) -> Array:
    """(a - sin a) / a^3, whose limit at zero is 1 / 6."""
    small = angle < 0.1
    safe = np.where(small, 1.0, angle)
    series = 1.0 / 6.0 - angle**2 / 120.0 + angle**4 / 5040.0 - angle**6 / 362880.0
    return np.where(small, series, (safe - np.sin(safe)) / safe**3)


def interpolate_poses(T_a: ArrayLike, T_b: ArrayLike, fraction: ArrayLike) -> Array:
    """Poses (..., 4, 4) between T_a (fraction 0) and T_b (1): origin by line, rotation by slerp.

    Args:
        T_a: (..., 4, 4).
        T_b: (..., 4, 4).
        fraction: (...), not clipped.
    """
    a, b = np.asarray(T_a, dtype=np.float64), np.asarray(T_b, dtype=np.float64)
    u = np.asarray(fraction, dtype=np.float64)
    p = a[..., :3, 3] + u[..., None] * (b[..., :3, 3] - a[..., :3, 3])
    return pose(slerp(a[..., :3, :3], b[..., :3, :3], u), p)


def interpolate_pose(T_a: Array, T_b: Array, fraction: float) -> Array:
    """`interpolate_poses` of one pair (4, 4), in plain floats for the servo loop."""
    ax, ay, az, (a0, a1, a2) = T_a[:3].T.tolist()
    bx, by, bz, (b0, b1, b2) = T_b[:3].T.tolist()
    quat = quat_slerp(quat_of_columns(ax, ay, az), quat_of_columns(bx, by, bz), fraction)
    (x0, x1, x2), (y0, y1, y2), (z0, z1, z2) = columns_of_quat(quat)
    return np.array(
        (
            (x0, y0, z0, a0 + fraction * (b0 - a0)),
            (x1, y1, z1, a1 + fraction * (b1 - a1)),
            (x2, y2, z2, a2 + fraction * (b2 - a2)),
            (0.0, 0.0, 0.0, 1.0),
        )
    )


def pose_distance(T_a: ArrayLike, T_b: ArrayLike) -> tuple[Array, Array]:
    """Distances (...) [m] and angles (...) [rad] between two stacks of poses."""
    a, b = np.asarray(T_a, dtype=np.float64), np.asarray(T_b, dtype=np.float64)
    turn = so3_log(np.swapaxes(a[..., :3, :3], -1, -2) @ b[..., :3, :3])
    gap = np.linalg.norm(b[..., :3, 3] - a[..., :3, 3], axis=-1)
    return np.asarray(gap), np.asarray(np.linalg.norm(turn, axis=-1))


def check_pose(name: str, T: ArrayLike) -> Array:
    """Check a pose that comes from outside.

    Args:
        name: What the pose is called where it comes from, for the message.
        T: (4, 4).

    Returns:
        The pose as a float64 array.

    Raises:
        ValueError: Another shape, numbers that are not finite, axes that are not orthonormal
            within 1e-6, a mirror image, or a last row other than 0 0 0 1.
    """
    m = np.asarray(T, dtype=np.float64)
    if m.shape != (4, 4):
        raise ValueError(f"{name}: got shape {m.shape}, expected a pose (4, 4)")
    if not bool(np.isfinite(m).all()):
        raise ValueError(f"{name}: expected finite numbers, got {m.tolist()}")
    R = m[:3, :3]
    off = float(np.abs(R.T @ R - np.eye(3)).max())
    if off > ORTHONORMAL_TOLERANCE:
        raise ValueError(
            f"{name}: its axes are {off:.1e} off orthonormal, limit {ORTHONORMAL_TOLERANCE:.0e}"
        )
    if np.linalg.det(R) < 0.0:
        raise ValueError(f"{name}: a mirror image (determinant -1), expected a rotation")
    if float(np.abs(m[3] - (0.0, 0.0, 0.0, 1.0)).max()) > ORTHONORMAL_TOLERANCE:
        raise ValueError(f"{name}: the last row is {m[3].tolist()}, expected [0, 0, 0, 1]")
    return m
