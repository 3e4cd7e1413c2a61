"""Where a plan wants the tool at one instant."""

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import MonoNs
from robotd.core.geometry import interpolate_pose
from robotd.core.types import Plan

Array = NDArray[np.float64]


def pose_at(plan: Plan, t_ns: int) -> Array:
    """Return the pose T_base_tcp (4, 4) [m] on the line and slerp between the rows around `t_ns`.

    Before the first row it is the first pose, after the last row the last one.
    """
    rows = plan.t_ns.shape[0]
    after = int(np.searchsorted(plan.t_ns, t_ns, side="right"))
    if after == 0:
        return plan.T_base_tcp[0]
    if after == rows:
        return plan.T_base_tcp[-1]
    begin, end = int(plan.t_ns[after - 1]), int(plan.t_ns[after])
    share = (t_ns - begin) / (end - begin)
    return interpolate_pose(plan.T_base_tcp[after - 1], plan.T_base_tcp[after], share)


def in_force(plan: Plan | None, now_ns: MonoNs) -> Plan | None:
    """Return the plan, or None where there is none or it is no longer valid."""
    return plan if plan is not None and now_ns <= plan.valid_until_ns else None
