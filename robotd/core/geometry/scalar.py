"""Rotations as plain floats: the scalar arithmetic that the 500 Hz loop can afford."""

from math import atan2, hypot, sin, sqrt

Vec3 = tuple[float, float, float]
Quat = tuple[float, float, float, float]
_TINY = 1e-150  # squares of smaller numbers underflow


def quat_of_columns(x: Vec3, y: Vec3, z: Vec3) -> Quat:
    """Unit quaternion (w, x, y, z) of the rotation with these columns, of either sign.

    Divides by the largest of the four components, so it is as exact at half a turn as at zero.
    Source: Shepperd 1978, "Quaternion from rotation matrix".
    """
    x0, x1, x2 = x
    y0, y1, y2 = y
    z0, z1, z2 = z
    trace = x0 + y1 + z2
    if trace >= x0 and trace >= y1 and trace >= z2:
        qw, qx, qy, qz = 1.0 + trace, y2 - z1, z0 - x2, x1 - y0
    elif x0 >= y1 and x0 >= z2:
        qw, qx, qy, qz = y2 - z1, 1.0 + x0 - y1 - z2, y0 + x1, z0 + x2
    elif y1 >= z2:
        qw, qx, qy, qz = z0 - x2, y0 + x1, 1.0 + y1 - x0 - z2, z1 + y2
    else:
        qw, qx, qy, qz = x1 - y0, z0 + x2, z1 + y2, 1.0 + z2 - x0 - y1
    scale = 1.0 / sqrt(qw * qw + qx * qx + qy * qy + qz * qz)
    return qw * scale, qx * scale, qy * scale, qz * scale


def rotvec_of_quat(quat_wxyz: Quat) -> Vec3:
    """Rotation vector [rad] of a unit quaternion; of its two signs the shorter turn."""
    w, x, y, z = quat_wxyz
    if w < 0.0:
        w, x, y, z = -w, -x, -y, -z
    length = sqrt(x * x + y * y + z * z)
    factor = 2.0 if length < _TINY else 2.0 * atan2(length, w) / length
    return x * factor, y * factor, z * factor


def quat_between(quat_a: Quat, quat_b: Quat) -> Quat:
    """Quaternion (wxyz) of `R_b @ R_a.T`, the turn from a to b seen in the outer frame."""
    aw, ax, ay, az = quat_a
    bw, bx, by, bz = quat_b
    return (
        bw * aw + bx * ax + by * ay + bz * az,
        bx * aw - bw * ax - by * az + bz * ay,
        by * aw - bw * ay - bz * ax + bx * az,
        bz * aw - bw * az - bx * ay + by * ax,
    )


def quat_slerp(quat_a: Quat, quat_b: Quat, fraction: float) -> Quat:
    """Unit quaternion on the shorter turn from a (fraction 0) to b (1), at constant rate.

    Source: Shoemake 1985, "Animating rotation with quaternion curves".
    """
    aw, ax, ay, az = quat_a
    bw, bx, by, bz = quat_b
    if aw * bw + ax * bx + ay * by + az * bz < 0.0:
        bw, bx, by, bz = -bw, -bx, -by, -bz
    # Half the turn; of difference and sum, because acos of the product is blind below 1e-8 rad.
    half = 2.0 * atan2(
        hypot(bw - aw, bx - ax, by - ay, bz - az), hypot(bw + aw, bx + ax, by + ay, bz + az)
    )
    if half < 1e-9:
        of_a, of_b = 1.0 - fraction, fraction
    else:
        of_a, of_b = sin((1.0 - fraction) * half) / sin(half), sin(fraction * half) / sin(half)
    return (
        of_a * aw + of_b * bw,
        of_a * ax + of_b * bx,
        of_a * ay + of_b * by,
        of_a * az + of_b * bz,
    )


def columns_of_quat(quat_wxyz: Quat) -> tuple[Vec3, Vec3, Vec3]:
    """The three columns of the rotation of a unit quaternion."""
    w, x, y, z = quat_wxyz
    return (
        (1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z), 2.0 * (x * z - w * y)),
        (2.0 * (x * y - w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z + w * x)),
        (2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y)),
    )
