"""UR's way to write a pose, `[x, y, z, rx, ry, rz]`: metres and a rotation vector."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from robotd.core.chain import Pose
from robotd.core.geometry import pose_from_rotvec, so3_log
from robotd.core.geometry.scalar import quat_of_columns, rotvec_of_quat


def pose6_of_columns(pose: Pose) -> list[float]:
    """Of the columns and origin that `Chain.at` returns."""
    x, y, z, p = pose
    return [*p, *rotvec_of_quat(quat_of_columns(x, y, z))]


def pose6_of(T: NDArray[np.float64]) -> list[float]:
    """Of a (4, 4) pose."""
    return [*T[:3, 3].tolist(), *so3_log(T[:3, :3]).tolist()]


def matrix_of(pose: Sequence[float]) -> NDArray[np.float64]:
    """Return the (4, 4) pose."""
    return pose_from_rotvec(list(pose[:3]), list(pose[3:6]))
