"""Many Push-T boards in lockstep, for evaluating a policy on many seeds at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robotd.sim.pusht import PushTBoard
from robotd.sim.pusht_geometry import SUCCESS_COVERAGE, coverage, score
from robotd.sim.pusht_protocol import EPISODE_STEPS


class BatchStep(NamedTuple):
    """What one step of all boards gave.

    Attributes:
        states: (N, 5) states after the step.
        scores: (N,) reward of this step, 0 to 1; of an ended episode, that of its last step.
        done: (N,) bool, whether the episode has ended.
    """

    states: NDArray[np.float64]
    scores: NDArray[np.float64]
    done: NDArray[np.bool_]


class PushTBatch:
    """N boards, one a seed, each equal to a `PushTBoard` of its own. An ended one stands still."""

    def __init__(self, max_steps: int = EPISODE_STEPS) -> None:
        if max_steps < 1:
            raise ValueError(f"PushTBatch: got max_steps {max_steps}, expected >= 1")
        self._max_steps = max_steps
        self._boards: list[PushTBoard] = []
        self._clear(0)

    def _clear(self, boards_n: int) -> None:
        self._steps_n = 0
        self._states = np.zeros((boards_n, 5))
        self._coverage = np.zeros(boards_n)
        self._max_coverage = np.zeros(boards_n)
        self._done = np.zeros(boards_n, dtype=np.bool_)

    def reset(self, seeds: Sequence[int]) -> NDArray[np.float64]:
        """Begin one episode a seed by the paper's protocol; return the (N, 5) states."""
        self._boards = [PushTBoard() for _ in seeds]
        self._clear(len(seeds))
        for row, (board, seed) in enumerate(zip(self._boards, seeds, strict=True)):
            board.reset(seed)
            self._states[row] = board.state
        return self._states.copy()

    def place(self, states: ArrayLike) -> None:
        """Begin one episode a row at recorded (N, 5) states, exactly.

        Raises:
            ValueError: Another shape, or a value that is not finite.
        """
        rows = np.asarray(states, dtype=np.float64)
        if rows.ndim != 2:
            raise ValueError(f"states: got shape {rows.shape}, expected (N, 5)")
        boards = [PushTBoard() for _ in rows]
        for board, state in zip(boards, rows, strict=True):
            board.place(state)
        self._boards = boards
        self._clear(len(boards))
        self._states[:] = [board.state for board in boards]

    def step(self, actions_px: ArrayLike) -> BatchStep:
        """Give each board its action for 0.1 s. Rows of ended episodes are not looked at.

        Args:
            actions_px: (N, 2) target positions of the agents.

        Raises:
            ValueError: Another shape, or a value that is not finite.
        """
        actions = np.asarray(actions_px, dtype=np.float64)
        if actions.shape != (len(self._boards), 2):
            raise ValueError(
                f"actions_px: got shape {actions.shape}, expected {(len(self._boards), 2)}"
            )
        live = np.flatnonzero(~self._done)
        for row in live.tolist():
            board = self._boards[row]
            board.step_action(actions[row])
            self._states[row] = board.state
        self._coverage[live] = coverage(self._states[live, 2:])
        self._max_coverage = np.maximum(self._max_coverage, self._coverage)
        self._steps_n += 1
        self._done |= (self._coverage > SUCCESS_COVERAGE) | (self._steps_n >= self._max_steps)
        return BatchStep(self._states.copy(), score(self._coverage), self._done.copy())

    @property
    def max_coverage(self) -> NDArray[np.float64]:
        """(N,) largest raw coverage of each episode so far; its score is `score(max_coverage)`."""
        return self._max_coverage.copy()

    @property
    def success(self) -> NDArray[np.bool_]:
        """(N,) whether each episode has reached a coverage above `SUCCESS_COVERAGE`."""
        return self._max_coverage > SUCCESS_COVERAGE
