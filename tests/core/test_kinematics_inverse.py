from math import pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from robotd.core.geometry import interpolate_pose, so3_exp
from robotd.core.kinematics import Kinematics
from robotd.core.ur_models import UR5, UR5E

TOOL = np.array([[0.0, -1.0, 0, 0.02], [1, 0, 0, -0.01], [0, 0, 1, 0.13], [0, 0, 0, 1]])
HOME = np.array([0.1, -1.9, 1.8, -1.5, -1.6, 0.4])
KINEMATICS = Kinematics(UR5E.dh, TOOL)
angles = arrays(np.float64, 6, elements=st.floats(-2 * pi, 2 * pi))
# Singular configurations are as likely as others.
near_singular = st.builds(
    lambda q, wrist, elbow, off: np.array(
        [q[0], q[1], elbow * off if elbow else q[2], q[3], wrist * off if wrist else q[4], q[5]]
    ),
    angles,
    st.sampled_from([0.0, 1.0]),
    st.sampled_from([0.0, 1.0]),
    st.sampled_from([0.0, 1e-12, 1e-6, 1e-3, 1e-2]),
)
steps = arrays(np.float64, 6, elements=st.floats(-3e-3, 3e-3))


def weighted_error(T_a, T_b):
    turn = T_a[:3, :3].T @ T_b[:3, :3]
    angle = 2 * np.arcsin(min(1.0, np.linalg.norm(turn - np.eye(3)) / np.sqrt(8)))
    return np.hypot(np.linalg.norm(T_a[:3, 3] - T_b[:3, 3]), 0.3 * angle)


@pytest.mark.parametrize("dh", [UR5.dh, UR5E.dh], ids=["ur5", "ur5e"])
def test_a_nearby_target_is_reached_on_the_same_branch(dh):
    kinematics = Kinematics(dh, TOOL)
    rng = np.random.default_rng(0)
    for _ in range(200):
        q = rng.uniform(-2 * pi, 2 * pi, 6)
        if np.prod(kinematics.singularity(q)) < 0.05:
            continue
        q_goal = q + rng.uniform(-2e-3, 2e-3, 6)

        solution = kinematics.ik(kinematics.fk(q_goal), q)

        np.testing.assert_allclose(solution.q_rad, q_goal, atol=1e-7)  # rad
        assert solution.position_error_m < 1e-8
        assert solution.rotation_error_rad < 1e-7
        assert solution.iterations <= 3


@given(q=st.one_of(angles, near_singular), dq=steps, limit=st.sampled_from([0.005, 0.1]))
@settings(max_examples=200, deadline=None)
def test_near_or_at_singularities_it_is_finite_bounded_and_never_moves_away(q, dq, limit):
    T_target = KINEMATICS.fk(q + dq)

    solution = KINEMATICS.ik(T_target, q, max_step_rad=limit)

    assert np.isfinite(solution.q_rad).all()
    assert np.abs(solution.q_rad - q).max() <= limit * (1 + 1e-12)
    reached = KINEMATICS.fk(solution.q_rad)
    before, after = weighted_error(KINEMATICS.fk(q), T_target), weighted_error(reached, T_target)
    assert after <= before + 1e-7
    gap = np.linalg.norm(reached[:3, 3] - T_target[:3, 3])
    assert solution.position_error_m == pytest.approx(gap, abs=1e-9)


@given(q=st.one_of(angles, near_singular), offset=arrays(np.float64, 3, elements=st.floats(-5, 5)))
@settings(max_examples=100, deadline=None)
def test_an_unreachable_target_gives_a_bounded_best_effort(q, offset):
    T_target = KINEMATICS.fk(q)
    T_target[:3, 3] += offset

    solution = KINEMATICS.ik(T_target, q)

    assert np.isfinite(solution.q_rad).all()
    assert np.abs(solution.q_rad - q).max() <= 0.1 * (1 + 1e-12)
    assert solution.position_error_m <= np.linalg.norm(offset) + 1e-9
    assert solution.iterations <= 5


def test_a_target_out_of_reach_is_approached_along_a_stretched_arm():
    T_target = KINEMATICS.fk(HOME)
    T_target[:3, 3] *= 10.0

    solution = KINEMATICS.ik(T_target, HOME, max_step_rad=np.inf, max_iterations=300)

    p = KINEMATICS.fk(solution.q_rad)[:3, 3]
    assert np.linalg.norm(p) > 0.85, "stretched out [m]"
    assert p @ T_target[:3, 3] / np.linalg.norm(p) / np.linalg.norm(T_target[:3, 3]) > 0.95


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_target_that_is_not_finite_gives_the_start_and_an_infinite_residual(bad):
    T_target = KINEMATICS.fk(HOME)
    T_target[1, 3] = bad

    solution = KINEMATICS.ik(T_target, HOME)

    np.testing.assert_array_equal(solution.q_rad, HOME)
    assert solution.position_error_m == solution.rotation_error_rad == np.inf


