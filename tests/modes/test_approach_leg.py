"""Legs begin and end at rest, keep to their speeds, and can be lifted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robotd.core.clock import MonoNs
from robotd.core.geometry import pose_distance, pose_from_rotvec
from robotd.core.types import MAX_PLAN_ROWS
from robotd.pipeline.approach import (
    SETTLE_S,
    SHORTEST_S,
    SPEED_M_S,
    SPEED_RAD_S,
    leg,
    leg_duration_s,
    lifted,
)

number = st.floats(-0.4, 0.4)
triple = st.tuples(number, number, number)
T0_NS = MonoNs(7_000_000_000)


def pose(position_m, rotvec_rad):
    return pose_from_rotvec(position_m, rotvec_rad)


@given(start=triple, end=triple, turn=triple)
def test_a_leg_goes_from_pose_to_pose_within_its_speeds_at_rest_at_both_ends(start, end, turn):
    T_from, T_to = pose(start, (0, 0, 0)), pose(end, turn)

    plan = leg(T_from, T_to, t_start_ns=T0_NS, epoch=5)

    assert plan.epoch == 5
    assert plan.t_ns[0] == T0_NS
    assert plan.t_ns.shape[0] <= MAX_PLAN_ROWS
    np.testing.assert_allclose(plan.T_base_tcp[0], T_from, atol=1e-12)
    np.testing.assert_allclose(plan.T_base_tcp[-1], T_to, atol=1e-12)
    t_s = np.diff(plan.t_ns) * 1e-9
    steps = [
        pose_distance(a, b) for a, b in zip(plan.T_base_tcp, plan.T_base_tcp[1:], strict=False)
    ]
    speed = np.array([step[0] for step in steps]) / t_s
    turning = np.array([step[1] for step in steps]) / t_s
    assert speed.max() <= SPEED_M_S * 1.001
    assert turning.max() <= SPEED_RAD_S * 1.001
    # Minimum jerk: the first and the last step are a small share of the fastest.
    assert max(speed[0], speed[-1]) <= 0.12 * speed.max() + 1e-12


@given(start=triple, end=triple)
def test_joins_are_continuous(start, end):
    T_from, T_to = pose(start, (0, 0, 0)), pose(end, (0, 0, 0))
    first = leg(T_from, T_to, t_start_ns=T0_NS, epoch=1)
    second = leg(T_to, T_from, t_start_ns=MonoNs(int(first.t_ns[-1])), epoch=2)

    np.testing.assert_allclose(first.T_base_tcp[-1], second.T_base_tcp[0], atol=1e-12)


def test_a_leg_to_where_the_tool_is_takes_the_shortest_time():
    T = pose((0.4, 0, 0.1), (0, 0, 0))

    assert leg_duration_s(T, T) == SHORTEST_S
    plan = leg(T, T, t_start_ns=T0_NS, epoch=1)
    assert plan.t_ns[-1] - T0_NS == pytest.approx(SHORTEST_S * 1e9)


def test_a_leg_stays_valid_for_a_late_arm():
    plan = leg(pose((0, 0, 0), (0, 0, 0)), pose((0.1, 0, 0), (0, 0, 0)), t_start_ns=T0_NS, epoch=1)

    assert plan.valid_until_ns - plan.t_ns[-1] == round(SETTLE_S * 1e9)


def test_the_peak_speed_is_reached_on_a_long_leg():
    plan = leg(pose((0, 0, 0), (0, 0, 0)), pose((0.3, 0, 0), (0, 0, 0)), t_start_ns=T0_NS, epoch=1)

    speed = np.diff(plan.T_base_tcp[:, 0, 3]) / (np.diff(plan.t_ns) * 1e-9)
    assert speed.max() == pytest.approx(SPEED_M_S, rel=0.01)


def test_lifting_changes_the_height_alone():
    T = pose((0.1, 0.2, 0.3), (0.4, 0.1, 0.0))
    up = lifted(T, 0.5)

    assert up[2, 3] == 0.5
    np.testing.assert_array_equal(up[:2], T[:2])
    assert T[2, 3] == 0.3
