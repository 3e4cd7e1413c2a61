"""The follower alone: what it does with targets, without a gate to correct it."""

import numpy as np
import pytest

from robotd.core.geometry import pose, pose_distance, so3_exp
from robotd.servo.follower import SHARE, Follower

DT_S = 0.002


@pytest.fixture
def follower(gate_checks):
    made = Follower(envelope=gate_checks.CELL, kinematics=gate_checks.KINEMATICS, dt_s=DT_S)
    made.seed(gate_checks.RAISED, np.zeros(6), np.zeros(6))
    return made


def run(follower, poses):
    before, q = poses[0], []
    for now in poses:
        q.append(follower.step(before, now))
        before = now
    return np.array(q)


def shifted(T, dx, dy, dz, turn=(0.0, 0.0, 0.0)):
    return pose(so3_exp(turn) @ T[:3, :3], T[:3, 3] + (dx, dy, dz))


def test_a_step_of_the_target_is_approached_within_all_limits(follower, gate_checks):
    start = gate_checks.KINEMATICS.fk(gate_checks.RAISED)
    goal = shifted(start, 0.1, 0.1, -0.02, turn=(0.1, -0.1, 0.8))

    q = run(follower, [start, *[goal] * 1500])

    found = gate_checks.excess(gate_checks.RAISED, q, gate_checks.CELL, DT_S)
    found.assert_none(slack=0.0)
    p = gate_checks.KINEMATICS.points_batch(q).p_base_tcp
    speed = np.linalg.norm(np.diff(p, axis=0), axis=1) / DT_S
    assert speed.max() < 0.25 * SHARE * 1.02
    far_m, far_rad = pose_distance(gate_checks.KINEMATICS.fk(q[-1]), goal)
    assert far_m < 1e-4
    assert far_rad < 1e-3
    beyond = (p - start[:3, 3]) @ (1, 1, -0.2) / np.linalg.norm((1, 1, -0.2)) ** 2
    assert beyond.max() < 0.1 + 0.002  # overshoot [m]


def test_acceleration_and_jerk_stay_under_their_share(follower, gate_checks):
    start = gate_checks.KINEMATICS.fk(gate_checks.RAISED)
    rng = np.random.default_rng(3)
    goals = [shifted(start, *rng.uniform(-0.08, 0.08, 3)) for _ in range(12)]

    q = run(follower, [goal for goal in goals for _ in range(120)])

    q = np.vstack((gate_checks.RAISED, gate_checks.RAISED, gate_checks.RAISED, q))
    assert np.abs(np.diff(q, n=2, axis=0)).max() / DT_S**2 <= 5.0 * SHARE + 1e-6
    assert np.abs(np.diff(q, n=3, axis=0)).max() / DT_S**3 <= 100.0 * SHARE + 1e-3


def test_a_smooth_path_is_followed_without_lag(follower, gate_checks):
    start = gate_checks.KINEMATICS.fk(gate_checks.RAISED)
    t = np.arange(0.0, 4.0, DT_S)
    ease = 1 - np.exp(-((t / 0.4) ** 3))
    x, y = 0.03 * ease * np.sin(3 * t), 0.03 * (1 - np.cos(3 * t)) * ease
    poses = [shifted(start, a, b, 0.0, turn=(0, 0, a * 3)) for a, b in zip(x, y, strict=True)]

    q = run(follower, poses)

    p = gate_checks.KINEMATICS.points_batch(q).p_base_tcp
    error = np.linalg.norm(p - np.array(poses)[:, :3, 3], axis=1)
    assert np.percentile(error, 99) < 5e-4  # m
    assert error[-1] < 1e-4  # m


def test_seeded_in_motion_it_goes_on_from_there(follower, gate_checks):
    start = gate_checks.KINEMATICS.fk(gate_checks.RAISED)
    v = np.array([0.2, 0.0, 0.0, 0.0, 0.0, 0.1])

    follower.seed(gate_checks.RAISED, v, np.array([9.0, 0, 0, 0, 0, 0]))
    q = follower.step(start, start)

    np.testing.assert_allclose((q - gate_checks.RAISED) / DT_S, v, atol=0.01)


def test_a_target_that_is_no_number_moves_nothing(follower, gate_checks):
    start = gate_checks.KINEMATICS.fk(gate_checks.RAISED)
    q = follower.step(start, np.full((4, 4), np.nan))
    assert q is None or np.abs(q - gate_checks.RAISED).max() < 1e-9


@pytest.mark.parametrize("speed", [np.nan, np.inf, 1e6, 1e12])
def test_where_the_generator_finds_no_way_there_is_no_step(follower, gate_checks, speed):
    start = gate_checks.KINEMATICS.fk(gate_checks.RAISED)

    follower.seed(gate_checks.RAISED, np.full(6, speed), np.zeros(6))
    assert follower.step(start, start) is None

    follower.seed(gate_checks.RAISED, np.zeros(6), np.zeros(6))
    np.testing.assert_allclose(follower.step(start, start), gate_checks.RAISED, atol=1e-9)
