"""Inverse kinematics as a controller does it: from near some joints, however far the pose is."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.kinematics import Kinematics

_STEPS: Final = 120  # of 0.1 rad at most: to the other end of a joint's range
_TOLERANCE: Final = 1e-6  # [m] and [rad]
_STUCK_RAD: Final = 1e-6


def joints_near(
    kinematics: Kinematics, T_base_tcp: NDArray[np.float64], near: list[float]
) -> list[float] | None:
    """Return six joints [rad] that bring the tool to a pose (4, 4); None where none were found."""
    q = np.array(near)
    if not (np.isfinite(T_base_tcp).all() and np.isfinite(q).all()):
        return None
    for _ in range(_STEPS):
        found = kinematics.ik(T_base_tcp, q, max_iterations=20)
        if found.position_error_m < _TOLERANCE and found.rotation_error_rad < _TOLERANCE:
            joints: list[float] = found.q_rad.tolist()
            return joints
        if float(np.abs(found.q_rad - q).max()) < _STUCK_RAD:
            return None
        q = found.q_rad
    return None
