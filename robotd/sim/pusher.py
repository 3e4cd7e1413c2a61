"""Pushes the T into its goal by itself: a planner over the world's model, in a closed loop.

It looks at the block all the time: how far a push goes is found anew in each cycle, and the next
pushes are planned while the tool moves.
"""

from collections.abc import Generator
from dataclasses import replace
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.sim.pusher_block import pose_of
from robotd.sim.pusher_plan import PUSH_PX_S, TRAVEL_PX_S, PushPlan, PushPlanner

ACCELERATION_PX_S2: Final = 900.0

_BRAKING_PX_S2: Final = 500.0  # of what it plans with: less than it can
_TURN_IN_PX: Final = 4.0
_TURN_IN_PX_S: Final = 70.0
_ENOUGH_PX: Final = 0.8
_LEAST_PX_S: Final = 15.0
_SIDE_GAIN_S: Final = 8.0
_SWITCH_S: Final = 0.6  # a plan that saves less is not worth a change of mind
_LONGEST_PUSH_S: Final = 5.0
_THINK_PX: Final = 50.0  # so long before the end of a push it thinks of what comes then
_SAME_PX: Final = 0.3
_NOWHERE: Final = complex(-1e6, -1e6)


class _Doing(Enum):
    THINKING = 0
    TRAVEL = 1
    PUSH = 2


class Pusher:
    """One episode; deterministic. Places are complex, x + iy [px]."""

    def __init__(self, planner: PushPlanner) -> None:
        self._planner = planner
        self._doing = _Doing.THINKING
        self._plan: PushPlan | None = None
        self._next: PushPlan | None = None
        self._thought: Generator[None, None, PushPlan] | None = None
        self._thought_about = (_NOWHERE, _NOWHERE)
        self._velocity = 0j
        self._push_s = 0.0

    def step(
        self, tool: complex, block_pose: NDArray[np.float64], dt_s: float, *, moves: bool = True
    ) -> complex:
        """Return the velocity of the tool's target for the next `dt_s` [px/s].

        Args:
            tool: Where the tool's target is now.
            block_pose: (3,) the block's x, y [px], angle [rad], as seen last.
            dt_s: Time since the last step.
            moves: Whether the tool may move; otherwise this only thinks ahead.
        """
        place, angle = pose_of(block_pose)
        if self._thought is not None or self._has_to_think(tool, place, moves=moves):
            self._think(tool, place, angle)
        wanted = self._wanted(tool, place, angle, dt_s) if moves else 0j
        change = wanted - self._velocity
        most = ACCELERATION_PX_S2 * dt_s
        self._velocity += change * min(1.0, most / max(abs(change), 1e-9))
        return self._velocity

    def _has_to_think(self, tool: complex, place: complex, *, moves: bool) -> bool:
        """Whether what was thought of last no longer holds: near a push's end, and after it."""
        if self._doing is _Doing.PUSH:
            return self._plan is not None and self._plan.px[0] < _THINK_PX
        if self._doing is _Doing.THINKING and moves:
            return True
        about_tool, about_place = self._thought_about
        travels = self._doing is _Doing.TRAVEL
        return abs(place - about_place) > _SAME_PX or not (travels or abs(tool - about_tool) < 1.0)

    def _think(self, tool: complex, place: complex, angle: float) -> None:
        """Do one slice of thinking, from what is now or from where the push will end."""
        if self._thought is None:
            self._thought_about = (tool, place)
            if self._doing is _Doing.PUSH and self._plan is not None:
                tool, place, angle = self._planner.after(self._plan, place, angle)
            self._thought = self._planner.search(tool, place, angle)
        try:
            next(self._thought)
        except StopIteration as done:
            self._thought = None
            self._next = done.value

    def _wanted(self, tool: complex, place: complex, angle: float, dt_s: float) -> complex:
        if self._doing is not _Doing.PUSH:
            self._choose()
        if self._plan is None:
            return 0j
        if self._doing is _Doing.PUSH:
            return self._push(self._plan, tool, place, angle, dt_s)
        return self._travel(self._plan.contacts[0], tool, place, angle)

    def _choose(self) -> None:
        """Take the newest plan where it is much better than the present one."""
        new, self._next = self._next, None
        if new is None:
            return
        if (
            self._plan is None
            or new.contacts[0] == self._plan.contacts[0]
            or new.cost_s < self._plan.cost_s - _SWITCH_S
        ):
            self._plan = new
        self._doing = _Doing.TRAVEL

    def _travel(self, contact: int, tool: complex, place: complex, angle: float) -> complex:
        turn = complex(np.exp(1j * angle))
        begin = place + complex(self._planner.routes.begin[contact]) * turn
        if abs(begin - tool) < _TURN_IN_PX:
            self._doing, self._push_s = _Doing.PUSH, 0.0
        stop = self._planner.routes.next_stop(contact, tool, place, turn)
        way = stop - tool
        brake = np.sqrt(_TURN_IN_PX_S**2 + 2 * _BRAKING_PX_S2 * abs(begin - tool))
        return way / max(abs(way), 1e-9) * min(TRAVEL_PX_S, float(brake))

    def _push(
        self, plan: PushPlan, tool: complex, place: complex, angle: float, dt_s: float
    ) -> complex:
        self._push_s += dt_s
        contacts, contact = self._planner.contacts, plan.contacts[0]
        turn = complex(np.exp(1j * angle))
        touch = place + complex(contacts.tool[contact]) * turn
        normal = complex(contacts.normal[contact]) * turn
        ahead = (np.conj(normal) * (tool - touch)).real
        plan = self._plan = self._planner.refine(plan, place, angle)
        left = plan.px[0] - ahead
        if left < _ENOUGH_PX or self._push_s > _LONGEST_PUSH_S:
            self._end_push(plan)
        # The tool is ahead of what is seen of the block: it goes on along the push's own arc.
        bend = complex(np.exp(1j * max(ahead, 0.0) * float(contacts.rad_per_px[contact])))
        centre = place + complex(contacts.centre[contact]) * turn
        on_arc = centre + (touch - centre) * bend if ahead > 0 else touch + normal * ahead
        speed = min(PUSH_PX_S, _LEAST_PX_S + float(np.sqrt(2 * _BRAKING_PX_S2 * max(left, 0.0))))
        return normal * bend * speed + (on_arc - tool) * _SIDE_GAIN_S

    def _end_push(self, plan: PushPlan) -> None:
        """Go on with the rest of the plan, or with what was thought of since if it is better."""
        rest = replace(plan, contacts=plan.contacts[1:], px=plan.px[1:])
        new = self._next
        if new is None or (rest.contacts and new.cost_s > plan.cost_s - _SWITCH_S):
            new = rest if rest.contacts else None
        self._plan = new
        self._next = self._thought = None
        self._doing = _Doing.THINKING if new is None else _Doing.TRAVEL
