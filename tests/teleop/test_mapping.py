"""From a device's deflections to a target: scale, button, age, anchors and the box."""

import numpy as np
import pytest

from robotd.core.arm_codes import Source
from robotd.core.clock import MS
from robotd.core.config_teleop import TeleopConfig
from robotd.core.geometry import pose, pose_distance, so3_exp
from teleop.deadman import Readiness
from teleop.deflection import TwistScale, beyond_deadzone
from teleop.fence import MARGIN_M

SIX_AXES = TeleopConfig(axes=("x", "y", "z", "rx", "ry", "rz"))


def shift(step, start):
    return step.T_base_target[:3, 3] - start[:3, 3]


# Scale


def test_the_dead_zone_is_continuous_and_full_scale_is_full_speed():
    d = np.array([0.0, 0.05, 0.0501, -0.0501, 1.0, -7.0])
    out = beyond_deadzone(d, 0.05)
    np.testing.assert_allclose(out, [0, 0, 1.05e-4, -1.05e-4, 1, -1], atol=1e-6)


def test_full_deflection_moves_at_the_configured_speed(hand):
    hand.let_go()
    hand.hold(1.0, seconds=0.4)
    before = hand.target_m
    hand.hold(1.0, seconds=0.1)
    np.testing.assert_allclose((hand.target_m - before) / 0.1, [0.2, 0, 0], atol=1e-6)


def test_two_axes_at_once_keep_the_direction_and_the_envelopes_speed():
    scale = TwistScale(TeleopConfig(), max_speed_m_s=0.21)
    twist = scale.twist(np.array([1.0, 1.0, 0, 0, 0, 0]))
    assert np.linalg.norm(twist[:3]) == pytest.approx(0.21)
    assert twist[0] == pytest.approx(twist[1])


def test_the_device_may_be_turned():
    scale = TwistScale(TeleopConfig(yaw_rad=np.pi / 2), max_speed_m_s=1.0)
    twist = scale.twist(np.array([1.0, 0, 0, 0, 0, 0]))
    np.testing.assert_allclose(twist, [0, 0.2, 0, 0, 0, 0], atol=1e-12)


def test_a_planar_device_keeps_height_and_orientation_to_the_last_bit(hand):
    hand.let_go()
    rng = np.random.default_rng(1)
    for _ in range(300):
        hand.hold(*rng.uniform(-1, 1, 6), seconds=0.01)
    for step in hand.steps:
        assert step.T_base_target[2, 3] == hand.start[2, 3]
        np.testing.assert_array_equal(step.T_base_target[:3, :3], hand.start[:3, :3])
        if step.plan is not None:
            assert set(step.plan.T_base_tcp[:, 2, 3]) == {hand.start[2, 3]}
            assert np.ptp(step.plan.T_base_tcp[:, :3, :3], axis=0).max() == 0.0


def test_rotation_turns_about_the_axes_of_the_base_frame(make_hand):
    hand = make_hand(config=SIX_AXES)
    hand.let_go()
    hand.hold(0, 0, 0, 0, 0, 0.5, seconds=0.6)
    hand.let_go(0.6)
    _, angle = pose_distance(hand.start, hand.steps[-1].T_base_target)
    axis = so3_exp((0, 0, float(angle))) @ hand.start[:3, :3]
    assert angle > 0.1
    np.testing.assert_allclose(hand.steps[-1].T_base_target[:3, :3], axis, atol=1e-9)
    np.testing.assert_array_equal(hand.target_m, hand.start[:3, 3])


# The button


def test_without_the_button_nothing_moves_and_there_is_no_plan(hand):
    hand.let_go()
    step = hand.hold(1.0, 1.0, held=False, seconds=0.5)
    assert step.readiness is Readiness.READY
    assert step.plan is None
    np.testing.assert_array_equal(step.T_base_target, hand.start)


@pytest.mark.parametrize(("deflection", "held"), [(1.0, True), (1.0, False), (0.0, True)])
def test_a_device_that_is_not_neutral_when_it_begins_moves_nothing(hand, deflection, held):
    hand.hold(deflection, held=held, seconds=0.2)
    step = hand.hold(deflection, held=True, seconds=0.5)
    assert step.readiness is Readiness.NEUTRAL_NEEDED
    np.testing.assert_array_equal(step.T_base_target, hand.start)
    hand.let_go(0.02)
    assert hand.hold(1.0).readiness is Readiness.MOVING


