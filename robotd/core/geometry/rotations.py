"""Rotations in the forms that files, networks and robots use, one to another.

A rotation R is a (3, 3) float64 matrix whose columns are the axes of the inner frame; stacks
(..., 3, 3) do as well. Input is trusted to be a rotation: `check_pose` is the check at the border.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
_TINY = 1e-150  # squares of smaller numbers underflow


def hat(rotvec_rad: ArrayLike) -> Array:
    """Skew matrices (..., 3, 3) of vectors (..., 3): `hat(a) @ b = a x b`."""
    v = np.asarray(rotvec_rad, dtype=np.float64)
    out = np.zeros((*v.shape[:-1], 3, 3))
    out[..., 2, 1], out[..., 0, 2], out[..., 1, 0] = v[..., 0], v[..., 1], v[..., 2]
    out[..., 1, 2], out[..., 2, 0], out[..., 0, 1] = -v[..., 0], -v[..., 1], -v[..., 2]
    return out


def so3_exp(rotvec_rad: ArrayLike) -> Array:
    """Rotations (..., 3, 3) about the axes, by the lengths [rad], of rotation vectors (..., 3).

    Through the quaternion, which needs no special case for small angles (Rodrigues 1840).
    """
    v = np.asarray(rotvec_rad, dtype=np.float64)
    angle = np.linalg.norm(v, axis=-1, keepdims=True)
    # sin(a / 2) / a = sinc(a / 2 pi) / 2, and numpy's sinc is exact at zero.
    xyz = v * (0.5 * np.sinc(angle / (2.0 * np.pi)))
    return quat_to_matrix(np.concatenate((np.cos(0.5 * angle), xyz), axis=-1))


def so3_log(R: ArrayLike) -> Array:
    """Rotation vectors (..., 3) [rad] of rotations (..., 3, 3), of length at most pi.

    Exact to rounding from zero to half a turn; of the two vectors at half a turn it gives one.
    """
    quat = matrix_to_quat(R)
    length = np.linalg.norm(quat[..., 1:], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(length, quat[..., :1])
    factor = np.where(length < _TINY, 2.0, angle / np.maximum(length, _TINY))
    return quat[..., 1:] * factor


def matrix_to_quat(R: ArrayLike) -> Array:
    """Unit quaternions (..., 4) as (w, x, y, z), w >= 0, of rotations (..., 3, 3).

    The outer product of the quaternion with itself is linear in R; its row with the largest
    diagonal has no cancellation. Source: Shepperd 1978, "Quaternion from rotation matrix".
    """
    m = np.asarray(R, dtype=np.float64)
    outer = np.empty((*m.shape[:-2], 4, 4))  # 4 q q^T
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    outer[..., 0, 0] = 1.0 + trace
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        outer[..., i + 1, i + 1] = 1.0 - trace + 2.0 * m[..., i, i]
        outer[..., 0, i + 1] = outer[..., i + 1, 0] = m[..., k, j] - m[..., j, k]
        outer[..., j + 1, k + 1] = outer[..., k + 1, j + 1] = m[..., k, j] + m[..., j, k]
    largest = np.argmax(np.diagonal(outer, axis1=-2, axis2=-1), axis=-1)
    quat = np.take_along_axis(outer, largest[..., None, None], axis=-2)[..., 0, :]
    quat = quat / np.linalg.norm(quat, axis=-1, keepdims=True)
    return np.where(quat[..., :1] < 0.0, -quat, quat)


def quat_to_matrix(quat_wxyz: ArrayLike) -> Array:
    """Rotations (..., 3, 3) of quaternions (..., 4) as (w, x, y, z), which are normalised first.

    Raises:
        ValueError: Not four numbers, or a length of zero or not finite.
    """
    quat = np.asarray(quat_wxyz, dtype=np.float64)
    if quat.ndim == 0 or quat.shape[-1] != 4:
        raise ValueError(f"quat_wxyz: got shape {quat.shape}, expected (..., 4)")
    length = np.linalg.norm(quat, axis=-1, keepdims=True)
    if not bool(np.all((length > 0.0) & (length < np.inf))):
        raise ValueError(f"quat_wxyz: expected finite quaternions other than zero, got {quat}")
    quat = quat / length
    w, v = quat[..., :1, None], quat[..., 1:]
    squares = np.sum(v * v, axis=-1)[..., None, None]
    outer = v[..., :, None] * v[..., None, :]
    return (w * w - squares) * np.eye(3) + 2.0 * outer + 2.0 * w * hat(v)


def rot6d_to_matrix(rot6d: ArrayLike) -> Array:
    """Rotations (..., 3, 3) of the six-number form (..., 6), which need not be normalised.

    The six numbers are the first two columns, made orthonormal by Gram and Schmidt. Source: Zhou et
    al. 2019, "On the continuity of rotation representations in neural networks", eq. 14.

    Raises:
        ValueError: Not six finite numbers, or columns that are zero or parallel.
    """
    six = np.asarray(rot6d, dtype=np.float64)
    if six.ndim == 0 or six.shape[-1] != 6 or not bool(np.isfinite(six).all()):
        raise ValueError(f"rot6d: expected finite (..., 6), got {six.tolist()}")
    a, b = six[..., :3], six[..., 3:]
    length_a = np.linalg.norm(a, axis=-1, keepdims=True)
    length_b = np.linalg.norm(b, axis=-1, keepdims=True)
    x = a / np.maximum(length_a, _TINY)
    across = b / np.maximum(length_b, _TINY)
    across = across - x * np.sum(x * across, axis=-1, keepdims=True)
    length = np.linalg.norm(across, axis=-1, keepdims=True)
    if bool(np.any(length_a <= _TINY) or np.any(length < 1e-6)):
        raise ValueError(f"rot6d: its two columns are zero or parallel in {six.tolist()}")
    y = across / length
    y = y - x * np.sum(x * y, axis=-1, keepdims=True)  # again: columns may have been near parallel
    return np.stack((x, y, np.cross(x, y)), axis=-1)


def matrix_to_rot6d(R: ArrayLike) -> Array:
    """The first two columns (..., 6) of rotations (..., 3, 3); see `rot6d_to_matrix`."""
    m = np.asarray(R, dtype=np.float64)
    return np.concatenate((m[..., :, 0], m[..., :, 1]), axis=-1)


def slerp(R_a: ArrayLike, R_b: ArrayLike, fraction: ArrayLike) -> Array:
    """Rotations on the shortest turn from R_a (fraction 0) to R_b (1), at constant rate.

    `R_a exp(u log(R_a^T R_b))`. Source: Shoemake 1985, "Animating rotation with quaternion curves".

    Args:
        R_a: (..., 3, 3).
        R_b: (..., 3, 3).
        fraction: (...), not clipped: outside [0, 1] it extrapolates.
    """
    start = np.asarray(R_a, dtype=np.float64)
    turn = so3_log(np.swapaxes(start, -1, -2) @ np.asarray(R_b, dtype=np.float64))
    return start @ so3_exp(np.asarray(fraction, dtype=np.float64)[..., None] * turn)


def nearest_rotation(matrix: ArrayLike) -> Array:
    """Rotations (..., 3, 3) nearest to matrices (..., 3, 3) in the Frobenius norm.

    Source: Horn, Hilden and Negahdaripour 1988, by singular values; the determinant is made +1.

    Raises:
        ValueError: The nearest rotation is not unique.
    """
    u, s, vt = np.linalg.svd(np.asarray(matrix, dtype=np.float64))
    sign = np.where(np.linalg.det(u @ vt) < 0.0, -1.0, 1.0)
    if bool(np.any(s[..., 1] + sign * s[..., 2] < 1e-9 * np.maximum(s[..., 0], 1e-9))):
        raise ValueError("nearest_rotation: the matrix is as near to several rotations")
    u[..., :, 2] *= sign[..., None]
    return u @ vt


def mean_rotation(R: ArrayLike, weights: ArrayLike | None = None) -> Array:
    """Weighted average (3, 3) of rotations (N, 3, 3): least sum of squared chordal distances.

    Source: Hartley, Trumpf, Dai and Li 2013, "Rotation averaging", section 5.3.

    Args:
        R: (N, 3, 3), N > 0.
        weights: (N,), not negative, not all zero; None weighs all alike.

    Raises:
        ValueError: Wrong shapes or weights, or rotations so opposed that no average is the best.
    """
    m = np.asarray(R, dtype=np.float64)
    w = np.ones(len(m)) if weights is None else np.asarray(weights, dtype=np.float64)
    if m.ndim != 3 or m.shape[1:] != (3, 3) or w.shape != m.shape[:1] or not m.shape[0]:
        raise ValueError(f"mean_rotation: got {m.shape} and weights {w.shape}, expected (N, 3, 3)")
    if not bool(np.all(w >= 0.0) and 0.0 < w.sum() < np.inf):
        raise ValueError(f"weights: expected numbers >= 0 with a sum above 0, got {w.tolist()}")
    return nearest_rotation(np.tensordot(w / w.sum(), m, axes=1))
