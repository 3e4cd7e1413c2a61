"""Rows become one path that has no jump where new rows take over."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MS, MonoNs
from robotd.core.types import MAX_PLAN_ROWS
from robotd.pipeline.action_map import BoardXy
from robotd.pipeline.command_filter import pusht_pd
from robotd.pipeline.plan_path import PlanPath
from robotd.pipeline.rows import Rows, held, interpolate

DT = 100 * MS
BOARD = BoardFrame(np.eye(4), 0.512)  # 1 px is 1 mm
MAP = BoardXy(BOARD, 0.0)
ROW_LISTS = st.lists(st.tuples(st.floats(0, 512), st.floats(0, 512)), min_size=1, max_size=16)


def make(command_filter="pusht_pd", lead_ms=0, max_jump_m=0.05) -> PlanPath:
    return PlanPath(
        action_map=MAP,
        command_filter=command_filter,
        lead_ns=lead_ms * MS,
        max_jump_m=max_jump_m,
    )


def rows(t_ms: float, actions) -> Rows:
    actions = np.asarray(actions, dtype=np.float64).reshape(-1, 2)
    due_ns = round(t_ms * MS) + DT * np.arange(len(actions), dtype=np.int64)
    return Rows(due_ns=due_ns, actions=actions, dt_ns=DT)


def pose_at(x_px, y_px):
    return MAP.poses(np.array([[x_px, y_px]]))[0]


def places(plan):
    return BOARD.to_px(plan.T_base_tcp[:, :3, 3])


def place_at(plan, t_ns):
    """Where the arm would put the tool: the line between rows, held at both ends."""
    xy = places(plan)
    return np.array([np.interp(t_ns, plan.t_ns, xy[:, axis]) for axis in range(2)])


REST = pose_at(100, 100)


def test_from_rest_the_path_is_the_filters():
    actions = [[300, 100], [300, 200]]

    plan = make().splice(MonoNs(0), rows(0, actions), REST).plan

    expected, _ = pusht_pd(np.full(2, 100.0), np.zeros(2), np.repeat(np.array(actions), 10, axis=0))
    np.testing.assert_allclose(places(plan), expected, atol=1e-9)
    np.testing.assert_array_equal(plan.t_ns, np.arange(21) * 10 * MS)
    assert plan.valid_until_ns == 200 * MS


def test_the_path_is_sent_the_action_latency_early():
    plan = make(lead_ms=60).splice(MonoNs(500 * MS), rows(500, [[300, 100]] * 3), REST).plan

    assert plan.t_ns[0] == 500 * MS  # path time 560 ms
    assert plan.valid_until_ns == 740 * MS  # path time 800 ms


def test_without_a_filter_each_row_is_met_at_its_time():
    actions = np.array([[150, 100], [150, 160], [90, 160]])

    plan = make("none").splice(MonoNs(0), rows(100, actions), REST).plan

    met = [place_at(plan, t_ms * MS) for t_ms in (100, 200, 300)]
    np.testing.assert_allclose(met, actions, atol=1e-9)
    np.testing.assert_allclose(place_at(plan, 350 * MS), actions[-1], atol=1e-9)  # held
    assert plan.valid_until_ns == 400 * MS


@pytest.mark.parametrize("command_filter", ["pusht_pd", "none"])
@given(
    before=ROW_LISTS,
    after=ROW_LISTS,
    now_ms=st.integers(0, 1500),
    age_ms=st.integers(0, 400),
    lead_ms=st.integers(0, 200),
)
def test_a_new_plan_joins_the_old_one_without_a_jump(
    command_filter, before, after, now_ms, age_ms, lead_ms
):
    path = make(command_filter, lead_ms, max_jump_m=10.0)
    first = path.splice(MonoNs(0), rows(0, before), REST)
    now = MonoNs(now_ms * MS)

    second = path.splice(now, rows(now_ms + lead_ms - age_ms, after), REST)

    if first is None or second is None:
        return
    old, new = first.plan, second.plan
    assert np.all(np.diff(new.t_ns) > 0)
    assert new.epoch == old.epoch + 1
    if now <= old.t_ns[-1]:  # running: until the first point that can change, the same path
        assert new.t_ns[0] <= now
        upto = new.t_ns[new.t_ns <= now + 10 * MS - 1]
        same = upto[upto <= old.t_ns[-1]]
        np.testing.assert_array_equal(
            places(new)[: len(same)], places(old)[np.isin(old.t_ns, same)]
        )
        np.testing.assert_allclose(place_at(new, now), place_at(old, now), atol=1e-9)
    else:
        np.testing.assert_allclose(places(new)[0], [100, 100], atol=1e-9)
    if command_filter == "pusht_pd":  # no step of speed beyond what one action can ask for
        jolts = np.abs(np.diff(places(new), n=2, axis=0)) / 0.01**2
        speeds = np.abs(np.diff(places(new), axis=0)) / 0.01
        assert jolts.max(initial=0) <= 100 * 512 + 20 * speeds.max(initial=0) + 1e-6


@given(before=ROW_LISTS, after=ROW_LISTS, now_ms=st.integers(0, 1500), age_ms=st.integers(0, 1800))
def test_no_row_acts_before_its_time_nor_after_its_interval(before, after, now_ms, age_ms):
    path = make(max_jump_m=10.0)
    path.splice(MonoNs(0), rows(0, before), REST)
    new = rows(now_ms - age_ms, after)

    splice = path.splice(MonoNs(now_ms * MS), new, REST)

    begins_ns = -(-now_ms // 10) * 10 * MS if now_ms <= 100 * len(before) else now_ms * MS
    alive = new.due_ns + DT > begins_ns
    if splice is None:
        assert not alive.any()
        return
    assert splice.first_row == np.flatnonzero(alive)[0]
    assert splice.first_sent_ns == max(begins_ns, new.due_ns[splice.first_row])
    assert splice.plan.valid_until_ns == new.due_ns[-1] + DT
    t_ns = splice.plan.t_ns[(splice.plan.t_ns >= splice.first_sent_ns)]
    acting = np.searchsorted(new.due_ns, t_ns[:-1], side="right") - 1
    since_due_ns = t_ns[:-1] - new.due_ns[acting]
    assert np.all((since_due_ns >= 0) & (since_due_ns < DT))
    xy = places(splice.plan)[splice.plan.t_ns >= splice.first_sent_ns]
    speed = np.diff(xy, axis=0) / 0.01
    pull = (np.diff(speed, axis=0) / 0.01 + 20 * speed[:-1]) / 100 + xy[1:-1]  # the law, solved
    np.testing.assert_allclose(pull, new.actions[acting[1:]], atol=1e-5)


def test_rows_that_all_are_late_leave_the_old_path_alone():
    path = make(max_jump_m=10.0)
    path.splice(MonoNs(0), rows(0, [[300, 100]] * 8), REST)

    assert path.splice(MonoNs(500 * MS), rows(100, [[0, 0]] * 4), REST) is None
    assert path.end_ns == 800 * MS


def test_old_rows_run_until_the_first_new_one_is_due():
    path = make(max_jump_m=10.0)
    path.splice(MonoNs(0), rows(0, [[300, 100]] * 8), REST)

    splice = path.splice(MonoNs(100 * MS), rows(400, [[100, 300]] * 4), REST)

    alone = make().splice(MonoNs(0), rows(0, [[300, 100]] * 8), REST).plan
    until = splice.plan.t_ns <= 400 * MS
    np.testing.assert_array_equal(
        places(splice.plan)[until], places(alone)[np.isin(alone.t_ns, splice.plan.t_ns[until])]
    )
    assert splice.first_sent_ns == 400 * MS


def test_a_path_that_ended_begins_again_where_the_arm_is():
    path = make()
    path.splice(MonoNs(0), rows(0, [[300, 100]]), REST)

    splice = path.splice(MonoNs(900 * MS), rows(880, [[300, 100]] * 3), pose_at(140, 90))

    np.testing.assert_allclose(places(splice.plan)[0], [140, 90])
    assert splice.plan.t_ns[0] == 900 * MS
    assert splice.seam_m is splice.churn_m is None


@pytest.mark.parametrize(("off_px", "restarts"), [(49, False), (51, True)])
def test_a_path_that_has_lost_the_arm_begins_again_where_it_is(off_px, restarts):
    path = make()
    path.splice(MonoNs(0), rows(0, [[100, 100]] * 8), REST)

    splice = path.splice(MonoNs(300 * MS), rows(250, [[100, 100]] * 8), pose_at(100 + off_px, 100))

    assert place_at(splice.plan, 300 * MS)[0] == pytest.approx(100 + off_px if restarts else 100)


def test_seam_and_churn_are_distances_on_the_table():
    path = make("none", max_jump_m=10.0)
    path.splice(MonoNs(0), rows(0, [[100, 100]] * 8), REST)

    splice = path.splice(MonoNs(100 * MS), rows(100, [[100, 130]] * 6), REST)

    assert splice.seam_m == pytest.approx(0.030)
    assert 0.02 < splice.churn_m < 0.030


def test_a_long_path_is_sent_in_parts_without_a_gap():
    path = make()
    goals = np.linspace([100, 100], [400, 400], 120)
    plan = path.splice(MonoNs(0), rows(0, goals), REST).plan
    assert len(plan.t_ns) == MAX_PLAN_ROWS
    whole, _ = pusht_pd(np.full(2, 100.0), np.zeros(2), np.repeat(goals, 10, axis=0))

    for t_ms in range(0, 12000, 20):
        new = path.renewal(MonoNs(t_ms * MS))
        if new is not None:
            assert new.epoch == plan.epoch + 1
            assert new.t_ns[0] <= t_ms * MS
            plan = new
        assert t_ms * MS <= plan.valid_until_ns
        np.testing.assert_allclose(place_at(plan, t_ms * MS), whole[t_ms // 10], atol=1e-9)

    assert plan.valid_until_ns == 12000 * MS
    assert path.renewal(MonoNs(12010 * MS)) is None


def test_held_is_the_start_before_the_first_row():
    some = rows(100, [[1, 2], [3, 4]])

    asked = held(some, np.array([99, 100, 199, 200, 500]) * MS, np.zeros(2))

    np.testing.assert_array_equal(asked, [[0, 0], [1, 2], [1, 2], [3, 4], [3, 4]])


def test_interpolation_is_held_at_both_ends():
    some = rows(100, [[0, 0], [10, 20]])

    asked = interpolate(MAP, some.due_ns, some.actions, np.array([0, 100, 150, 200, 300]) * MS)

    np.testing.assert_allclose(asked, [[0, 0], [0, 0], [5, 10], [10, 20], [10, 20]])
