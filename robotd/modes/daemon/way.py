"""The way of the tool to where something starts: up, wait for the world's start, over and down."""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MonoNs
from robotd.core.config import TaskConfig
from robotd.core.types import ArmTick, Plan
from robotd.core.world_state import WorldState
from robotd.modes.daemon.travel import Travel, lift, over_and_down
from robotd.modes.daemon.world_start import WorldStart
from robotd.pipeline.action_map import BoardXy

BOARD_MIDDLE_PX: Final = (256.0, 256.0)

Array = NDArray[np.float64]


class _Stage(StrEnum):
    LIFT = "lift"
    RESET = "reset"
    TRAVEL = "travel"


class Way:
    """One way; a new one for each. Pure: whoever has it brings time, ticks and the world.

    Attributes:
        arrived: Whether the tool is there.
        problem: Why it will not come there, one sentence; empty while it may.
    """

    def __init__(
        self,
        task: TaskConfig,
        goal: Callable[[WorldState | None], Array],
        *,
        reset_world: Callable[[], int] | None = None,
    ) -> None:
        """Take where it leads.

        Args:
            task: Heights.
            goal: Says the pose T_base_tcp (4, 4) [m] to go to, once the world stands at its start.
            reset_world: Orders the simulated world's start once the tool is lifted and returns the
                order's number; None to leave the world as it is.
        """
        self._task, self._goal, self._reset_world = task, goal, reset_world
        self._stage = _Stage.LIFT
        self._travel: Travel | None = None
        self._world_start: WorldStart | None = None
        self.arrived = False
        self.problem = ""

    @property
    def stage(self) -> str:
        """`lift`, `reset` or `travel`."""
        return self._stage.value

    def step(self, now: MonoNs, tick: ArmTick, world: WorldState | None, epoch: int) -> Plan | None:
        """Do one cycle; return the plan of the next leg, or None where the one before holds."""
        if self.arrived or self.problem:
            return None
        if self._stage is _Stage.RESET and not self._stands(now, tick, world):
            return None
        if self._travel is None:
            self._travel = lift(self._task, tick)
        plan = self._travel.step(now, tick, epoch)
        if self._travel.problem:
            self.problem = f"{self._stage.value}: {self._travel.problem}"
        elif self._travel.arrived and self._stage is _Stage.LIFT:
            self._stage = _Stage.RESET
            self._world_start = WorldStart(self._reset_world(), now) if self._reset_world else None
        elif self._travel.arrived:
            self.arrived = True
        return plan

    def _stands(self, now: MonoNs, tick: ArmTick, world: WorldState | None) -> bool:
        """Whether the world stands at its start; begins the rest of the way then."""
        if self._world_start is not None and not self._world_start.stands(now, world):
            self.problem = self._world_start.problem
            return False
        self._stage = _Stage.TRAVEL
        self._travel = over_and_down(self._task, tick, self._goal(world))
        return True


def task_start(task: TaskConfig, world: WorldState | None) -> Array:
    """Return the pose T_base_tcp (4, 4) [m] at which a task starts.

    Where the task says; else where the simulated world does, if there is one; else over the middle
    of the board.
    """
    xy_px = np.array(task.start_xy_px or BOARD_MIDDLE_PX)
    if task.start_xy_px is None and world is not None:
        xy_px = world.start_xy_px
    return over_board(task, xy_px)


def over_board(task: TaskConfig, xy_px: Array) -> Array:
    """Return the pose T_base_tcp (4, 4) [m] of the tool at (2,) pixels of the board."""
    return BoardXy(BoardFrame.of_task(task), task.tip_height_m).poses(xy_px[np.newaxis])[0]
