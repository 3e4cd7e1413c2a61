"""Chooses the next pushes of the T: up to three in a row, by what they cost in time and leave over.

All pushes that begin a plan are tried on a grid; the last push of a plan has its best angle in
closed form. What looks promising is spread to three pushes. The search is a generator, so that it
can be done in slices between other things.
"""

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from robotd.sim.pusher_block import (
    GOAL_ANGLE,
    GOAL_PLACE,
    LEVER_PX,
    Contacts,
    block_outside_px,
    tool_fits,
)
from robotd.sim.pusher_route import Routes

Complex = NDArray[np.complexfloating[Any, Any]]
Float = NDArray[np.floating[Any]]
Int = NDArray[np.int64]

GOOD_PX: Final = 1.5
"""An error that is as good as none: the goal is covered by more than 0.96."""
TRAVEL_PX_S: Final = 200.0
PUSH_PX_S: Final = 70.0

_PUSH_S: Final = 0.6  # each push costs so much beside its way
_LEFT_S: Final = 4.0  # and an error that is left so much at once, from about so many px on,
_LEFT_PX: Final = 1.5
_LEFT_S_PX: Final = 0.08  # and so much for each px
_STEPS_PX: Final = np.array([4, 8, 13, 19, 26, 34, 43, 54, 67, 82, 100, 125, 155, 190, 230.0])
_COARSE_PX: Final = np.array([8, 18, 32, 50, 75, 110, 160.0])
_LEAST_PX: Final = 0.3  # a last push that is worth one,
_FIRST_PX: Final = 4.0  # and one before it
_REFINED_N: Final = (40, 10)
_NEVER_S: Final = 1e3
_BEAM: Final = 30
_POLISHED_N: Final = 4
_WINDOW: Final = 0.3
_WINDOW_PX: Final = 6.0
_MOST_RAD: Final = 2.5
_STUCK_PX: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PushPlan:
    """Pushes in a row.

    Attributes:
        contacts: The contact of each.
        px: How far each goes.
        cost_s: Estimated time, and what the error left at the end weighs.
    """

    contacts: tuple[int, ...]
    px: tuple[float, ...]
    cost_s: float


@dataclass(frozen=True, slots=True)
class _Poses:
    """Where pushes lead, (N,) each.

    Attributes:
        place: Of the block.
        angle: Of the block [rad].
        cost_s: Time so far.
        contact: Of the push that led there; -1 at the start.
        px: How far that push went.
        parent: Row of the pose before, among those that were spread.
    """

    place: Complex
    angle: Float
    cost_s: Float
    contact: Int
    px: Float
    parent: Int

    def rows(self, rows: Int) -> "_Poses":
        """Return some of them."""
        return _Poses(
            self.place[rows],
            self.angle[rows],
            self.cost_s[rows],
            self.contact[rows],
            self.px[rows],
            self.parent[rows],
        )


