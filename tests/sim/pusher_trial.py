"""One try of the pusher on the board alone: no arm, no processes, as fast as it can think."""

from dataclasses import dataclass
from math import exp
from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.pusht_agent import PHYSICS_HZ
from robotd.sim.pusher import Pusher
from robotd.sim.pusher_plan import PushPlanner
from robotd.sim.pusht import PushTBoard
from robotd.sim.pusht_geometry import SUCCESS_COVERAGE, score
from robotd.sim.pusht_protocol import ACTION_HZ

LAG_S: Final = 0.05
"""Time constant from the tool's target to the tool, as in the mock."""
THINK_FIRST: Final = 60
"""Steps of thinking before it begins: the time in which the tool comes to its start."""

_DT_S: Final = 1.0 / PHYSICS_HZ


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How a try went.

    Attributes:
        score: Of the episode, 0 to 1.
        duration_s: Until success, or until its time was over.
        idle_s: How long its target stood.
        fastest_px_s: Of the tool.
    """

    score: float
    duration_s: float
    idle_s: float
    fastest_px_s: float

    @property
    def success(self) -> bool:
        """Whether the block came to its goal."""
        return self.score >= 1.0


def attempt(
    seed: int, planner: PushPlanner, *, limit_s: float = 30.0, lag_s: float = LAG_S
) -> Trial:
    """Let a pusher try the start of a seed, by the paper's protocol. Deterministic.

    Args:
        seed: Of the start.
        planner: May be shared.
        limit_s: When it is over.
        lag_s: Time constant from the tool's target to the tool [s].
    """
    board, pusher = PushTBoard(), Pusher(planner)
    board.reset(seed)
    target = tool = complex(*board.state[:2].tolist())
    for _ in range(THINK_FIRST):
        pusher.step(target, board.state[2:], _DT_S, moves=False)
    best, idle_n, fastest, step = 0.0, 0, 0.0, 0
    while step < limit_s * PHYSICS_HZ and best <= SUCCESS_COVERAGE:
        velocity = pusher.step(target, board.state[2:], _DT_S)
        target += velocity * _DT_S
        moved = (target - tool) * (1.0 - exp(-_DT_S / lag_s))
        tool += moved
        board.step_tool(_xy(tool))
        step += 1
        idle_n += abs(velocity) < 1.0
        fastest = max(fastest, abs(moved) / _DT_S)
        if step % (PHYSICS_HZ // ACTION_HZ) == 0:
            best = max(best, board.coverage())
    return Trial(
        score=float(score(best)),
        duration_s=step * _DT_S,
        idle_s=idle_n * _DT_S,
        fastest_px_s=fastest,
    )


def _xy(place: complex) -> NDArray[np.float64]:
    return np.array([place.real, place.imag])
