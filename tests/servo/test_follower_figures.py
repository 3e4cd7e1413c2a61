"""The follower's laws, figure by figure, where its generator is so quick that a step is exact."""

from math import sqrt

import numpy as np
import pytest
from msgspec.structs import replace

from robotd.core.geometry import pose, so3_exp, so3_log
from robotd.core.kinematics import Kinematics
from robotd.core.ur_models import UR5E
from robotd.servo.follower import SHARE, Follower

DT_S = 0.002
GAIN_S = 15.0
CLOSING = {"m": 0.8, "rad": 2.0}  # m/s², rad/s²
AXES = [(1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0), (0.6, -0.48, 0.64)]


def quick(checks, **limits):
    return replace(checks.CELL, joint_acceleration_rad_s2=1e5, joint_jerk_rad_s3=1e9, **limits)


def joint_step(follower, q, T_before, T_now):
    """The step that is wanted, once the joints have its speed already."""
    v = np.zeros(6)
    for _ in range(4):
        follower.seed(q, v, np.zeros(6))
        v = (follower.step(T_before, T_now) - q) / DT_S
    return v


def tool_step(checks, T_before, T_now, *, q=None, **limits):
    """Tool twist [m/s, rad/s] of the step that is wanted at RAISED."""
    q = checks.RAISED if q is None else q
    follower = Follower(envelope=quick(checks, **limits), kinematics=checks.KINEMATICS, dt_s=DT_S)
    there = checks.KINEMATICS.fk(q + DT_S * joint_step(follower, q, T_before, T_now))
    here = checks.KINEMATICS.fk(q)
    turn = so3_log(there[:3, :3] @ here[:3, :3].T)
    return (there[:3, 3] - here[:3, 3]) / DT_S, turn / DT_S


def moved(T, shift=(0.0, 0.0, 0.0), turn=(0.0, 0.0, 0.0)):
    return pose(so3_exp(np.array(turn)) @ T[:3, :3], T[:3, 3] + np.array(shift))


def closing_speed(distance, unit):
    """Proportional near the goal; far from it what the deceleration can still bring to rest."""
    linear = CLOSING[unit] / GAIN_S**2
    if distance <= linear:
        return GAIN_S * distance
    return sqrt(2 * CLOSING[unit] * (distance - linear / 2))


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("distance_m", [1e-5, 0.001, 0.0035, 0.0045, 0.01, 0.03])
def test_a_distance_is_made_up_for_by_its_law(gate_checks, distance_m, axis):
    goal = moved(gate_checks.KINEMATICS.fk(gate_checks.RAISED), shift=distance_m * np.array(axis))

    v, w = tool_step(gate_checks, goal, goal)

    expected = closing_speed(distance_m, "m") * np.array(axis)
    np.testing.assert_allclose(v, expected, atol=2e-3 * closing_speed(distance_m, "m"))
    assert np.abs(w).max() < 1e-3


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("angle_rad", [1e-5, 0.003, 0.0087, 0.011, 0.03, 0.15])
def test_an_angle_is_made_up_for_by_its_law(gate_checks, angle_rad, axis):
    goal = moved(gate_checks.KINEMATICS.fk(gate_checks.RAISED), turn=angle_rad * np.array(axis))

    v, w = tool_step(gate_checks, goal, goal, joint_speed_rad_s=3.0)

    expected = closing_speed(angle_rad, "rad") * np.array(axis)
    np.testing.assert_allclose(w, expected, atol=2e-3 * closing_speed(angle_rad, "rad"))
    assert np.abs(v).max() < 1e-3


@pytest.mark.parametrize("axis", AXES)
def test_the_plans_own_step_is_taken_whole(gate_checks, axis):
    here = gate_checks.KINEMATICS.fk(gate_checks.RAISED)
    speed, turning = 0.1 * np.array(axis), 0.3 * np.array(axis)

    v, w = tool_step(gate_checks, here, moved(here, speed * DT_S, turning * DT_S))

    np.testing.assert_allclose(v, speed, atol=2e-4)
    np.testing.assert_allclose(w, turning, atol=6e-4)


def test_what_is_missing_is_made_up_for_beside_the_plans_own_step(gate_checks):
    here = gate_checks.KINEMATICS.fk(gate_checks.RAISED)
    before = moved(here, (0.002, 0.0, 0.0), (0.0, 0.004, 0.0))
    now = moved(before, (0.0, 0.08 * DT_S, 0.0), (0.1 * DT_S, 0.0, 0.0))

    v, w = tool_step(gate_checks, before, now)

    np.testing.assert_allclose(v, (GAIN_S * 0.002, 0.08, 0.0), atol=1e-3)
    np.testing.assert_allclose(w, (0.1, GAIN_S * 0.004, 0.0), atol=1e-3)


