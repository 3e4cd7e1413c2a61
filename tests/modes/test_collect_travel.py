"""The way to where something starts."""

import numpy as np
import pytest

from robotd.core.arm_codes import Source
from robotd.core.clock import MS, MonoNs
from robotd.modes.daemon.travel import ARRIVAL_LIMIT_NS, Travel, lift, over_and_down
from robotd.pipeline.approach import leg_duration_s
from robotd.servo.plan_track import pose_at


@pytest.fixture
def go(make_tick):
    """Let an arm that is where its plan wants it follow a way; return poses and plans."""

    def follow(travel, T_start, limit_s=20.0, obeys=True):
        T, plan, poses, plans = np.array(T_start), None, [], []
        for now in range(0, round(limit_s * 1e9), 10 * MS):
            fresh = travel.step(MonoNs(now), make_tick(now, T_base_tcp=T), len(plans) + 1)
            if fresh is not None:
                plan = fresh
                plans.append(fresh)
            if plan is not None and obeys:
                T = np.array(pose_at(plan, now))
            poses.append(T[:3, 3])
            if travel.arrived or travel.problem:
                break
        return np.array(poses), plans

    return follow


@pytest.fixture
def low(cell, make_tick):
    T = np.array(make_tick(0).T_base_cmd)
    T[2, 3] = cell.task.tip_height_m
    return T


def test_it_lifts_travels_and_comes_down(cell, make_tick, low, go):
    goal = low.copy()
    goal[:2, 3] += 0.05

    up = lift(cell.task, make_tick(0, T_base_tcp=low))
    poses, _ = go(up, low)
    high = low.copy()
    high[:3, 3] = poses[-1]
    assert up.arrived
    assert high[2, 3] == pytest.approx(cell.task.travel_height_m)

    way = over_and_down(cell.task, make_tick(0, T_base_tcp=high), goal)
    poses, plans = go(way, high)

    assert way.arrived
    assert [plan.source for plan in plans] == [Source.APPROACH] * 2
    assert [plan.epoch for plan in plans] == [1, 2]
    moved = np.linalg.norm(poses[:, :2] - poses[0, :2], axis=1) > 1e-6
    still_far = np.linalg.norm(poses[:, :2] - goal[:2, 3], axis=1) > 1e-3
    assert np.all(poses[moved & still_far][:, 2] >= cell.task.travel_height_m - 1e-4)
    np.testing.assert_allclose(poses[-1], goal[:3, 3], atol=1e-6)


def test_an_arm_that_does_not_come_is_a_problem_in_one_sentence(low, go):
    goal = low.copy()
    goal[0, 3] += 0.02
    way = Travel(goal)

    poses, _ = go(way, low, obeys=False)

    assert "20 mm from where it should be" in way.problem
    assert not way.arrived
    waited_s = len(poses) * 0.01 - leg_duration_s(low, goal)
    assert waited_s == pytest.approx(ARRIVAL_LIMIT_NS * 1e-9, abs=0.05)


def test_no_way_at_all_has_arrived():
    assert Travel().arrived
