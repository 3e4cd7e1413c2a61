"""Takes the tool from where it is to where something starts: straight legs, from rest to rest."""

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MonoNs, S
from robotd.core.config import TaskConfig
from robotd.core.types import ArmTick, Plan
from robotd.pipeline.approach import leg, lifted

Array = NDArray[np.float64]

ARRIVED_M: Final = 0.004
ARRIVAL_LIMIT_NS: Final = 4 * S
"""An arm that is not there so long after its leg ended will not come."""


class Travel:
    """One way, leg after leg. Pure: whoever has it brings time and ticks.

    Attributes:
        arrived: Whether the tool is at the last pose.
        problem: Why it will not come there, one sentence; empty while it may.
    """

    def __init__(self, *poses: Array) -> None:
        """Take the poses T_base_tcp (4, 4) [m] to go to, one after the other."""
        self._left = deque(np.array(pose) for pose in poses)
        self._target: Array | None = None
        self._until_ns = 0
        self.arrived = not self._left
        self.problem = ""

    def step(self, now: MonoNs, tick: ArmTick, epoch: int) -> Plan | None:
        """Do one cycle; return the plan of the next leg, or None where the one before holds.

        Args:
            now: The present.
            tick: The arm's newest cycle.
            epoch: Of the plan that is made.
        """
        if self.arrived or self.problem:
            return None
        if self._target is not None:
            if now < self._until_ns:
                return None
            gap_m = float(np.linalg.norm(tick.state.T_base_tcp[:3, 3] - self._target[:3, 3]))
            if gap_m > ARRIVED_M:
                if now > self._until_ns + ARRIVAL_LIMIT_NS:
                    self.problem = (
                        f"the tool is {gap_m * 1e3:.0f} mm from where it should be, limit "
                        f"{ARRIVED_M * 1e3:.0f} mm; see the gate's refusals"
                    )
                return None
        if not self._left:
            self.arrived = True
            return None
        self._target = self._left.popleft()
        plan = leg(tick.T_base_cmd, self._target, t_start_ns=now, epoch=epoch)
        self._until_ns = int(plan.t_ns[-1])
        return plan


def travel_z_m(task: TaskConfig, tick: ArmTick) -> float:
    """Return the height at which the tool travels, in the base frame; never lower than it is."""
    table_z_m = float(BoardFrame.of_task(task).T_base_table[2, 3])
    return max(table_z_m + task.travel_height_m, float(tick.T_base_cmd[2, 3]))


def lift(task: TaskConfig, tick: ArmTick) -> Travel:
    """Return the way straight up to the travel height."""
    return Travel(lifted(tick.T_base_cmd, travel_z_m(task, tick)))


def over_and_down(task: TaskConfig, tick: ArmTick, T_base_goal: Array) -> Travel:
    """Return the way of a lifted tool to over a pose, then down to it."""
    z_m = max(travel_z_m(task, tick), float(T_base_goal[2, 3]))
    return Travel(lifted(T_base_goal, z_m), T_base_goal)
