"""The block's pose as a tracker on a simulated camera would measure it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MonoNs
from robotd.core.pusht_spec import BLOCK_POSE
from robotd.core.types import Frame
from robotd.core.world_state import WorldState

StateAt = Callable[[MonoNs], WorldState | None]


class BlockTracker:
    """Implements the `Tracker` protocol by looking the truth up; adds Gaussian noise by seed."""

    key = BLOCK_POSE
    width = 3

    def __init__(
        self,
        board: BoardFrame,
        state_at: StateAt,
        *,
        noise_m: float = 0.0,
        noise_rad: float = 0.0,
        seed: int = 0,
    ) -> None:
        """Begin a row of measurements.

        Args:
            board: From px to the table frame.
            state_at: What a frame of an instant shows, for example `SimCamera.state_at`.
            noise_m: Standard deviation of x and of y [m].
            noise_rad: Standard deviation of the angle [rad].
            seed: Of the noise.
        """
        self._board, self._state_at = board, state_at
        self._noise = np.array([noise_m, noise_m, noise_rad])
        self._random = np.random.default_rng(seed)

    def measure(self, frame: Frame) -> NDArray[np.float64] | None:
        """Return (3,) x, y [m], angle in [0, 2 pi) [rad]; None where the frame is not known."""
        state = self._state_at(frame.t_ns)
        if state is None:
            return None
        pose = self._board.pose_to_table(state.block_pose_px)
        pose += self._noise * self._random.standard_normal(3)
        pose[2] %= 2 * np.pi
        return pose
