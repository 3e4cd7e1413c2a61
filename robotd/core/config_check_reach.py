"""Whether the configured start and board lie inside the configured envelope."""

from math import acos

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_model import kinematics_of
from robotd.core.board_frame import BOARD_PX, BoardFrame
from robotd.core.config import CellConfig
from robotd.core.errors import ConfigError

_BOX = "envelope.tool_box"
_HOME = "arm.home_q_rad"
_BOARD = "task.T_base_table"
_CORNERS = (
    ("upper left", (0.0, 0.0)),
    ("upper right", (BOARD_PX, 0.0)),
    ("lower right", (BOARD_PX, BOARD_PX)),
    ("lower left", (0.0, BOARD_PX)),
)


def check_start(cell: CellConfig, source: str) -> None:
    """Check the pose that the tool has at the home joints against the whole envelope.

    Raises:
        ConfigError: It is outside; names the limit.
    """
    arm, envelope = cell.arm, cell.envelope
    kinematics = kinematics_of(arm)
    q = np.array(arm.home_q_rad, dtype=np.float64)
    T_base_tcp = kinematics.fk(q)
    p_base = T_base_tcp[:3, 3]
    got = f"the start pose at {_show(p_base)}"
    if not _in_box(cell, p_base):
        raise ConfigError(
            source, _BOX, got=got, expected=_show_box(cell), hint="the box excludes the start pose"
        )
    if not p_base[2] > envelope.table_z_m:
        raise ConfigError(
            source, "envelope.table_z_m", got=got, expected=f"above {envelope.table_z_m:g} m"
        )
    elbow_z_m = float(kinematics.points_batch(q[None]).p_base_elbow[0, 2])
    lowest_m = envelope.table_z_m + envelope.elbow_clearance_m
    if not elbow_z_m > lowest_m:
        raise ConfigError(
            source, _HOME, got=f"the elbow at {elbow_z_m:.3f} m", expected=f"above {lowest_m:g} m"
        )
    angle_rad = _angle_to_axis(cell, T_base_tcp[:3, 2])
    if not angle_rad < envelope.tool_cone_rad:
        raise ConfigError(
            source,
            "envelope.tool_cone_rad",
            got=f"a start pose whose tool is {angle_rad:.2f} rad off tool_axis",
            expected=f"less than {envelope.tool_cone_rad:g}",
        )
    sigma = kinematics.sigma_min(q)
    if not sigma > envelope.min_singular_value:
        raise ConfigError(
            source,
            _HOME,
            got=f"a smallest singular value of {sigma:.4f}",
            expected=f"more than {envelope.min_singular_value:g}",
            hint="the start pose is too near a singularity",
        )


def check_board(cell: CellConfig, source: str) -> None:
    """Check that the tool may stand upright on every corner of the board, working and travelling.

    Raises:
        ConfigError: It may not; names the corner and the limit.
    """
    board = BoardFrame.of_task(cell.task)
    angle_rad = _angle_to_axis(cell, board.T_base_table[:3, 2])
    if not angle_rad < cell.envelope.tool_cone_rad:
        raise ConfigError(
            source,
            f"{_BOARD}.quat_wxyz",
            got=f"a z axis {angle_rad:.2f} rad off tool_axis",
            expected=f"less than tool_cone_rad = {cell.envelope.tool_cone_rad:g}",
            hint="z points into the table, x to the right and y down in the board's picture",
        )
    task = cell.task
    if not task.travel_height_m > task.tip_height_m:
        raise ConfigError(
            source,
            "task.travel_height_m",
            got=f"{task.travel_height_m:g}",
            expected=f"more than tip_height_m = {task.tip_height_m:g}",
        )
    for at in task.start_xy_px or ():
        if not 0 <= at <= BOARD_PX:
            raise ConfigError(
                source, "task.start_xy_px", got=f"{at:g}", expected=f"0 to {BOARD_PX:g}"
            )
    _check_corners(cell, board, task.tip_height_m, "working height", source)
    _check_corners(cell, board, task.travel_height_m, "travel height", source)


def _check_corners(
    cell: CellConfig, board: BoardFrame, height_m: float, what: str, source: str
) -> None:
    corners = board.to_base([px for _, px in _CORNERS], height_m)
    for (name, _), p_base in zip(_CORNERS, corners, strict=True):
        got = f"the tool at {what} on the board's {name} corner, {_show(p_base)}"
        if not _in_box(cell, p_base):
            hint = "move the board or widen the box"
            raise ConfigError(source, _BOARD, got=got, expected=_show_box(cell), hint=hint)
        if not p_base[2] > cell.envelope.table_z_m:
            limit = f"above envelope.table_z_m = {cell.envelope.table_z_m:g}"
            raise ConfigError(source, _BOARD, got=got, expected=limit)


def _in_box(cell: CellConfig, p_base: NDArray[np.float64]) -> bool:
    box = cell.envelope.tool_box
    return bool(np.all((p_base > box.min_m) & (p_base < box.max_m)))


def _angle_to_axis(cell: CellConfig, z_base: NDArray[np.float64]) -> float:
    """Return the angle [rad] between a direction and the envelope's tool axis."""
    axis = np.array(cell.envelope.tool_axis)
    return acos(float(np.clip(z_base @ axis / np.linalg.norm(axis), -1.0, 1.0)))


def _show(p_m: NDArray[np.float64]) -> str:
    return f"({', '.join(f'{value:.3f}' for value in p_m)}) m"


def _show_box(cell: CellConfig) -> str:
    box = cell.envelope.tool_box
    return f"inside {_show(np.array(box.min_m))} to {_show(np.array(box.max_m))}"
