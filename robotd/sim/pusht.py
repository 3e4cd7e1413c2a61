"""One Push-T board: the block, the agent that pushes it and the walls, in pymunk.

The physics is the benchmark's (Chi et al. 2023; gym-pusht 0.1.8, with which `tests/parity` compares
it): no gravity, a block that loses its speed at once, a kinematic agent. Units are px and seconds.
"""

from itertools import pairwise
from math import isfinite
from typing import Final

import numpy as np
import pymunk
from numpy.typing import ArrayLike, NDArray

from robotd.core.pusht_agent import KP_S2, KV_S, PHYSICS_HZ
from robotd.sim.pusht_geometry import (
    AGENT_RADIUS_PX,
    BAR_PX,
    STEM_PX,
    WALL_FAR_PX,
    WALL_NEAR_PX,
    WALL_RADIUS_PX,
    box_corners,
    coverage,
    parse_state,
)
from robotd.sim.pusht_protocol import ACTION_HZ, draw_start

_DT_S: Final = 1.0 / PHYSICS_HZ
_SUBSTEPS: Final = PHYSICS_HZ // ACTION_HZ
_BLOCK_MASS: Final = 1.0
_BLOCK_INERTIA: Final = 2 * _BLOCK_MASS * (120.0**2 / 12 + 30.0**2 / 3)
"""Twice that of the bar about the block's origin: the benchmark lets the stem count as a bar."""
_BLOCK_COG_PX: Final = (0.0, 45.0)


class PushTBoard:
    """A board that is stepped by actions at 10 Hz, or by a tool's positions at any rate.

    Deterministic: the same calls give the same states, bit for bit. Not for several threads.
    """

    def __init__(self) -> None:
        self._build()

    def _build(self) -> None:
        """Make a space without memory of earlier contacts."""
        space = pymunk.Space()
        space.gravity = (0.0, 0.0)
        space.damping = 0.0
        near, far = WALL_NEAR_PX, WALL_FAR_PX
        wall = [(near, far), (near, near), (far, near), (far, far), (near, far)]
        for a, b in pairwise(wall):
            space.add(pymunk.Segment(space.static_body, a, b, WALL_RADIUS_PX))
        # The places at which bodies enter order the solver's contacts: they are the benchmark's.
        agent = pymunk.Body(body_type=pymunk.Body.KINEMATIC)
        agent.position = (256.0, 400.0)
        space.add(agent, pymunk.Circle(agent, AGENT_RADIUS_PX))
        block = pymunk.Body(_BLOCK_MASS, _BLOCK_INERTIA)
        parts = [pymunk.Poly(block, box_corners(part).tolist()) for part in (BAR_PX, STEM_PX)]
        block.center_of_gravity = _BLOCK_COG_PX
        block.position = (256.0, 300.0)
        space.add(block, *parts)
        self._space, self._agent, self._block = space, agent, block

    def place(self, state: ArrayLike) -> None:
        """Put agent and block at rest exactly at a (5,) state, as recorded. No physics runs.

        Raises:
            ValueError: Another shape, or a value that is not finite.
        """
        agent_x, agent_y, block_x, block_y, angle = parse_state(state).tolist()
        self._build()
        self._agent.position = (agent_x, agent_y)
        self._block.angle = angle
        self._block.position = (block_x, block_y)

    def place_legacy(self, state: ArrayLike) -> None:
        """Place a drawn (5,) start as the paper's code does: position, then angle, then one step.

        The angle turns the block about its centre of gravity, so the block's origin moves; and
        the step parts agent and block where the draw put them into each other. Only for starts
        drawn by `draw_start`: a recorded state would come out elsewhere.

        Raises:
            ValueError: Another shape, or a value that is not finite.
        """
        agent_x, agent_y, block_x, block_y, angle = parse_state(state).tolist()
        self._build()
        self._agent.position = (agent_x, agent_y)
        self._block.position = (block_x, block_y)
        self._block.angle = angle
        self._space.step(_DT_S)

    def reset(self, seed: int) -> None:
        """Begin the episode of `seed` by the paper's protocol."""
        self.place_legacy(draw_start(seed))

    def step_action(self, action_xy_px: ArrayLike) -> None:
        """Pull the agent towards (2,) `action_xy_px` for 0.1 s, with the benchmark's PD law.

        Raises:
            ValueError: Another shape, or a value that is not finite.
        """
        goal_x, goal_y = _parse_xy("action_xy_px", action_xy_px)
        agent, space = self._agent, self._space
        for _ in range(_SUBSTEPS):
            (x, y), (vx, vy) = agent.position, agent.velocity
            agent.velocity = (
                vx + (KP_S2 * (goal_x - x) + KV_S * -vx) * _DT_S,
                vy + (KP_S2 * (goal_y - y) + KV_S * -vy) * _DT_S,
            )
            space.step(_DT_S)

    def step_tool(self, agent_xy_px: ArrayLike, dt_s: float = _DT_S) -> None:
        """Move the agent to (2,) `agent_xy_px` in one physics step of `dt_s`, pushing the block.

        Steps longer than 0.01 s push through the block more deeply than the benchmark does.

        Raises:
            ValueError: Another shape, a value that is not finite, or a time not above zero.
        """
        goal_x, goal_y = _parse_xy("agent_xy_px", agent_xy_px)
        if not 0 < dt_s < float("inf"):
            raise ValueError(f"step_tool: got dt_s {dt_s} s, expected a finite time > 0")
        x, y = self._agent.position
        self._agent.velocity = ((goal_x - x) / dt_s, (goal_y - y) / dt_s)
        self._space.step(dt_s)

    @property
    def state(self) -> NDArray[np.float64]:
        """(5,) agent x, y, block x, y [px], block angle in [0, 2 pi) [rad]."""
        agent, block = self._agent.position, self._block.position
        return np.array([agent.x, agent.y, block.x, block.y, self._block.angle % (2 * np.pi)])

    def coverage(self) -> float:
        """Return area(block and goal) / area(goal), 0 to 1."""
        return float(coverage(self.state[2:]))


def _parse_xy(name: str, xy: ArrayLike) -> tuple[float, float]:
    """Return two floats; pymunk takes a NaN without a word and keeps it for good."""
    values = np.asarray(xy, dtype=np.float64)
    if values.shape != (2,):
        raise ValueError(f"{name}: got shape {values.shape}, expected (2,)")
    x, y = values.tolist()
    if not (isfinite(x) and isfinite(y)):
        raise ValueError(f"{name}: got {x}, {y}, expected finite numbers")
    return x, y