def test_the_pose_of_the_start_moves_nothing():
    solution = KINEMATICS.ik(KINEMATICS.fk(HOME), HOME)

    np.testing.assert_array_equal(solution.q_rad, HOME)
    assert solution.iterations == 0


@pytest.mark.parametrize("half_turn_axis", [[1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
def test_half_a_turn_away_it_still_comes_nearer(half_turn_axis):
    T_target = KINEMATICS.fk(HOME)
    T_target[:3, :3] = np.diag(half_turn_axis) @ T_target[:3, :3]

    solution = KINEMATICS.ik(T_target, HOME)

    assert np.isfinite(solution.q_rad).all()
    assert weighted_error(KINEMATICS.fk(solution.q_rad), T_target) < 0.3 * pi


def test_a_circle_is_followed_without_error_or_jump():
    period_s, radius_m, dt_s = 4.0, 0.08, 0.002
    T_start = KINEMATICS.fk(HOME)
    q, moved, left = HOME, [], []
    for phase in np.arange(0.0, 2 * pi, 2 * pi * dt_s / period_s):
        T_target = T_start.copy()
        T_target[:2, 3] += radius_m * np.array([1 - np.cos(phase), np.sin(phase)])
        solution = KINEMATICS.ik(T_target, q)
        moved.append(np.abs(solution.q_rad - q).max())
        left.append(solution.position_error_m)
        q = solution.q_rad

    assert max(left) < 1e-8
    assert max(moved) < 1.0 * dt_s, "rad per tick at 0.13 m/s"
    np.testing.assert_allclose(q, HOME, atol=2e-3)


def test_straight_through_the_wrist_singularity_no_step_exceeds_its_limit():
    q, q_end = HOME.copy(), HOME.copy()
    q[4], q_end[4] = -0.15, 0.15
    T_start, T_end = KINEMATICS.fk(q), KINEMATICS.fk(q_end)
    nearest = 1.0
    for fraction in np.linspace(0.0, 1.0, 500):
        solution = KINEMATICS.ik(interpolate_pose(T_start, T_end, fraction), q, max_step_rad=0.02)
        assert np.abs(solution.q_rad - q).max() <= 0.02 * (1 + 1e-12)
        q = solution.q_rad
        nearest = min(nearest, KINEMATICS.singularity(q)[0])

    assert nearest < 0.01, "it passed through"
    assert solution.position_error_m < 1e-6


@pytest.mark.parametrize("q5", [0.0, 1e-4, 1e-3, 1e-2])
def test_at_a_singularity_half_a_millimetre_asks_for_milliradians(q5):
    """Undamped, the joints would turn by up to 0.2 rad within one tick."""
    q = HOME.copy()
    q[4] = q5
    lost_direction = np.linalg.svd(KINEMATICS.jacobian(q))[0][:, 5] * 5e-4
    T_target = KINEMATICS.fk(q)
    T_target[:3, 3] += lost_direction[:3]
    T_target[:3, :3] = so3_exp(lost_direction[3:]) @ T_target[:3, :3]

    solution = KINEMATICS.ik(T_target, q)

    assert np.abs(solution.q_rad - q).max() < 5e-3


@pytest.mark.parametrize("seed", range(10))
def test_more_iterations_never_end_further_away(seed):
    rng = np.random.default_rng(seed)
    q = rng.uniform(-pi, pi, 6)
    T_target = KINEMATICS.fk(rng.uniform(-pi, pi, 6))

    solutions = [
        KINEMATICS.ik(T_target, q, max_step_rad=np.inf, max_iterations=n, tolerance_m=0.0)
        for n in range(40)
    ]

    left = [np.hypot(s.position_error_m, 0.3 * s.rotation_error_rad) for s in solutions]
    assert (np.diff(left) <= 1e-18).all()
    assert left[-1] < left[0]


def test_at_its_step_bound_it_turns_along_the_bound_until_it_comes_nearer_still():
    rng = np.random.default_rng(1)
    ratios = []
    for _ in range(40):
        q = rng.uniform(-pi, pi, 6)
        T_target = KINEMATICS.fk(q)
        T_target[:3, 3] += rng.normal(0, 0.05, 3)
        left = [
            KINEMATICS.ik(T_target, q, max_step_rad=0.02, max_iterations=n).position_error_m
            for n in (2, 30)
        ]
        ratios.append(left[1] / left[0])

    assert np.median(ratios) < 0.98
