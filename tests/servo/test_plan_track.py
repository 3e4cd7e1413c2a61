"""Which plan is followed, and where it wants the tool."""

import numpy as np
import pytest

from robotd.core.arm_codes import Source
from robotd.core.clock import MonoNs
from robotd.core.geometry import ORTHONORMAL_TOLERANCE, pose
from robotd.core.types import Plan
from robotd.servo.plan_track import PlanTrack, all_rotations, pose_at


def plan_of(*x_m, epoch=1, t_ns=None, valid_ns=10_000):
    T = [pose(np.eye(3), (x, 0.0, 0.0)) for x in x_m]
    times = np.arange(len(x_m)) * 1000 + 5000 if t_ns is None else np.array(t_ns)
    return Plan(
        epoch=epoch,
        t_ns=times,
        T_base_tcp=np.array(T),
        valid_until_ns=MonoNs(valid_ns),
        source=Source.POLICY,
    )


@pytest.mark.parametrize(
    ("t_ns", "x_m"),
    [(0, 1.0), (5000, 1.0), (5250, 1.25), (6000, 2.0), (6500, 3.0), (7000, 4.0), (9999, 4.0)],
)
def test_a_plan_is_a_line_between_rows_and_held_at_both_ends(t_ns, x_m):
    assert pose_at(plan_of(1.0, 2.0, 4.0), t_ns)[0, 3] == pytest.approx(x_m)


def test_a_plan_of_one_row_is_a_place():
    assert pose_at(plan_of(1.5), 0)[0, 3] == 1.5
    assert pose_at(plan_of(1.5), 9000)[0, 3] == 1.5


def test_a_plan_is_followed_until_the_last_nanosecond_of_its_validity():
    track, here = PlanTrack(0.05), pose(np.eye(3), (1.0, 0.0, 0.0))
    plan = plan_of(1.0, 1.1)
    assert track.follow(plan, MonoNs(10_000), here + 0.0) is None  # 0.1 m away at its end
    track = PlanTrack(0.2)
    assert track.follow(plan, MonoNs(10_000), here) is plan
    assert track.follow(plan, MonoNs(10_001), here) is None
    assert track.follow(None, MonoNs(10_000), here) is None


def test_a_refused_plan_stays_refused_until_the_session_ends():
    track, far, near = PlanTrack(0.05), pose(np.eye(3), (2.0, 0, 0)), pose(np.eye(3), (1.0, 0, 0))
    plan = plan_of(1.0, 1.0)
    assert track.follow(plan, MonoNs(5000), far) is None
    assert track.follow(plan, MonoNs(5001), near) is None
    assert track.refused_n == 1
    track.restart()
    assert track.follow(plan, MonoNs(5002), near) is plan


def test_only_rotations_are_orientations():
    good = plan_of(1.0, 2.0)
    assert all_rotations(good)
    bad = good.T_base_tcp.copy()
    bad[1, 0, 0] = 0.99
    assert not all_rotations(
        Plan(
            epoch=1, t_ns=good.t_ns, T_base_tcp=bad, valid_until_ns=MonoNs(0), source=Source.POLICY
        )
    )


def at(x_m):
    return pose(np.eye(3), (x_m, 0.0, 0.0))


def skewed(plan, by):
    """The plan with one axis that is not at right angles to the next."""
    T = plan.T_base_tcp.copy()
    T[:, 1, 0] = by
    return Plan(
        epoch=plan.epoch,
        t_ns=plan.t_ns,
        T_base_tcp=T,
        valid_until_ns=plan.valid_until_ns,
        source=plan.source,
    )


def test_rounding_is_no_wrong_orientation():
    assert all_rotations(skewed(plan_of(1.0), ORTHONORMAL_TOLERANCE))
    assert not all_rotations(skewed(plan_of(1.0), np.nextafter(ORTHONORMAL_TOLERANCE, 1.0)))


def test_a_plan_is_followed_that_begins_as_far_away_as_allowed_and_no_further():
    for x_m, followed in ((1.5, True), (np.nextafter(1.5, 2.0), False)):
        track, plan = PlanTrack(0.5), plan_of(x_m, x_m)
        assert (track.follow(plan, MonoNs(5000), at(1.0)) is plan) is followed


def test_a_near_plan_whose_orientation_is_none_is_refused():
    track = PlanTrack(0.5)
    assert track.follow(skewed(plan_of(1.0, epoch=7), 0.1), MonoNs(5000), at(1.0)) is None
    assert (track.refused_n, track.refused_epoch) == (1, 7)


def test_without_a_refusal_there_is_no_refused_epoch():
    track = PlanTrack(0.05)
    assert track.refused_epoch == -1
    track.follow(plan_of(2.0), MonoNs(5000), at(1.0))
    assert track.refused_epoch == 1
    track.restart()
    assert track.refused_epoch == -1


def test_the_next_plan_takes_over_near_the_setpoint_or_near_what_the_last_one_wants():
    for x_m, followed in ((1.04, True), (2.04, True), (1.5, False)):
        track, first, second = PlanTrack(0.05), plan_of(1.0, 2.0), plan_of(x_m, x_m, epoch=2)
        assert track.follow(first, MonoNs(5000), at(1.0)) is first
        found = track.follow(second, MonoNs(6000), at(1.0))  # the setpoint was left behind
        assert found is (second if followed else None)
        assert track.refused_epoch == (-1 if followed else 2)


def test_a_plan_once_followed_may_leave_the_setpoint_behind():
    track, plan = PlanTrack(0.05), plan_of(1.0, 2.0)
    assert track.follow(plan, MonoNs(5000), at(1.0)) is plan
    assert track.follow(plan, MonoNs(6000), at(1.0)) is plan