def test_a_noisy_axis_that_does_not_count_does_not_keep_it_from_being_neutral(hand):
    hand.hold(0.01, 0.0, 1.0, held=False)
    assert hand.hold(1.0).readiness is Readiness.MOVING


def test_after_release_the_target_comes_to_rest_and_the_arm_is_left_to_hold(hand):
    hand.let_go()
    hand.hold(1.0, seconds=0.5)
    released_m = hand.target_m
    step = hand.let_go(0.8)
    assert 0.01 < np.linalg.norm(hand.target_m - released_m) < 0.03
    assert step.plan is None
    assert not step.twist.any()


def test_a_press_takes_the_target_to_the_setpoint_in_the_axes_that_move(hand):
    hand.let_go()
    elsewhere = pose(hand.start[:3, :3], hand.start[:3, 3] + (0.01, -0.008, 0.0005))
    hand.T_cmd = elsewhere
    step = hand.hold(0.0, seconds=0.01)
    assert step.anchored
    np.testing.assert_array_equal(hand.target_m[:2], elsewhere[:2, 3])
    assert hand.target_m[2] == hand.start[2, 3]


def test_a_press_takes_the_held_axes_too_where_the_tool_has_been_moved(hand):
    hand.let_go()
    hand.T_cmd = pose(hand.start[:3, :3], hand.start[:3, 3] + (0.0, 0.0, 0.015))
    hand.hold(0.0, seconds=0.01)
    np.testing.assert_array_equal(hand.steps[-1].T_base_target, hand.T_cmd)


# The lead


@pytest.mark.parametrize(("ahead_m", "anchored"), [(0.0199, False), (0.0201, True)])
def test_a_target_too_far_from_the_setpoint_is_taken_back_to_it(hand, ahead_m, anchored):
    hand.let_go()
    hand.hold(0.0, seconds=0.05)
    hand.T_cmd = pose(hand.start[:3, :3], hand.start[:3, 3] - (ahead_m, 0, 0))
    assert hand.hold(0.0, seconds=0.01).anchored is anchored


@pytest.mark.parametrize(("turned_rad", "anchored"), [(0.099, False), (0.101, True)])
def test_an_orientation_too_far_from_the_setpoint_is_taken_back_to_it(
    make_hand, turned_rad, anchored
):
    hand = make_hand(config=SIX_AXES)
    hand.let_go()
    hand.hold(0.0, seconds=0.05)
    hand.T_cmd = pose(so3_exp((0, 0, turned_rad)) @ hand.start[:3, :3], hand.start[:3, 3])
    step = hand.hold(0.0, seconds=0.01)
    assert step.anchored is anchored
    if anchored:
        np.testing.assert_allclose(step.T_base_target, hand.T_cmd, atol=1e-12)


def test_against_an_arm_that_does_not_follow_the_target_never_leads_by_more(hand):
    hand.let_go()
    hand.stuck = True
    for _ in range(100):
        hand.hold(1.0, seconds=0.01)
        assert np.linalg.norm(hand.target_m - hand.T_cmd[:3, 3]) <= 0.02


# Age


def test_a_sample_that_is_too_old_stops_the_motion_until_neutral_and_pressed_anew(hand):
    hand.let_go()
    hand.hold(1.0, seconds=0.3)
    hand.number += 1
    assert (
        hand.wait().cycle(hand.reading([1.0], held=True, age_ms=99)).readiness is Readiness.MOVING
    )
    hand.number += 1
    assert (
        hand.wait().cycle(hand.reading([1.0], held=True, age_ms=101)).readiness is Readiness.STALE
    )
    assert hand.hold(1.0, seconds=0.5).readiness is Readiness.NEUTRAL_NEEDED
    rested_m = hand.target_m
    hand.hold(1.0, seconds=0.2)
    np.testing.assert_array_equal(hand.target_m, rested_m)
    hand.let_go(0.02)
    assert hand.hold(1.0, seconds=0.02).readiness is Readiness.MOVING


def test_samples_of_the_future_are_stale_too(hand):
    hand.let_go()
    hand.number += 1
    step = hand.wait().cycle(hand.reading([1.0], held=True, age_ms=-150))
    assert step.readiness is Readiness.STALE


