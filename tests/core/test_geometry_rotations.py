from math import pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation, Slerp

from robotd.core import geometry as g

unit = arrays(np.float64, 3, elements=st.floats(-1, 1)).filter(lambda v: np.linalg.norm(v) > 1e-3)
# Angles near nothing and near half a turn are as likely as others.
angle = st.one_of(
    st.floats(0, pi),
    st.sampled_from([0.0, 1e-300, 1e-160, 1e-12, 1e-8, 1e-4, pi - 1e-4, pi - 1e-8, pi - 1e-12, pi]),
)
rotvecs = st.builds(lambda v, a: v / np.linalg.norm(v) * a, unit, angle)
rotations = rotvecs.map(lambda v: Rotation.from_rotvec(v).as_matrix())
fractions = st.floats(0, 1)
fast = settings(max_examples=60, deadline=None)


def angle_between(R_a, R_b):
    return 2 * np.arcsin(min(1.0, np.linalg.norm(R_a - R_b) / np.sqrt(8)))


@given(v=rotvecs)
@fast
def test_exp_agrees_with_scipy(v):
    np.testing.assert_allclose(g.so3_exp(v), Rotation.from_rotvec(v).as_matrix(), atol=1e-14)


@given(v=rotvecs)
@fast
def test_log_undoes_exp_up_to_the_two_signs_of_half_a_turn(v):
    back = g.so3_log(g.so3_exp(v))

    if np.linalg.norm(v) > pi - 1e-7:
        np.testing.assert_allclose(np.outer(back, back), np.outer(v, v), atol=1e-12)
    else:
        np.testing.assert_allclose(back, v, atol=1e-14)


@given(R=rotations)
@fast
def test_exp_undoes_log(R):
    v = g.so3_log(R)

    assert np.linalg.norm(v) <= pi + 1e-15
    np.testing.assert_allclose(g.so3_exp(v), R, atol=1e-14)


@given(v=arrays(np.float64, 3, elements=st.floats(-50, 50)))
@fast
def test_exp_of_any_vector_is_a_rotation(v):
    R = g.so3_exp(v)

    np.testing.assert_allclose(R.T @ R, np.eye(3), atol=1e-14)
    assert np.linalg.det(R) == pytest.approx(1.0, abs=1e-14)


@given(R=rotations)
@fast
def test_quaternions_agree_with_scipy_and_go_back(R):
    quat = g.matrix_to_quat(R)

    expected = Rotation.from_matrix(R).as_quat(scalar_first=True)
    np.testing.assert_allclose(np.outer(quat, quat), np.outer(expected, expected), atol=1e-14)
    assert quat[0] >= 0.0
    np.testing.assert_allclose(g.quat_to_matrix(quat), R, atol=1e-14)
    np.testing.assert_allclose(g.quat_to_matrix(-3.0 * quat), R, atol=1e-14)


@given(R=rotations)
@fast
def test_rot6d_goes_back(R):
    six = g.matrix_to_rot6d(R)

    np.testing.assert_array_equal(six, np.concatenate((R[:, 0], R[:, 1])))
    np.testing.assert_allclose(g.rot6d_to_matrix(six), R, atol=1e-14)


@given(
    R=rotations,
    scale=st.floats(1e-3, 1e3),
    shear=st.floats(-5, 5),
    stretch=st.floats(1e-2, 1e2),
)
@fast
def test_rot6d_keeps_the_first_direction_and_the_plane_of_both(R, scale, shear, stretch):
    six = np.concatenate((scale * R[:, 0], stretch * R[:, 1] + shear * R[:, 0]))

    np.testing.assert_allclose(g.rot6d_to_matrix(six), R, atol=1e-11)


@given(R_frame=rotations, six=arrays(np.float64, 6, elements=st.floats(-1, 1)))
@fast
def test_rot6d_turns_with_its_frame(R_frame, six):
    a, b = six[:3], six[3:]
    if np.linalg.norm(np.cross(a, b)) < 1e-2:
        return

    turned = g.rot6d_to_matrix(np.concatenate((R_frame @ a, R_frame @ b)))

    np.testing.assert_allclose(turned, R_frame @ g.rot6d_to_matrix(six), atol=1e-11)


def test_rot6d_is_a_rotation_even_for_nearly_parallel_columns():
    R = g.rot6d_to_matrix([1, 0, 0, 1, 2e-6, 0])

    np.testing.assert_allclose(R.T @ R, np.eye(3), atol=1e-14)


@pytest.mark.parametrize(
    ("six", "message"),
    [
        ([0, 0, 0, 0, 1, 0], "zero or parallel"),
        ([1, 0, 0, 0, 0, 0], "zero or parallel"),
        ([1, 2, 3, -2, -4, -6], "zero or parallel"),
        ([1, 0, 0, 0, np.nan, 0], "finite"),
        ([1, 0, 0, 0, 1], r"\(\.\.\., 6\)"),
    ],
)
def test_rot6d_without_a_rotation_in_it_is_refused(six, message):
    with pytest.raises(ValueError, match=message):
        g.rot6d_to_matrix(six)


@pytest.mark.parametrize("quat", [[0, 0, 0, 0], [np.nan, 0, 0, 1], [np.inf, 0, 0, 1], [1, 0, 0]])
def test_a_quaternion_without_a_rotation_in_it_is_refused(quat):
    with pytest.raises(ValueError, match="quat_wxyz"):
        g.quat_to_matrix(quat)


def test_the_quaternion_order_is_w_first():
    R = g.quat_to_matrix([np.cos(pi / 4), 0, 0, np.sin(pi / 4)])

    np.testing.assert_allclose(R, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-15)


