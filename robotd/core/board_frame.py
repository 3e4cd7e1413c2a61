"""Where the task's board lies in the cell: between its picture's px and metres in the base frame.

The table frame lies at the board's upper left corner: x right and y down as in the picture, z into
the table. The board is 512 px wide (Chi et al. 2023), whatever its size in metres.
"""

from typing import Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robotd.core.config import TaskConfig
from robotd.core.geometry import pose_from_quat

BOARD_PX: Final = 512.0
"""Side of the board in the task's own unit."""


class BoardFrame:
    """The mapping of one cell; immutable.

    Attributes:
        px_per_m: Task units in a metre of table.
        T_base_table: (4, 4) pose of the table frame in the base frame [m].
    """

    def __init__(self, T_base_table: NDArray[np.float64], board_m: float) -> None:
        """Precompute the inverse.

        Args:
            T_base_table: (4, 4) pose of the table frame in the base frame [m].
            board_m: Side of the board [m].

        Raises:
            ValueError: Another shape, a value that is not finite, or a side not above zero.
        """
        pose = np.array(T_base_table, dtype=np.float64)
        if pose.shape != (4, 4) or not bool(np.isfinite(pose).all()):
            raise ValueError(f"T_base_table: got {pose.tolist()}, expected a finite (4, 4) pose")
        if not 0 < board_m < float("inf"):
            raise ValueError(f"board_m: got {board_m} m, expected > 0")
        pose.setflags(write=False)
        self.T_base_table = pose
        self.px_per_m = BOARD_PX / board_m
        self._R_base_table = pose[:3, :3]
        self._p_base_table = pose[:3, 3]

    @classmethod
    def of_task(cls, task: TaskConfig) -> Self:
        """Return the mapping that a cell is configured for."""
        at = task.T_base_table
        return cls(pose_from_quat(at.position_m, at.quat_wxyz), task.board_m)

    def to_table(self, p_base: ArrayLike) -> NDArray[np.float64]:
        """Take points (..., 3) [m] from the base frame into the table frame."""
        return (np.asarray(p_base, dtype=np.float64) - self._p_base_table) @ self._R_base_table

    def to_px(self, p_base: ArrayLike) -> NDArray[np.float64]:
        """Return where points (..., 3) [m] of the base frame are in the picture, (..., 2) [px]."""
        return self.to_table(p_base)[..., :2] * self.px_per_m

    def height_m(self, p_base: ArrayLike) -> NDArray[np.float64]:
        """Return the heights over the table (...) [m] of points (..., 3) of the base frame."""
        return -self.to_table(p_base)[..., 2]

    def to_base(self, xy_px: ArrayLike, height_m: float) -> NDArray[np.float64]:
        """Return points (..., 3) [m] of the base frame, `height_m` over places (..., 2) [px]."""
        xy_m = np.asarray(xy_px, dtype=np.float64) / self.px_per_m
        z_m = np.full((*xy_m.shape[:-1], 1), -height_m)
        return np.concatenate([xy_m, z_m], axis=-1) @ self._R_base_table.T + self._p_base_table

    def pose_to_table(self, pose_px: ArrayLike) -> NDArray[np.float64]:
        """Take planar poses (..., 3) [px, px, rad] to the table frame [m, m, rad]."""
        pose = np.array(pose_px, dtype=np.float64)
        pose[..., :2] /= self.px_per_m
        return pose

    def pose_to_px(self, pose_table: ArrayLike) -> NDArray[np.float64]:
        """Take planar poses (..., 3) of the table frame [m, m, rad] to [px, px, rad]."""
        pose = np.array(pose_table, dtype=np.float64)
        pose[..., :2] *= self.px_per_m
        return pose