@pytest.mark.parametrize("axis", AXES)
def test_the_tool_keeps_to_its_share_of_the_speed_limit(gate_checks, axis):
    here = gate_checks.KINEMATICS.fk(gate_checks.RAISED)

    v, _ = tool_step(gate_checks, here, moved(here, 0.01 * np.array(axis)), tool_speed_m_s=0.1)

    np.testing.assert_allclose(v, 0.1 * SHARE * np.array(axis), atol=5e-4)


def test_the_tool_turns_no_faster_than_a_joint_may(gate_checks):
    here = gate_checks.KINEMATICS.fk(gate_checks.RAISED)
    about = np.array([0.0, 0.0, 1.0])  # the axis of the last joint

    _, w = tool_step(gate_checks, here, moved(here, turn=0.01 * about), joint_speed_rad_s=0.4)

    np.testing.assert_allclose(w, 0.4 * SHARE * about, atol=1e-3)


def test_no_joint_is_faster_than_its_share(gate_checks):
    stretched = gate_checks.RAISED + np.array([0.0, 0.45, -1.1, 0.65, 0.0, 0.0])
    here = gate_checks.KINEMATICS.fk(stretched)
    follower = Follower(
        envelope=quick(gate_checks, joint_speed_rad_s=0.2),
        kinematics=gate_checks.KINEMATICS,
        dt_s=DT_S,
    )

    v = joint_step(follower, stretched, here, moved(here, (0.2 * DT_S, 0.0, 0.0)))

    assert np.abs(v).max() == pytest.approx(0.2 * SHARE, rel=1e-3)


@pytest.mark.parametrize("joint", [0, 1])
def test_the_elbow_is_no_faster_than_the_tool_may_be(gate_checks, joint):
    """A tool whose point is near the shoulder hardly moves while the elbow does."""
    q = gate_checks.RAISED
    flange = Kinematics(UR5E.dh).fk(q)
    T_flange_tcp = np.eye(4)
    near_shoulder = np.array([0.06, 0.02, 0.1625])
    T_flange_tcp[:3, 3] = flange[:3, :3].T @ (near_shoulder - flange[:3, 3])
    kinematics = Kinematics(UR5E.dh, T_flange_tcp)
    follower = Follower(
        envelope=quick(gate_checks, joint_speed_rad_s=9.0), kinematics=kinematics, dt_s=DT_S
    )
    here = kinematics.fk(q)
    wanted = np.zeros(6)
    wanted[joint] = 1.5
    there = kinematics.fk(q + wanted * DT_S)

    v = joint_step(follower, q, here, there)

    assert np.hypot(v[0], v[1]) * 0.425 == pytest.approx(SHARE * 0.25, rel=1e-3)
    assert np.abs(v[joint]) > 5 * np.abs(np.delete(v, joint)).max()


@pytest.mark.parametrize("qdd_rad_s2", [-9.0, -4.0, 0.0, 4.0, 9.0])
def test_the_acceleration_that_it_continues_with_is_the_one_it_was_given(gate_checks, qdd_rad_s2):
    follower = Follower(envelope=gate_checks.CELL, kinematics=gate_checks.KINEMATICS, dt_s=DT_S)
    here, jerk = gate_checks.KINEMATICS.fk(gate_checks.RAISED), 0.9 * 100.0
    start = np.clip(qdd_rad_s2, -4.5, 4.5)

    follower.seed(gate_checks.RAISED, np.zeros(6), np.full(6, qdd_rad_s2))
    q = follower.step(here, here)

    # Half of a·dt² at first, less than the jerk can have changed by.
    first = 0.5 * start * DT_S**2
    np.testing.assert_allclose(q - gate_checks.RAISED, first, atol=1.01 * jerk * DT_S**3 / 6)


def test_a_large_turn_within_one_long_period_is_exact(gate_checks):
    dt_s, turn = 0.1, np.array([0.0, 0.0, 0.09])
    follower = Follower(
        envelope=quick(gate_checks, joint_speed_rad_s=3.0),
        kinematics=gate_checks.KINEMATICS,
        dt_s=dt_s,
    )
    q, v = gate_checks.RAISED, np.zeros(6)
    here = gate_checks.KINEMATICS.fk(q)
    for _ in range(4):
        follower.seed(q, v, np.zeros(6))
        v = (follower.step(here, moved(here, turn=turn)) - q) / dt_s
    there = gate_checks.KINEMATICS.fk(q + v * dt_s)
    np.testing.assert_allclose(so3_log(there[:3, :3] @ here[:3, :3].T), turn, atol=2e-5)