@given(R_a=rotations, R_b=rotations)
@fast
def test_slerp_begins_and_ends_at_its_ends(R_a, R_b):
    np.testing.assert_allclose(g.slerp(R_a, R_b, 0.0), R_a, atol=1e-14)
    np.testing.assert_allclose(g.slerp(R_a, R_b, 1.0), R_b, atol=1e-13)


@given(R_a=rotations, R_b=rotations, u=fractions)
@fast
def test_slerp_turns_at_constant_rate_and_agrees_with_scipy(R_a, R_b, u):
    R = g.slerp(R_a, R_b, u)

    whole = angle_between(R_a, R_b)
    assert angle_between(R_a, R) == pytest.approx(u * whole, abs=1e-7)
    if whole < pi - 1e-6:  # beyond, either way round is the shortest
        expected = Slerp([0, 1], Rotation.from_matrix([R_a, R_b]))(u).as_matrix()
        np.testing.assert_allclose(R, expected, atol=1e-9)


@given(R_a=rotations, R_b=rotations, R_frame=rotations, u=fractions)
@fast
def test_slerp_turns_with_its_frame(R_a, R_b, R_frame, u):
    if angle_between(R_a, R_b) > pi - 1e-4:
        return

    np.testing.assert_allclose(
        g.slerp(R_frame @ R_a, R_frame @ R_b, u), R_frame @ g.slerp(R_a, R_b, u), atol=1e-9
    )
    np.testing.assert_allclose(g.slerp(R_b, R_a, 1 - u), g.slerp(R_a, R_b, u), atol=1e-9)


@given(R_frame=rotations, seed=st.integers(0, 2**32 - 1))
@fast
def test_the_mean_agrees_with_scipy_and_turns_with_its_frame(R_frame, seed):
    rng = np.random.default_rng(seed)
    R = Rotation.from_rotvec(rng.normal(0, 0.5, (5, 3))).as_matrix()
    weights = rng.uniform(0.01, 2.0, 5)

    mean = g.mean_rotation(R, weights)

    expected = Rotation.from_matrix(R).mean(weights).as_matrix()
    np.testing.assert_allclose(mean, expected, atol=1e-9)
    np.testing.assert_allclose(g.mean_rotation(R_frame @ R, weights), R_frame @ mean, atol=1e-9)


@given(R_a=rotations, R_b=rotations)
@fast
def test_the_mean_of_two_lies_halfway(R_a, R_b):
    if angle_between(R_a, R_b) > pi - 1e-2:
        return

    mean = g.mean_rotation(np.stack((R_a, R_b)))

    np.testing.assert_allclose(mean, g.slerp(R_a, R_b, 0.5), atol=1e-9)


def test_the_mean_across_half_a_turn_does_not_cancel_as_rotation_vectors_would():
    """Averaging the numbers of +179° and -179° gives 0°, the average is 180°."""
    R = g.so3_exp([[0, 0, np.radians(179)], [0, 0, -np.radians(179)]])

    np.testing.assert_allclose(g.mean_rotation(R), np.diag([-1, -1, 1]), atol=1e-12)


def test_a_rotation_of_weight_zero_does_not_count():
    R = g.so3_exp([[0.1, 0, 0], [0, 2, 0]])

    np.testing.assert_allclose(g.mean_rotation(R, [3.0, 0.0]), R[0], atol=1e-12)


def test_rotations_without_one_mean_are_refused():
    with pytest.raises(ValueError, match="several rotations"):
        g.mean_rotation(np.stack((np.eye(3), np.diag([1.0, -1.0, -1.0]))))


@pytest.mark.parametrize(
    ("n", "weights"),
    [(0, None), (2, [1.0]), (2, [1.0, -0.1]), (2, [0.0, 0.0]), (2, [1.0, np.nan])],
)
def test_faulty_weights_are_refused(n, weights):
    with pytest.raises(ValueError, match="weights"):
        g.mean_rotation(np.broadcast_to(np.eye(3), (n, 3, 3)), weights)


@given(R=rotations, noise=arrays(np.float64, (3, 3), elements=st.floats(-0.1, 0.1)))
@fast
def test_the_nearest_rotation_is_a_rotation_no_further_than_the_original(R, noise):
    noisy = R + noise

    nearest = g.nearest_rotation(noisy)

    np.testing.assert_allclose(nearest.T @ nearest, np.eye(3), atol=1e-13)
    assert np.linalg.det(nearest) > 0
    assert np.linalg.norm(nearest - noisy) <= np.linalg.norm(R - noisy) + 1e-12


def test_the_nearest_rotation_to_a_mirror_image_is_no_mirror_image():
    nearest = g.nearest_rotation(np.diag([1.0, 0.9, -0.5]))

    np.testing.assert_allclose(nearest, np.eye(3), atol=1e-12)


def test_stacks_give_what_single_ones_give():
    rng = np.random.default_rng(5)
    v = rng.normal(size=(2, 3, 3))
    R = g.so3_exp(v)
    u = rng.uniform(size=(2, 3))
    between = g.slerp(R, R[0, 0], u)

    for i in np.ndindex(2, 3):
        np.testing.assert_allclose(g.so3_exp(v[i]), R[i], atol=1e-15)
        np.testing.assert_allclose(g.so3_log(R)[i], g.so3_log(R[i]), atol=1e-15)
        np.testing.assert_allclose(g.matrix_to_quat(R)[i], g.matrix_to_quat(R[i]), atol=1e-15)
        np.testing.assert_allclose(g.rot6d_to_matrix(g.matrix_to_rot6d(R))[i], R[i], atol=1e-14)
        np.testing.assert_allclose(between[i], g.slerp(R[i], R[0, 0], u[i]), atol=1e-14)