def test_a_number_that_does_not_grow_is_stale_whatever_the_sample_says(hand):
    hand.let_go()
    hand.hold(1.0, seconds=0.3)
    for cycle in range(1, 14):  # a hung process whose clock runs on
        step = hand.wait().cycle(hand.reading([1.0], held=True))
        assert (step.readiness is Readiness.STALE) is (cycle > 10)


def test_no_sample_at_all_is_stale(hand):
    assert hand.wait().cycle(None).readiness is Readiness.STALE
    assert hand.wait().cycle(None).plan is None


# Time


def test_a_late_cycle_goes_on_where_the_plan_before_has_led(hand):
    hand.let_go()
    before = hand.hold(1.0, seconds=0.5)
    hand.number += 1
    step = hand.wait(35).cycle(hand.reading([1.0], held=True))
    moved_m = step.T_base_target[0, 3] - before.T_base_target[0, 3]
    assert moved_m == pytest.approx(0.035 * 0.2, rel=1e-6)
    assert step.twist[0] == pytest.approx(0.2, rel=1e-6)


@pytest.mark.parametrize("late_ms", [70, 99, 101, 2000])
def test_a_very_late_cycle_never_makes_a_jump(hand, late_ms):
    hand.let_go()
    before = hand.hold(1.0, seconds=0.5)
    hand.number += 1
    step = hand.wait(late_ms).cycle(hand.reading([1.0], held=True))
    moved_m = np.linalg.norm(step.T_base_target[:3, 3] - before.T_base_target[:3, 3])
    assert moved_m < 0.02
    assert step.plan is not None
    assert np.linalg.norm(np.diff(step.plan.T_base_tcp[2:, :3, 3], axis=0), axis=1).max() < 0.003


def test_plans_join_where_the_one_before_leads_to(hand):
    hand.let_go()
    rng = np.random.default_rng(2)
    d, before = np.zeros(2), None
    for _ in range(200):
        d = np.clip(d + rng.uniform(-0.2, 0.2, 2), -1, 1)
        plan = hand.hold(*d, seconds=0.01).plan
        if before is not None and plan is not None and not hand.steps[-1].anchored:
            np.testing.assert_allclose(plan.T_base_tcp[:3], before.T_base_tcp[1:4], atol=1e-9)
        before = plan


def test_a_plan_says_human_begins_before_now_and_ends_at_rest_when_it_expires(hand):
    hand.let_go()
    step = hand.hold(1.0, seconds=0.5)
    plan, now = step.plan, hand.clock.now()
    assert plan.source is Source.HUMAN
    assert plan.epoch == hand.epoch
    assert plan.t_ns[0] == now - 20 * MS
    assert plan.valid_until_ns == plan.t_ns[-1] == now + 100 * MS
    steps_m = np.linalg.norm(np.diff(plan.T_base_tcp[:, :3, 3], axis=0), axis=1)
    np.testing.assert_allclose(steps_m[:6], 0.002, atol=1e-9)
    assert steps_m[-1] < 2e-4


# The box


@pytest.mark.parametrize("direction", [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1)])
def test_the_target_stops_softly_at_the_box(hand, direction):
    hand.let_go()
    hand.hold(*direction, seconds=4.0)
    p_m = np.array([step.T_base_target[:3, 3] for step in hand.steps])
    low = np.array((0.32, -0.18)) + MARGIN_M
    high = np.array((0.68, 0.18)) - MARGIN_M
    assert np.all(p_m[:, :2] >= low)
    assert np.all(p_m[:, :2] <= high)
    reached = np.where(np.array(direction) > 0, high, low)
    for axis in np.flatnonzero(direction):
        assert abs(p_m[-1, axis] - reached[axis]) < 0.001
    change = np.diff(p_m, n=2, axis=0) / 0.01**2
    assert np.linalg.norm(change, axis=1).max() < 2.0  # m/s²


def test_a_target_outside_the_box_is_not_pushed_but_may_come_back(make_hand):
    start = pose(np.diag((1.0, -1.0, -1.0)), (0.679, 0.0, 0.0045))
    hand = make_hand(start=start)
    hand.let_go()
    hand.hold(1.0, seconds=0.5)
    np.testing.assert_array_equal(hand.target_m, start[:3, 3])
    hand.hold(-1.0, seconds=0.5)
    assert hand.target_m[0] < 0.65
