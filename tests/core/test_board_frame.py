"""The mapping between the board's px and metres in the base frame."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robotd.core.board_frame import BoardFrame
from robotd.core.config import Pose, TaskConfig


def overhead_table():
    """x right, y down, z into the table: the picture of a camera that looks straight down."""
    T_base_table = np.eye(4)
    T_base_table[:3, :3] = [[0, -1, 0], [-1, 0, 0], [0, 0, -1]]
    T_base_table[:3, 3] = [0.6, 0.15, 0.02]
    return T_base_table


def test_the_corner_of_the_picture_is_the_table_frame():
    board = BoardFrame(overhead_table(), 0.3)
    assert board.to_px([0.6, 0.15, 0.5]) == pytest.approx([0, 0], abs=1e-9)
    assert board.to_base([0, 0], 0.0) == pytest.approx([0.6, 0.15, 0.02], abs=1e-12)


def test_right_and_down_in_the_picture_are_x_and_y_of_the_table():
    board = BoardFrame(overhead_table(), 0.3)
    assert board.to_base([512, 0], 0.01) == pytest.approx([0.6, -0.15, 0.03], abs=1e-12)
    assert board.to_base([0, 512], 0.01) == pytest.approx([0.3, 0.15, 0.03], abs=1e-12)


def test_height_is_measured_out_of_the_table():
    board = BoardFrame(overhead_table(), 0.3)
    assert board.height_m([0.4, 0.0, 0.05]) == pytest.approx(0.03, abs=1e-12)


@given(
    st.lists(st.tuples(st.floats(-600, 600), st.floats(-600, 600)), min_size=1, max_size=5),
    st.floats(-0.1, 0.5),
    st.floats(0.05, 2.0),
)
def test_px_to_base_and_back_is_the_identity(xy_px, height_m, board_m):
    board = BoardFrame(overhead_table(), board_m)
    p_base = board.to_base(xy_px, height_m)
    assert board.to_px(p_base) == pytest.approx(np.array(xy_px), abs=1e-6)
    assert board.height_m(p_base) == pytest.approx(np.full(len(xy_px), height_m), abs=1e-9)


def test_planar_poses_keep_their_angle():
    board = BoardFrame(overhead_table(), 0.3)
    in_table = board.pose_to_table([[256.0, 512.0, 1.25]])
    assert in_table == pytest.approx(np.array([[0.15, 0.3, 1.25]]))
    assert board.pose_to_px(in_table) == pytest.approx(np.array([[256.0, 512.0, 1.25]]))


def test_a_task_says_where_its_board_lies():
    at = Pose(position_m=(0.6, 0.15, 0.02), quat_wxyz=(0.0, -(0.5**0.5), 0.5**0.5, 0.0))
    board = BoardFrame.of_task(TaskConfig(board_m=0.4, T_base_table=at))
    assert board.T_base_table == pytest.approx(overhead_table(), abs=1e-12)
    assert board.px_per_m == pytest.approx(512 / 0.4)


@pytest.mark.parametrize("board_m", [0.0, -1.0, float("nan"), float("inf")])
def test_refuses_a_board_without_size(board_m):
    with pytest.raises(ValueError, match="board_m"):
        BoardFrame(overhead_table(), board_m)


def test_refuses_a_pose_that_is_not_one():
    with pytest.raises(ValueError, match="T_base_table"):
        BoardFrame(np.full((4, 4), np.nan), 0.3)
    with pytest.raises(ValueError, match="T_base_table"):
        BoardFrame(np.eye(3), 0.3)
