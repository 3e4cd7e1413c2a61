"""Inverse kinematics step by step against the same method written out with whole matrices."""

from math import inf, nan

import numpy as np
import pytest

from robotd.core.geometry import pose, so3_exp, so3_log
from robotd.core.kinematics import Kinematics
from robotd.core.ur_models import UR5, UR5E

TOOL = np.array([[0.0, -1.0, 0, 0.02], [1, 0, 0, -0.01], [0, 0, 1, 0.13], [0, 0, 0, 1]])
HOME = np.array([0.1, -1.9, 1.8, -1.5, -1.6, 0.4])
ARMS = {"ur5": Kinematics(UR5.dh, TOOL), "ur5e": Kinematics(UR5E.dh, TOOL)}
WEIGHTS = np.array([1.0, 1.0, 1.0, 0.3, 0.3, 0.3])
WRIST_NEARLY_STRAIGHT = HOME + np.array([0.0, 0.0, 0.0, 0.0, 1.59, 0.0])
FAR = np.array([2.1, -2.8, 1.4, -1.9, 2.2, 0.2])
NEARLY_STRETCHED = np.array([0.1, -1.2, 0.03, -0.5, -1.6, 0.4])


def error_of(arm, q, T_target):
    """Weighted twist (6,) to the target [m]."""
    T = arm.fk(q)
    turn = so3_log(T_target[:3, :3] @ T[:3, :3].T)
    return WEIGHTS * np.concatenate((T_target[:3, 3] - T[:3, 3], turn))


def damping_at(arm, q, error):
    """The squared error, and more near a singularity [m²]."""
    wrist, elbow, shoulder = arm.singularity(q)
    near = max(0.0, 1.0 - wrist * elbow * shoulder / 0.02)
    return error @ error + 1e-10 + 1e-3 * near**2


def written_out(arm, T_target, q_start, iterations, max_step_rad=0.1, tolerance_m=1e-8):
    """Levenberg and Marquardt's method; returns the joints and how many steps were tried."""
    q, error = q_start, error_of(arm, q_start, T_target)
    damping = damping_at(arm, q, error)
    for tried in range(iterations):
        if np.linalg.norm(error) <= tolerance_m:
            return q, tried
        J = WEIGHTS[:, None] * arm.jacobian(q)
        away = q + J.T @ np.linalg.solve(J @ J.T + damping * np.eye(6), error) - q_start
        trial = q_start + away * min(1.0, max_step_rad / np.abs(away).max())
        found = error_of(arm, trial, T_target)
        if found @ found < error @ error:
            q, error = trial, found
            damping = damping_at(arm, q, error)
        else:
            damping = 10 * damping + 1e-6
    return q, iterations


def goals(arm, q):
    """Near, far, turned, out of reach, and one whose first steps lead away."""
    T = arm.fk(q)
    yield arm.fk(q + 1e-3)
    yield pose(T[:3, :3], T[:3, 3] + (0.004, -0.002, 0.003))
    yield pose(so3_exp(np.array([0.05, -0.02, 0.03])) @ T[:3, :3], T[:3, 3])
    yield pose(so3_exp(np.array([0.5, 0.9, -1.2])) @ T[:3, :3], T[:3, 3] + (0.2, 0.1, -0.3))
    yield pose(T[:3, :3], T[:3, 3] * 3.0)
    yield arm.fk(FAR)
    yield pose(so3_exp(np.array([3.0, 0.2, 0.1])) @ T[:3, :3], T[:3, 3] - (0.3, 0.4, 0.1))


@pytest.mark.parametrize("iterations", [1, 2, 3, 5])
@pytest.mark.parametrize("max_step_rad", [0.1, 0.003, 3.0])
@pytest.mark.parametrize("q", [HOME, WRIST_NEARLY_STRAIGHT, NEARLY_STRETCHED])
@pytest.mark.parametrize("name", ARMS)
def test_each_step_is_the_written_out_one(name, q, max_step_rad, iterations):
    arm = ARMS[name]
    for T_target in goals(arm, q):
        options = {"max_step_rad": max_step_rad}
        expected, tried = written_out(arm, T_target, q, iterations, **options)

        found = arm.ik(T_target, q, max_iterations=iterations, **options)

        np.testing.assert_allclose(found.q_rad, expected, atol=1e-7)  # rad
        assert found.iterations == tried
        T = arm.fk(found.q_rad)
        left_m = np.linalg.norm(T_target[:3, 3] - T[:3, 3])
        left_rad = np.linalg.norm(so3_log(T_target[:3, :3] @ T[:3, :3].T))
        assert found.position_error_m == pytest.approx(left_m, abs=1e-9)
        assert found.rotation_error_rad == pytest.approx(left_rad, abs=1e-7)


def test_some_of_these_steps_are_undone_and_the_next_ones_are_others():
    arm = ARMS["ur5e"]
    undone = 0
    for q in (HOME, WRIST_NEARLY_STRAIGHT, NEARLY_STRETCHED):
        for T_target in goals(arm, q):
            after = [arm.ik(T_target, q, max_iterations=n).q_rad for n in range(6)]
            for a, b, c in zip(after, after[1:], after[2:], strict=False):
                undone += np.array_equal(a, b) and not np.array_equal(b, c)
    assert undone > 2


def test_a_target_already_reached_needs_no_step_whatever_the_tolerance():
    arm = ARMS["ur5e"]
    assert arm.ik(arm.fk(HOME), HOME, tolerance_m=0.0).iterations == 0


@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_for_a_target_that_is_not_finite_no_step_is_tried(bad):
    T_target = ARMS["ur5e"].fk(HOME)
    T_target[1, 3] = bad
    assert ARMS["ur5e"].ik(T_target, HOME).iterations == 0


@pytest.mark.parametrize("name", ARMS)
def test_the_jacobians_of_a_batch_are_those_of_its_rows(name):
    arm = ARMS[name]
    q = np.random.default_rng(8).uniform(-np.pi, np.pi, (20, 6))

    found = arm.points_batch(q).J_base_tcp

    for n, row in enumerate(q):
        np.testing.assert_allclose(found[n], arm.jacobian(row), atol=1e-12)
