"""The plan that is followed, and where it wants the tool at one instant."""

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import MonoNs
from robotd.core.geometry import ORTHONORMAL_TOLERANCE, interpolate_pose
from robotd.core.types import Plan

Array = NDArray[np.float64]


def pose_at(plan: Plan, t_ns: int) -> Array:
    """Return the pose T_base_tcp (4, 4) [m] on the line and slerp between the rows around `t_ns`.

    Before the first row it is the first pose, after the last row the last one.
    """
    after = int(np.searchsorted(plan.t_ns, t_ns, side="right"))
    if after == 0 or after == plan.t_ns.shape[0]:
        return plan.T_base_tcp[max(0, after - 1)]
    begin_ns, end_ns = int(plan.t_ns[after - 1]), int(plan.t_ns[after])
    share = (t_ns - begin_ns) / (end_ns - begin_ns)
    return interpolate_pose(plan.T_base_tcp[after - 1], plan.T_base_tcp[after], share)


def all_rotations(plan: Plan) -> bool:
    """Say whether every row has an orientation, so that what lies between two means something."""
    R = plan.T_base_tcp[:, :3, :3]
    error = R @ R.transpose(0, 2, 1) - np.eye(3)
    return bool(np.abs(error).max() <= ORTHONORMAL_TOLERANCE)


class PlanTrack:
    """Keeps to plans that are valid and begin where the tool is.

    Attributes:
        refused_n: Plans that began too far away, or with an orientation that is none.
        refused_epoch: The newest of them in this session; -1 for none.
    """

    def __init__(self, max_jump_m: float) -> None:
        """Take the largest distance at which a new plan is followed [m]."""
        self.refused_n = 0
        self._max_jump_m = max_jump_m
        self._plan: Plan | None = None
        self.refused_epoch = -1

    def restart(self) -> None:
        """Forget the plans of the last session."""
        self._plan, self.refused_epoch = None, -1

    def follow(self, plan: Plan | None, now_ns: MonoNs, T_base_cmd: Array) -> Plan | None:
        """Return the plan to follow now, or None: brake.

        A new plan must pass near the setpoint now; near what the plan before wants now does as
        well, since a plan faster than the tool may move leaves the setpoint behind.

        Args:
            plan: The newest plan, or None.
            now_ns: When its pose is wanted.
            T_base_cmd: (4, 4) tool pose of the last setpoint [m].
        """
        if plan is None or now_ns > plan.valid_until_ns or plan.epoch == self.refused_epoch:
            self._plan = None
        elif self._plan is None or plan.epoch != self._plan.epoch:
            wanted = pose_at(plan, now_ns)
            near = [T_base_cmd] if self._plan is None else [T_base_cmd, pose_at(self._plan, now_ns)]
            jump_m = min(float(np.linalg.norm(wanted[:3, 3] - T[:3, 3])) for T in near)
            if jump_m <= self._max_jump_m and all_rotations(plan):
                self._plan = plan
            else:
                self._plan, self.refused_epoch = None, plan.epoch
                self.refused_n += 1
        return self._plan
