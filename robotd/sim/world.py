"""The mock cell's table: a Push-T board that the arm's tool pushes about. Pure, no clock."""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MonoNs
from robotd.core.pusht_agent import PHYSICS_HZ
from robotd.core.world_state import WorldState
from robotd.sim.pusht import PushTBoard
from robotd.sim.pusht_geometry import SUCCESS_COVERAGE, coverage, score
from robotd.sim.pusht_protocol import ACTION_HZ

STEP_S: Final = 1.0 / PHYSICS_HZ
"""One step of the physics [s]."""

LIFT_M: Final = 0.03
"""A tool that is higher than this over its working height passes over the block."""

MAX_PUSH_PX: Final = 12.0
"""A tool that moves further in one step was set down anew: it did not push. 0.7 m/s at 0.3 m."""

_SCORE_STEPS: Final = PHYSICS_HZ // ACTION_HZ


class World:
    """One board in one cell. Deterministic: the same calls give the same states, bit for bit.

    While the tool is lifted the physics rests; where it comes down it is set down, not swept there.
    """

    def __init__(self, board: BoardFrame, tip_height_m: float, seed: int) -> None:
        """Begin episode 0.

        Args:
            board: Where the board lies in the cell.
            tip_height_m: Height of the tool over the table while it works [m].
            seed: Start of episode 0 by the paper's protocol.
        """
        self._frame = board
        self._lifted_over_m = tip_height_m + LIFT_M
        self._board = PushTBoard()
        self.reset(seed, 0)

    def reset(self, seed: int, episode: int = 0) -> None:
        """Begin an episode by the paper's protocol; the tool has to be brought to its start.

        Raises:
            ValueError: A seed outside 0 to 2**32 - 1.
        """
        self._board.reset(seed)
        self._begin(seed, episode)

    def place(self, state: ArrayLike, episode: int = 0, *, seed: int = 0) -> None:
        """Begin an episode at a recorded (5,) state: agent x, y, block x, y [px], angle [rad].

        `seed` is only a name for it.

        Raises:
            ValueError: Another shape, or a value that is not finite.
        """
        self._board.place(state)
        self._begin(seed, episode)

    def _begin(self, seed: int, episode: int) -> None:
        self._seed, self._episode, self._step_n = seed, episode, 0
        self._start_xy_px = self._agent_xy_px = self._board.state[:2]
        self._tool_height_m = float("inf")
        self._touching = False
        self._best_coverage = 0.0
        self._covered_pose: NDArray[np.float64] | None = None

    def step(self, T_base_tcp: NDArray[np.float64] | None, steps: int = 1) -> None:
        """Let `steps` steps of 0.01 s pass while the tool moves in a straight line to a pose.

        Args:
            T_base_tcp: (4, 4) pose of the tool in the base frame [m]; None: there is no arm.
            steps: How many, 1 or more.

        Raises:
            ValueError: A pose that is not finite.
        """
        goal_px = self._place_tool(T_base_tcp)
        moves = np.linspace(self._agent_xy_px, goal_px, steps + 1)[1:]
        swept = float(np.abs(moves[0] - self._agent_xy_px).max()) <= MAX_PUSH_PX
        if self._tool_height_m > self._lifted_over_m:
            self._touching = False
        elif not (self._touching and swept):
            self._board.place([*goal_px, *self._board.state[2:]])
            self._touching = True
            moves = np.broadcast_to(goal_px, (steps, 2))
        for xy_px in moves:
            if self._touching:
                self._board.step_tool(xy_px, STEP_S)
            self._step_n += 1
            if self._step_n % _SCORE_STEPS == 0:
                self._best_coverage = max(self._best_coverage, self._coverage_now())
        self._agent_xy_px = goal_px

    def state(self, t_ns: MonoNs) -> WorldState:
        """Return what is so now, dated `t_ns`."""
        return WorldState(
            t_ns=t_ns,
            episode=self._episode,
            seed=self._seed,
            step_n=self._step_n,
            start_xy_px=self._start_xy_px.copy(),
            agent_xy_px=self._agent_xy_px.copy(),
            tool_height_m=self._tool_height_m,
            block_pose_px=self._board.state[2:],
            coverage=self._coverage_now(),
            best_coverage=self._best_coverage,
            best_score=float(score(self._best_coverage)),
            success=self._best_coverage > SUCCESS_COVERAGE,
        )

    def _place_tool(self, T_base_tcp: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """Note the tool's height; return its place on the board (2,) [px]."""
        if T_base_tcp is None:
            self._tool_height_m = float("inf")
            return self._agent_xy_px
        p_base = T_base_tcp[:3, 3]
        if not bool(np.isfinite(p_base).all()):
            raise ValueError(f"T_base_tcp: got position {p_base.tolist()}, expected finite numbers")
        self._tool_height_m = float(self._frame.height_m(p_base))
        return self._frame.to_px(p_base)

    def _coverage_now(self) -> float:
        """Return the coverage, computed anew only where the block has moved."""
        pose = self._board.state[2:]
        if self._covered_pose is None or not np.array_equal(pose, self._covered_pose):
            self._covered_pose, self._covered = pose, float(coverage(pose))
        return self._covered
