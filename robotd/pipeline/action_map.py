"""What the numbers of an action mean: tool poses, what lies between two actions, their average."""

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from robotd.core.board_frame import BoardFrame
from robotd.core.config import TaskConfig
from robotd.core.errors import SpecMismatchError
from robotd.core.geometry.poses import pose
from robotd.core.geometry.rotations import (
    matrix_to_rot6d,
    mean_rotation,
    rot6d_to_matrix,
    slerp,
)
from robotd.core.pusht_spec import BOARD_XY
from robotd.core.spec import PolicySpec

Array = NDArray[np.float64]

TCP_POSE: Final = "tcp_pose"


class ActionMap(Protocol):
    """Pure; one for each action space."""

    @property
    def dim(self) -> int:
        """Numbers of an action."""
        ...

    def poses(self, actions: Array) -> Array:
        """Return the (N, 4, 4) tool poses T_base_tcp [m] of (N, A) actions."""
        ...

    def action(self, T_base_tcp: Array) -> Array:
        """Return the (A,) action that asks for a (4, 4) tool pose [m], or for the nearest one."""
        ...

    def between(self, before: Array, after: Array, share: Array) -> Array:
        """Return (N, A) actions at `share` (N,), 0 to 1, of the way between two (N, A)."""
        ...

    def mean(self, actions: Array, weights: Array) -> Array:
        """Return the (A,) average of (K, A) actions with (K,) weights that add up to 1."""
        ...


class BoardXy:
    """Planar targets on the board [px]: the tool is upright, at a fixed height and yaw.

    Upright: the tool's axes are those of the table frame, so its z axis points into the table.
    """

    dim: int = 2

    def __init__(self, board: BoardFrame, tip_height_m: float) -> None:
        """Keep the board and the height of the tool centre point over the table [m]."""
        self._board, self._tip_height_m = board, tip_height_m

    def poses(self, actions: Array) -> Array:
        """Return the (N, 4, 4) tool poses T_base_tcp [m] of (N, 2) targets [px]."""
        p_base = self._board.to_base(actions, self._tip_height_m)
        return pose(self._board.T_base_table[:3, :3], p_base)

    def action(self, T_base_tcp: Array) -> Array:
        """Return the (2,) place on the board [px] under a (4, 4) tool pose [m]."""
        return self._board.to_px(T_base_tcp[:3, 3])

    def between(self, before: Array, after: Array, share: Array) -> Array:
        """Return (N, 2) targets on the lines between two (N, 2), at `share` (N,)."""
        return before + (after - before) * share[:, np.newaxis]

    def mean(self, actions: Array, weights: Array) -> Array:
        """Return the (2,) average of (K, 2) targets."""
        return weights @ actions


class TcpPose:
    """Full poses of the tool in the base frame: position [m], then rot6d (Zhou et al. 2019)."""

    dim: int = 9

    def poses(self, actions: Array) -> Array:
        """Return the (N, 4, 4) tool poses T_base_tcp [m] of (N, 9) actions.

        Raises:
            ValueError: The six rotation numbers of a row are no rotation.
        """
        return pose(rot6d_to_matrix(actions[:, 3:]), actions[:, :3])

    def action(self, T_base_tcp: Array) -> Array:
        """Return the (9,) action of a (4, 4) tool pose [m]."""
        return np.concatenate([T_base_tcp[:3, 3], matrix_to_rot6d(T_base_tcp[:3, :3])])

    def between(self, before: Array, after: Array, share: Array) -> Array:
        """Return (N, 9) actions between two (N, 9): position by line, rotation by slerp."""
        position = before[:, :3] + (after[:, :3] - before[:, :3]) * share[:, np.newaxis]
        R_before, R_after = rot6d_to_matrix(before[:, 3:]), rot6d_to_matrix(after[:, 3:])
        return np.concatenate([position, matrix_to_rot6d(slerp(R_before, R_after, share))], axis=1)

    def mean(self, actions: Array, weights: Array) -> Array:
        """Return the (9,) average of (K, 9) actions: mean position, mean rotation.

        Raises:
            ValueError: The rotations are so opposed that none is their average.
        """
        R_mean = mean_rotation(rot6d_to_matrix(actions[:, 3:]), weights)
        return np.concatenate([weights @ actions[:, :3], matrix_to_rot6d(R_mean)])


def action_map_for(spec: PolicySpec, task: TaskConfig) -> ActionMap:
    """Return the map of a policy's action space in a cell.

    Raises:
        SpecMismatchError: An action space that is unknown, of another size, or that the cell's
            command filter does not fit.
    """
    action_map = _known(spec.action_space, task)
    if action_map is None or action_map.dim != spec.action_dim:
        raise SpecMismatchError(
            f"policy {spec.name}: action space {spec.action_space} of {spec.action_dim} numbers; "
            f"this cell maps {BOARD_XY} (2) and {TCP_POSE} (9)"
        )
    if task.command_filter != "none" and spec.action_space != BOARD_XY:
        raise SpecMismatchError(
            f"policy {spec.name}: action space {spec.action_space}; the cell's "
            f"task.command_filter {task.command_filter} is for {BOARD_XY}, set it to none"
        )
    if task.command_filter != "none" and spec.meaning != "command":
        raise SpecMismatchError(
            f"policy {spec.name}: its actions are {spec.meaning} poses; the cell's "
            f"task.command_filter {task.command_filter} is for commands, set it to none"
        )
    if spec.command_filter not in ("", task.command_filter):
        raise SpecMismatchError(
            f"policy {spec.name}: its actions are made for the command filter "
            f"{spec.command_filter}; the cell has task.command_filter {task.command_filter}, set "
            "it to that one"
        )
    return action_map


def _known(action_space: str, task: TaskConfig) -> ActionMap | None:
    if action_space == BOARD_XY:
        return BoardXy(BoardFrame.of_task(task), task.tip_height_m)
    return TcpPose() if action_space == TCP_POSE else None
