"""A smooth path of the tool from one pose to another, as a plan: how a run reaches its start."""

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import Source
from robotd.core.clock import MonoNs, seconds_to_ns
from robotd.core.geometry import interpolate_poses, pose_distance
from robotd.core.types import MAX_PLAN_ROWS, Plan

ROW_S = 0.02
SPEED_M_S = 0.15
SPEED_RAD_S = 0.5
SHORTEST_S = 0.3
SETTLE_S = 0.5
"""The plan stays valid so long after its last row, so that a late arm still arrives."""


def leg_duration_s(T_from: NDArray[np.float64], T_to: NDArray[np.float64]) -> float:
    """Return how long a leg takes so that its peak speeds keep to the module's limits [s]."""
    distance_m, angle_rad = (float(part) for part in pose_distance(T_from, T_to))
    peak = 1.875  # of the minimum-jerk profile, over the mean speed
    return max(SHORTEST_S, peak * distance_m / SPEED_M_S, peak * angle_rad / SPEED_RAD_S)


def leg(
    T_from: NDArray[np.float64], T_to: NDArray[np.float64], *, t_start_ns: MonoNs, epoch: int
) -> Plan:
    """Return the straight leg between two poses (4, 4), from rest to rest.

    The profile is minimum jerk, 10 s^3 - 15 s^4 + 6 s^5 (Flash and Hogan 1985).
    """
    duration_s = leg_duration_s(T_from, T_to)
    rows = min(MAX_PLAN_ROWS, int(np.ceil(duration_s / ROW_S)) + 1)
    s = np.linspace(0.0, 1.0, rows)
    profile = s**3 * (10.0 - 15.0 * s + 6.0 * s**2)
    end_ns = t_start_ns + seconds_to_ns(duration_s)
    return Plan(
        epoch=epoch,
        t_ns=np.linspace(t_start_ns, end_ns, rows).astype(np.int64),
        T_base_tcp=interpolate_poses(T_from, T_to, profile),
        valid_until_ns=MonoNs(end_ns + seconds_to_ns(SETTLE_S)),
        source=Source.APPROACH,
    )


def lifted(T_base_tcp: NDArray[np.float64], height_m: float) -> NDArray[np.float64]:
    """Return the pose moved straight up so that its height in the base frame is `height_m`."""
    T = np.array(T_base_tcp)
    T[2, 3] = height_m
    return T