class PushPlanner:
    """Searches; constant."""

    def __init__(self) -> None:
        self.contacts = Contacts()
        self.routes = Routes(self.contacts)
        self._way_s = self.routes.between / TRAVEL_PX_S + _PUSH_S

    def search(
        self, tool: complex, place: complex, angle: float
    ) -> Generator[None, None, PushPlan]:
        """Return the best plan for a tool and a block on the board; yields between slices.

        Args:
            tool: Where the tool is.
            place: The block's centre of gravity.
            angle: Its angle [rad].
        """
        lengths = self.routes.lengths(tool, place, complex(np.exp(1j * angle)))
        way_s = (lengths / TRAVEL_PX_S + _PUSH_S)[None]
        start = _start(place, angle)
        outside_px = float(block_outside_px(start.place, start.angle)[0]) + _STUCK_PX
        plans = [self._best(start, way_s, ())]
        yield
        first = self._spread(start, way_s, _STEPS_PX, outside_px)
        if not len(first.place):
            return plans[0]
        ends = self._last(first, self._way_s[first.contact])
        promising = np.argsort(ends.cost_s, kind="stable")[:_BEAM]
        for row in _first_of_each(ends.contact[promising], _POLISHED_N):
            one = first.rows(promising[row : row + 1])
            plan = self._best(one, self._way_s[one.contact], ())
            plans.append(self.refine(plan, place, angle, way_s))
        yield
        longer: list[PushPlan] = []
        for row in promising.tolist():
            chosen = first.rows(np.array([row]))
            second = self._spread(chosen, self._way_s[chosen.contact], _COARSE_PX, outside_px)
            if len(second.place):
                longer.append(self._best(second, self._way_s[second.contact], (chosen,)))
            yield
        for plan in sorted(longer, key=_cost)[:_POLISHED_N]:
            plans.append(self.refine(plan, place, angle, way_s))
            yield
        return min(plans, key=_cost)

    def refine(
        self, plan: PushPlan, place: complex, angle: float, way_s: Float | None = None
    ) -> PushPlan:
        """Return the plan anew: how far its pushes go, and which is the last.

        Args:
            plan: What is being done, or might be.
            place: The block's centre of gravity.
            angle: Its angle [rad].
            way_s: (1, K) times of the ways to the first contact; None: the tool is there.
        """
        least_px = _FIRST_PX
        if way_s is None:
            least_px = 0.0
            way_s = np.full((1, len(self.contacts.tool)), _NEVER_S)
            way_s[0, plan.contacts[0]] = 0.0
        trail: list[_Poses] = []
        poses = _start(place, angle)
        for contact, px, steps_n in zip(plan.contacts[:-1], plan.px, _REFINED_N, strict=False):
            window_px = max(_WINDOW_PX, _WINDOW * px)
            steps_px = np.linspace(max(least_px, px - window_px), px + window_px, steps_n)
            only = np.full_like(way_s, _NEVER_S)
            only[:, contact] = way_s[:, contact]
            poses = self._spread(poses, only, steps_px, np.inf)
            trail.append(poses)
            way_s = self._way_s[poses.contact]
            if not len(poses.place):
                return _over(plan)
        best = self._best(poses, way_s, tuple(trail[:-1]))
        return best if best.cost_s < _NEVER_S else _over(plan)

    def after(self, plan: PushPlan, place: complex, angle: float) -> tuple[complex, complex, float]:
        """Return tool, block and its angle at the end of a plan's first push."""
        contact, turn = plan.contacts[0], complex(np.exp(1j * angle))
        turned = float(self.contacts.rad_per_px[contact]) * plan.px[0]
        arm = complex(self.contacts.centre[contact]) * turn
        turn *= complex(np.exp(1j * turned))
        end = place + arm - complex(self.contacts.centre[contact]) * turn
        return end + complex(self.contacts.tool[contact]) * turn, end, angle + turned

    def _spread(self, poses: _Poses, way_s: Float, steps_px: Float, outside_px: float) -> _Poses:
        """Return where every contact and every step leads from poses, where there is room."""
        known = self.contacts
        turn = np.exp(1j * poses.angle)[:, None]
        fits = tool_fits(poses.place[:, None] + self.routes.begin * turn)
        row, contact = np.nonzero(fits & (way_s < _NEVER_S))
        angle = known.rad_per_px[contact][:, None] * steps_px  # (M, S)
        arm = known.centre[contact] * turn[row, 0]
        place = (poses.place[row] + arm)[:, None] - arm[:, None] * np.exp(1j * angle)
        cost_s = (poses.cost_s[row] + way_s[row, contact])[:, None] + steps_px / PUSH_PX_S
        end = poses.angle[row][:, None] + angle
        good = (np.abs(angle) < _MOST_RAD) & (block_outside_px(place, end) <= outside_px)
        push, step = np.nonzero(good)
        return _Poses(
            place[good], end[good], cost_s[good], contact[push], steps_px[step], row[push]
        )

    def _last(self, poses: _Poses, way_s: Float) -> _Poses:
        """Return for each pose the best last push: its end, and the cost with what it leaves."""
        known = self.contacts
        turn = np.exp(1j * poses.angle)[:, None]
        arm = known.centre * turn  # (N, K), from the block to what it turns about
        centre = poses.place[:, None] + arm
        match = -np.conj(GOAL_PLACE - centre) * arm
        match += LEVER_PX**2 * turn * np.exp(-1j * GOAL_ANGLE)
        angle = -np.angle(match)
        px = angle / known.rad_per_px
        square = np.abs(GOAL_PLACE - centre) ** 2 + np.abs(arm) ** 2 + 2 * LEVER_PX**2
        left_px = np.sqrt(np.maximum(square - 2 * np.abs(match), 0.0))
        fits = tool_fits(poses.place[:, None] + self.routes.begin * turn)
        cost_s = poses.cost_s[:, None] + way_s + px / PUSH_PX_S + left_s(left_px)
        cost_s = np.where(fits & (px > _LEAST_PX) & (np.abs(angle) < _MOST_RAD), cost_s, _NEVER_S)
        contact = cost_s.argmin(axis=1)
        rows = np.arange(len(contact))
        end = angle[rows, contact]
        return _Poses(
            centre[rows, contact] - arm[rows, contact] * np.exp(1j * end),
            poses.angle + end,
            cost_s[rows, contact],
            contact,
            px[rows, contact],
            rows,
        )

    def _best(self, poses: _Poses, way_s: Float, before: tuple[_Poses, ...]) -> PushPlan:
        """Return the best plan that ends with one push more than leads to the poses."""
        last = self._last(poses, way_s)
        row = int(last.cost_s.argmin())
        pushes = [(int(last.contact[row]), float(last.px[row]))]
        cost_s = float(last.cost_s[row])
        for level in (poses, *reversed(before)):
            if level.contact[row] >= 0:
                pushes.insert(0, (int(level.contact[row]), float(level.px[row])))
            row = int(level.parent[row])
        contacts, px = zip(*pushes, strict=True)
        return PushPlan(contacts=contacts, px=px, cost_s=cost_s)


def left_s(error: Float) -> Float:
    """Return what an error that is left weighs [s]."""
    over = np.maximum(error - GOOD_PX, 0.0)
    return _LEFT_S * (1.0 - np.exp(-over / _LEFT_PX)) + _LEFT_S_PX * over


def _start(place: complex, angle: float) -> _Poses:
    none = np.zeros(1, dtype=np.int64)
    return _Poses(np.array([place]), np.array([angle]), np.zeros(1), none - 1, np.zeros(1), none)


def _first_of_each(kinds: Int, most: int) -> list[int]:
    """Return the rows where a kind appears for the first time, in their order."""
    return np.sort(np.unique(kinds, return_index=True)[1])[:most].tolist()


def _over(plan: PushPlan) -> PushPlan:
    """Return a plan whose first push can bring no more."""
    return replace(plan, px=(0.0, *plan.px[1:]), cost_s=_NEVER_S)


def _cost(plan: PushPlan) -> float:
    return plan.cost_s
