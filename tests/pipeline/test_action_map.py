"""What actions mean: poses and back, in between, averaged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from robotd.core.board_frame import BoardFrame
from robotd.core.errors import SpecMismatchError
from robotd.core.geometry import pose_from_quat, pose_from_rotvec
from robotd.pipeline.action_map import BoardXy, TcpPose, action_map_for

BOARD = BoardFrame(pose_from_quat((0.3, 0.15, 0.02), (0.1, 1.0, 0.2, -0.1)), 0.3)
PLACES = arrays(np.float64, (5, 2), elements=st.floats(0, 512))
ROTVECS = arrays(np.float64, (2, 3), elements=st.floats(-1.5, 1.5))


@given(PLACES)
def test_a_planar_action_and_its_tool_pose_are_each_others_inverse(places):
    board_xy = BoardXy(BOARD, 0.01)

    back = [board_xy.action(T) for T in board_xy.poses(places)]

    np.testing.assert_allclose(back, places, atol=1e-9)


def test_the_tool_stands_upright_at_its_height_over_the_table():
    (T_base_tcp,) = BoardXy(BOARD, 0.01).poses(np.array([[100.0, 300.0]]))

    assert BOARD.height_m(T_base_tcp[:3, 3]) == pytest.approx(0.01)
    np.testing.assert_allclose(T_base_tcp[:3, 2], BOARD.T_base_table[:3, 2])  # z into the table


@given(ROTVECS)
def test_a_full_pose_and_its_action_are_each_others_inverse(rotvecs):
    T_base_tcp = pose_from_rotvec(np.array([[0.1, 0.2, 0.3], [-0.4, 0.0, 0.5]]), rotvecs)
    tcp_pose = TcpPose()

    back = tcp_pose.poses(np.stack([tcp_pose.action(T) for T in T_base_tcp]))

    np.testing.assert_allclose(back, T_base_tcp, atol=1e-9)


def test_halfway_between_two_poses_is_half_the_turn():
    tcp_pose = TcpPose()
    T_ends = pose_from_rotvec(np.zeros((2, 3)), np.array([[0.0, 0.0, 0.2], [0.0, 0.0, 1.0]]))
    ends = np.stack([tcp_pose.action(T) for T in T_ends])

    middle = tcp_pose.between(ends[:1], ends[1:], np.array([0.5]))

    expected = pose_from_rotvec(np.zeros(3), np.array([0.0, 0.0, 0.6]))
    np.testing.assert_allclose(tcp_pose.poses(middle)[0], expected, atol=1e-12)


def test_the_mean_of_two_poses_is_a_rotation_halfway():
    tcp_pose = TcpPose()
    T_ends = pose_from_rotvec(
        np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]),
        np.array([[0.0, 0.0, -0.8], [0.0, 0.0, 1.0]]),
    )

    mean = tcp_pose.mean(np.stack([tcp_pose.action(T) for T in T_ends]), np.array([0.5, 0.5]))

    expected = pose_from_rotvec(np.array([0.5, 0.0, 0.0]), np.array([0.0, 0.0, 0.1]))
    np.testing.assert_allclose(tcp_pose.poses(mean[np.newaxis])[0], expected, atol=1e-12)


@pytest.mark.parametrize(
    ("spec", "task", "named"),
    [
        ({"action_space": "joints", "action_dim": 6}, {}, "action space joints of 6 numbers"),
        ({"action_dim": 3}, {}, "board_xy of 3 numbers"),
        ({"action_space": "tcp_pose", "action_dim": 9}, {}, "set it to none"),
        ({"meaning": "reached"}, {}, "set it to none"),
    ],
)
def test_a_policy_that_does_not_fit_is_refused_naming_both_sides(
    make_spec, make_cell, spec, task, named
):
    with pytest.raises(SpecMismatchError, match=named):
        action_map_for(make_spec(**spec), make_cell(**task).task)


def test_full_poses_pass_where_no_filter_is_named(make_spec, make_cell):
    spec = make_spec(action_space="tcp_pose", action_dim=9, meaning="reached")

    action_map = action_map_for(spec, make_cell(command_filter="none").task)

    assert isinstance(action_map, TcpPose)
