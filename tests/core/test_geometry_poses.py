from math import pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.linalg import expm
from scipy.spatial.transform import Rotation

from robotd.core import geometry as g

unit = arrays(np.float64, 3, elements=st.floats(-1, 1)).filter(lambda v: np.linalg.norm(v) > 1e-3)
angle = st.one_of(
    st.floats(0, pi),
    st.sampled_from([0.0, 1e-160, 1e-12, 1e-6, 1e-3, 0.0999, 0.1001, pi - 1e-6, pi - 1e-12, pi]),
)
rotvecs = st.builds(lambda v, a: v / np.linalg.norm(v) * a, unit, angle)
points = arrays(np.float64, 3, elements=st.floats(-2, 2))
poses = st.builds(g.pose_from_rotvec, points, rotvecs)
fast = settings(max_examples=60, deadline=None)


@given(p=points, v=rotvecs)
@fast
def test_a_pose_holds_its_rotation_and_its_origin(p, v):
    T = g.pose_from_rotvec(p, v)

    np.testing.assert_allclose(T[:3, :3], Rotation.from_rotvec(v).as_matrix(), atol=1e-14)
    np.testing.assert_array_equal(T[:3, 3], p)
    np.testing.assert_array_equal(T[3], [0, 0, 0, 1])
    quat = g.matrix_to_quat(T[:3, :3])
    np.testing.assert_allclose(g.pose_from_quat(p, 2.0 * quat), T, atol=1e-14)


@given(T=poses)
@fast
def test_the_inverse_undoes_the_pose(T):
    np.testing.assert_allclose(g.inverse(T) @ T, np.eye(4), atol=1e-14)
    np.testing.assert_allclose(g.inverse(T), np.linalg.inv(T), atol=1e-13)


@given(T_a=poses, T_b=poses)
@fast
def test_the_inverse_of_a_product_is_the_product_of_the_inverses(T_a, T_b):
    np.testing.assert_allclose(g.inverse(T_a @ T_b), g.inverse(T_b) @ g.inverse(T_a), atol=1e-13)


@given(v=points, w=rotvecs)
@fast
def test_exp_agrees_with_the_matrix_exponential(v, w):
    generator = np.zeros((4, 4))
    generator[:3, :3], generator[:3, 3] = g.hat(w), v

    np.testing.assert_allclose(g.se3_exp(np.concatenate((v, w))), expm(generator), atol=1e-12)


@given(T=poses)
@fast
def test_exp_undoes_log(T):
    np.testing.assert_allclose(g.se3_exp(g.se3_log(T)), T, atol=1e-12)


@given(v=points, w=rotvecs)
@fast
def test_log_undoes_exp_below_half_a_turn(v, w):
    if np.linalg.norm(w) > pi - 1e-5:
        return
    twist = np.concatenate((v, w))

    np.testing.assert_allclose(g.se3_log(g.se3_exp(twist)), twist, atol=1e-9)


@given(T_a=poses, T_b=poses)
@fast
def test_interpolation_begins_and_ends_at_its_ends(T_a, T_b):
    for between in (g.interpolate_pose, g.interpolate_poses):
        np.testing.assert_allclose(between(T_a, T_b, 0.0), T_a, atol=1e-14)
        np.testing.assert_allclose(between(T_a, T_b, 1.0), T_b, atol=1e-13)


@given(T_a=poses, T_b=poses, u=st.floats(0, 1))
@fast
def test_the_tool_moves_on_a_line_while_it_turns_at_constant_rate(T_a, T_b, u):
    T = g.interpolate_pose(T_a, T_b, u)

    np.testing.assert_allclose(T[:3, 3], (1 - u) * T_a[:3, 3] + u * T_b[:3, 3], atol=1e-14)
    np.testing.assert_allclose(T[:3, :3].T @ T[:3, :3], np.eye(3), atol=1e-13)
    whole, part = g.pose_distance(T_a, T_b)[1], g.pose_distance(T_a, T)[1]
    assert part == pytest.approx(u * whole, abs=1e-9)


@given(T_a=poses, T_b=poses, u=st.floats(-0.5, 1.5))
@fast
def test_the_scalar_interpolation_agrees_with_the_one_for_stacks(T_a, T_b, u):
    if g.pose_distance(T_a, T_b)[1] > pi - 1e-4:
        return  # either way round is the shortest

    expected = g.interpolate_poses(T_a, T_b, u)

    np.testing.assert_allclose(g.interpolate_pose(T_a, T_b, u), expected, atol=1e-9)


@given(T_a=poses, T_b=poses, T=poses, u=st.floats(0, 1))
@fast
def test_interpolation_does_not_depend_on_the_frame_that_it_is_done_in(T_a, T_b, T, u):
    if g.pose_distance(T_a, T_b)[1] > pi - 1e-4:
        return

    moved = g.interpolate_pose(T @ T_a, T @ T_b, u)

    np.testing.assert_allclose(moved, T @ g.interpolate_pose(T_a, T_b, u), atol=1e-9)


@given(T_a=poses, T_b=poses, T=poses)
@fast
def test_distances_do_not_depend_on_the_frame(T_a, T_b, T):
    here, there = g.pose_distance(T_a, T_b), g.pose_distance(T @ T_a, T @ T_b)

    np.testing.assert_allclose(here, there, atol=1e-12)


def test_stacks_of_poses_give_what_single_ones_give():
    rng = np.random.default_rng(6)
    twists = rng.normal(size=(4, 6))
    T = g.se3_exp(twists)
    between = g.interpolate_poses(T[:-1], T[1:], np.array([0.1, 0.5, 0.9]))

    np.testing.assert_allclose(g.inverse(T)[2], g.inverse(T[2]), atol=1e-15)
    np.testing.assert_allclose(g.se3_log(T)[3], g.se3_log(T[3]), atol=1e-14)
    np.testing.assert_allclose(between[2], g.interpolate_pose(T[2], T[3], 0.9), atol=1e-12)
    assert g.pose(np.eye(3), np.zeros((5, 3))).shape == (5, 4, 4)


@given(T=poses)
@fast
def test_every_pose_made_here_passes_the_check(T):
    np.testing.assert_array_equal(g.check_pose("T", T), T)


def with_entry(row, column, value):
    T = np.eye(4)
    T[row, column] = value
    return T


@pytest.mark.parametrize(
    ("T", "message"),
    [
        (np.eye(3), r"cell\.T_base_table: got shape \(3, 3\)"),
        (with_entry(0, 3, np.nan), "finite"),
        (with_entry(1, 1, np.inf), "finite"),
        (np.diag([2.0, 1, 1, 1]), "orthonormal, limit 1e-06"),
        (np.diag([0.0, 0, 0, 1]), "orthonormal"),
        (np.diag([1.0, 1, -1, 1]), "mirror image"),
        (with_entry(3, 0, 0.5), "last row"),
        (np.diag([1.0, 1, 1, 2]), "last row"),
    ],
)
def test_what_is_no_pose_is_refused_by_name(T, message):
    with pytest.raises(ValueError, match=message) as refused:
        g.check_pose("cell.T_base_table", T)

    assert str(refused.value).startswith("cell.T_base_table: ")
    assert "\n" not in str(refused.value)


def test_the_check_accepts_just_inside_its_limit_and_refuses_just_outside():
    g.check_pose("T", with_entry(0, 1, 0.99e-6))
    with pytest.raises(ValueError, match="orthonormal"):
        g.check_pose("T", with_entry(0, 1, 1.01e-6))
