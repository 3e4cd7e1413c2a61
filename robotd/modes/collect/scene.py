"""What moves between the episodes of a session: the tool to where it is sent, the mock's world."""

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import MonoNs
from robotd.core.types import ArmTick, Plan
from robotd.core.world_state import WorldState
from robotd.modes.collect.messages import CollectRequest
from robotd.modes.collect.places import home_pose, place_of, start_pose
from robotd.modes.daemon.activity import Workplace
from robotd.modes.daemon.way import Way
from robotd.modes.daemon.world_start import WorldStart
from teleop.session_actions import Goal, GoTo
from teleop.session_table import Event


class Scene:
    """Makes the plans of every way, and sees to the world's starts.

    Attributes:
        problem: Why something does not come to where it should, one sentence; empty otherwise.
    """

    def __init__(self, workplace: Workplace, request: CollectRequest) -> None:
        self._workplace, self._request = workplace, request
        self._way: Way | None = None
        self._attempt = 0
        self._world_start: WorldStart | None = None
        self._resets = False
        self.problem = ""

    @property
    def simulated(self) -> bool:
        """Whether the world sets itself up."""
        return self._workplace.world is not None

    def go(self, action: GoTo) -> None:
        """Begin the way to a place."""
        task = self._workplace.cell.task
        self.problem = ""
        if action.goal is Goal.HOME:
            home = home_pose(self._workplace.cell)
            self._way = Way(task, lambda _: home)
        else:
            self._way = Way(task, self._start)

    def _start(self, world: WorldState | None) -> NDArray[np.float64]:
        place = place_of(self._request, self._attempt - 1)
        return start_pose(self._workplace.cell, self._request, place, world)

    def reset(self, attempt: int, now: MonoNs) -> None:
        """Order the start of an attempt's world; a real one is set up by a person."""
        self._attempt, self.problem = attempt, ""
        if self._workplace.world is None:
            return
        place = place_of(self._request, attempt - 1)
        state = None if place.board_state is None else np.array(place.board_state)
        self._world_start = WorldStart(self._workplace.world.reset(place.seed, state), now)
        self._resets = True

    def own(self, world: WorldState | None) -> WorldState | None:
        """Return the world's state where it is that of the present attempt."""
        return None if self._world_start is None else self._world_start.own(world)

    def halt(self) -> None:
        """Forget the way: the arm has been stopped on it."""
        self._way, self._resets, self.problem = None, False, ""

    def step(
        self, now: MonoNs, tick: ArmTick, world: WorldState | None, epoch: int
    ) -> tuple[Plan | None, Event | None]:
        """Do one cycle; return a plan where a leg begins, and what has come to its end."""
        if self._resets and self._world_start is not None:
            if self._world_start.stands(now, world):
                self._resets = False
                return None, Event.WORLD_RESET
            self.problem = self._world_start.problem
            return None, None
        if self._way is None:
            return None, None
        plan = self._way.step(now, tick, world, epoch)
        self.problem = self._way.problem
        if not self._way.arrived:
            return plan, None
        self._way = None
        return plan, Event.ARRIVED
