"""Receding horizon and ensemble: when they ask, what they execute, how they end."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MS, MonoNs, seconds_to_ns
from robotd.core.config import ExecutorConfig
from robotd.core.errors import SpecMismatchError
from robotd.core.geometry import pose_from_rotvec, so3_log
from robotd.core.types import ActionChunk
from robotd.pipeline.action_map import BoardXy, TcpPose
from robotd.pipeline.ensemble import EnsembleExecutor, Weights
from robotd.pipeline.make_executor import lead_ns_for, make_executor
from robotd.pipeline.plan_path import PlanPath
from robotd.pipeline.receding import RecedingExecutor

CYCLE_MS = 20


def at(t_ms: float) -> MonoNs:
    return MonoNs(round(t_ms * MS))


def chunk(t_obs_ms, actions, request_id=0, dt_s=0.1, i0=0, meaning="command") -> ActionChunk:
    return ActionChunk(
        t_obs_ns=at(t_obs_ms),
        dt_s=dt_s,
        i0=i0,
        meaning=meaning,
        actions=np.array(actions, dtype=np.float64),
        request_id=request_id,
    )


@pytest.fixture
def action_map(make_cell):
    return BoardXy(BoardFrame.of_task(make_cell().task), 0.01)


@pytest.fixture
def rest(action_map):
    return action_map.poses(np.array([[256.0, 256.0]]))[0]


@pytest.fixture
def make(action_map):
    def make(kind="receding", *, lead_ms=0, n_action_steps=8, weights=None, max_jump_m=10.0):
        path = PlanPath(
            action_map=action_map,
            command_filter="pusht_pd",
            lead_ns=lead_ms * MS,
            max_jump_m=max_jump_m,
        )
        if kind == "receding":
            return RecedingExecutor(path=path, action_map=action_map, n_action_steps=n_action_steps)
        return EnsembleExecutor(
            path=path, action_map=action_map, dt_s=0.1, weights=weights or Weights()
        )

    return make


def test_a_chunk_is_wanted_at_the_start(make):
    assert make().wants(at(0))
    assert make("ensemble").wants(at(0))


def test_the_next_chunk_is_asked_for_before_the_rows_are_used_up(make, rest):
    executor = make(n_action_steps=5)
    executor.asked(at(0), at(0))
    executor.add(chunk(0, [[256, 256]] * 15), at(60))
    executor.plan(at(60), rest)

    # Five rows from row 0 on end at 500 ms; the last response took 60 ms, the margin is 20 ms.
    assert not executor.wants(at(419))
    assert executor.wants(at(420))


def test_asking_early_follows_the_slowest_of_the_last_responses(make, rest):
    executor = make(n_action_steps=5)
    for k, response_ms in enumerate([200] + [50] * 8):
        executor.asked(at(1000 * k), at(1000 * k))
        executor.add(chunk(1000 * k, [[256, 256]] * 15), at(1000 * k + response_ms))
        executor.plan(at(1000 * k + response_ms), rest)
        early_ms = 20 + (50 if k == 8 else 200)  # the slow one is forgotten after eight
        assert not executor.wants(
            at(1000 * k + 100 * (5 + executor.records[-1].first_row) - early_ms - 1)
        )
        assert executor.wants(at(1000 * k + 100 * (5 + executor.records[-1].first_row) - early_ms))


def test_the_action_latency_counts_in_asking_early(make, rest):
    executor = make(n_action_steps=5, lead_ms=100)
    executor.asked(at(0), at(0))
    executor.add(chunk(0, [[256, 256]] * 15), at(60))
    executor.plan(at(60), rest)

    assert executor.records[0].first_row == 1  # path time 160 ms
    assert not executor.wants(at(600 - 100 - 60 - 20 - 1))
    assert executor.wants(at(600 - 100 - 60 - 20))


def test_action_age_is_from_capture_to_the_first_row_sent(make, rest):
    executor = make()
    executor.add(chunk(0, [[256, 256]] * 15), at(83))

    executor.plan(at(90), rest)

    (record,) = executor.records
    assert record.action_age_s == pytest.approx(0.090)
    assert (record.first_row, record.rows_n) == (0, 15)


def test_executing_no_row_at_all_is_refused(make):
    with pytest.raises(ValueError, match="n_action_steps: got 0"):
        make(n_action_steps=0)


def test_while_a_chunk_waits_to_be_planned_no_other_is_wanted(make):
    executor = make()

    executor.add(chunk(0, [[256, 256]] * 15), at(50))

    assert not executor.wants(at(50))


@pytest.mark.parametrize("kind", ["receding", "ensemble"])
def test_the_same_and_older_observations_are_ignored(make, rest, kind):
    executor = make(kind)
    executor.add(chunk(100, [[300, 256]] * 15), at(150))
    assert executor.plan(at(150), rest) is not None

    for t_obs_ms in (100, 50):
        executor.add(chunk(t_obs_ms, [[0, 0]] * 15), at(160))

    assert executor.plan(at(160), rest) is None
    assert executor.ignored_n == 2


@pytest.mark.parametrize("kind", ["receding", "ensemble"])
def test_after_a_reset_answers_to_earlier_requests_are_ignored(make, rest, kind):
    executor = make(kind)
    executor.asked(at(100), at(60))
    executor.reset()

    executor.add(chunk(60, [[0, 0]] * 15), at(170))

    assert executor.plan(at(170), rest) is None
    assert executor.wants(at(170))


@pytest.mark.parametrize("kind", ["receding", "ensemble"])
@pytest.mark.parametrize("bad", [[[np.nan, 0.0]] * 15, [[1.0, 2.0, 3.0]] * 15, np.empty((0, 2))])
def test_an_unusable_chunk_is_left_out_with_the_reason(make, rest, kind, bad):
    executor = make(kind)

    executor.add(chunk(0, bad, request_id=7), at(10))

    assert executor.unusable.startswith("chunk 7: got a")
    assert executor.plan(at(10), rest) is None
    assert not executor.records


def test_a_rotation_that_is_none_makes_a_chunk_unusable(make_spec, make_cell):
    spec = make_spec(action_space="tcp_pose", action_dim=9, meaning="reached")
    executor = make_executor(spec, make_cell(command_filter="none"))

    executor.add(chunk(0, np.zeros((15, 9)), meaning="reached"), at(10))

    assert "rot6d" in executor.unusable


@pytest.mark.parametrize("kind", ["receding", "ensemble"])
def test_a_silent_server_lets_the_tail_run_out_and_the_plan_expire(make, rest, kind):
    executor = make(kind)
    executor.add(chunk(0, [[300, 256]] * 15), at(50))
    plan = executor.plan(at(50), rest)

    later = [executor.plan(at(t_ms), rest) for t_ms in range(70, 3000, CYCLE_MS)]

    assert plan.valid_until_ns == at(1500)
    assert later == [None] * len(later)
    assert executor.starved_n == 1
    assert executor.wants(at(3000))


@pytest.mark.parametrize("kind", ["receding", "ensemble"])
def test_a_chunk_of_which_all_rows_are_late_changes_nothing(make, rest, kind):
    executor = make(kind)

    executor.add(chunk(0, [[300, 256]] * 15), at(1500))

    assert executor.plan(at(1500), rest) is None
    assert executor.records[0].action_age_s is None
    assert executor.records[0].first_row == 15


def test_while_the_server_answers_in_time_the_path_never_ends(make, rest):
    executor = make(n_action_steps=8)
    waiting, plan, ends_ms = None, None, []
    for t_ms in range(0, 20000, CYCLE_MS):
        if waiting is not None and t_ms >= waiting[1]:
            executor.add(chunk(waiting[0], [[256, 256]] * 15), at(t_ms))
            waiting = None
        plan = executor.plan(at(t_ms), rest) or plan
        if waiting is None and executor.wants(at(t_ms)):
            executor.asked(at(t_ms), at(t_ms - 40))
            waiting = (t_ms - 40, t_ms + 70)
        if plan is not None:
            ends_ms.append(plan.valid_until_ns / MS - t_ms)

    assert executor.starved_n == 0
    assert min(ends_ms) > 500  # ms left: the tail beyond the rows executed
    executed = np.diff([r.t_obs_ns / MS for r in executor.records])
    assert np.all(executed <= 8 * 100 + 110)
    assert len(executor.records) == pytest.approx(20000 / 800, abs=3)


@given(
    chunks=st.lists(
        st.tuples(
            st.integers(0, 3000),  # when it comes [ms]
            st.integers(0, 2000),  # age of its observation [ms]
            st.integers(1, 15),
            st.integers(0, 2**31),
        ),
        max_size=8,
    ),
    lead_ms=st.integers(0, 150),
    kind=st.sampled_from(["receding", "ensemble"]),
)
def test_whatever_comes_when_the_plans_are_continuous_timely_and_finite(
    action_map_of_tests, chunks, lead_ms, kind
):
    path = PlanPath(
        action_map=action_map_of_tests,
        command_filter="pusht_pd",
        lead_ns=lead_ms * MS,
        max_jump_m=9.0,
    )
    executor = (
        RecedingExecutor(path=path, action_map=action_map_of_tests, n_action_steps=8)
        if kind == "receding"
        else EnsembleExecutor(
            path=path, action_map=action_map_of_tests, dt_s=0.1, weights=Weights()
        )
    )
    (T_rest,) = action_map_of_tests.poses(np.array([[256.0, 256.0]]))
    due = sorted(chunks)
    plan, epochs, place = None, [], None
    for t_ms in range(0, 5000, CYCLE_MS):
        while due and due[0][0] <= t_ms:
            _, age_ms, rows, seed = due.pop(0)
            actions = np.random.default_rng(seed).uniform(0, 512, (rows, 2))
            executor.add(chunk(t_ms - age_ms, actions), at(t_ms))
        running = plan is not None and at(t_ms) <= plan.t_ns[-1]
        new = executor.plan(at(t_ms), T_rest)
        if new is not None:
            epochs.append(new.epoch)
            if running:
                place = [np.interp(at(t_ms), plan.t_ns, plan.T_base_tcp[:, k, 3]) for k in range(3)]
                joined = [np.interp(at(t_ms), new.t_ns, new.T_base_tcp[:, k, 3]) for k in range(3)]
                np.testing.assert_allclose(joined, place, atol=1e-12)
            else:
                np.testing.assert_allclose(new.T_base_tcp[0], T_rest, atol=1e-12)
            assert new.valid_until_ns + lead_ms * MS <= at(t_ms) + 1600 * MS
            plan = new

    assert epochs == list(range(len(epochs)))
    sent = [r for r in executor.records if r.first_sent_ns is not None]
    assert len(sent) == len(epochs)
    for record in sent:
        due_ns = record.t_obs_ns + record.first_row * 100 * MS
        path_ns = record.first_sent_ns + lead_ms * MS
        assert due_ns <= path_ns < due_ns + 100 * MS
    newest = [r.t_obs_ns for r in executor.records]
    assert newest == sorted(set(newest))


@pytest.fixture(scope="module")
def action_map_of_tests():
    return BoardXy(BoardFrame(np.eye(4), 0.3), 0.01)


def test_exponential_weights_count_from_the_oldest():
    weights = Weights(kind="exponential", m=0.5).of(3)

    np.testing.assert_allclose(weights / weights[0], [1, np.exp(-0.5), np.exp(-1)])
    assert weights.sum() == pytest.approx(1)


def test_uniform_weights_are_all_alike():
    np.testing.assert_allclose(Weights(kind="uniform", m=0.5).of(4), [0.25] * 4)


def test_an_ensemble_averages_the_predictions_for_the_same_time(make):
    executor = make("ensemble", weights=Weights(m=0.7))
    executor.add(chunk(0, [[0, 0], [10, 0], [20, 0], [30, 0]]), at(0))
    executor.add(chunk(100, [[110, 8], [120, 8], [130, 8], [140, 8]]), at(100))

    average = executor.average()

    old, new = np.array([1, np.exp(-0.7)]) / (1 + np.exp(-0.7))
    expected = [
        [old * 10 + new * 110, new * 8],
        [old * 20 + new * 120, new * 8],
        [old * 30 + new * 130, new * 8],
        [140, 8],  # beyond the old chunk's last row: the new one alone
    ]
    np.testing.assert_allclose(average.actions, expected, atol=1e-9)
    np.testing.assert_array_equal(average.due_ns, np.arange(100, 500, 100) * MS)


def test_an_action_of_exact_zeros_takes_part_in_the_average(make):
    executor = make("ensemble", weights=Weights(kind="uniform"))
    executor.add(chunk(0, [[0, 0]] * 4), at(0))
    executor.add(chunk(100, [[10, 20]] * 4), at(100))

    np.testing.assert_allclose(executor.average().actions[0], [5, 10])


def test_predictions_between_two_rows_are_found_by_time(make):
    executor = make("ensemble", weights=Weights(kind="uniform"))
    executor.add(chunk(0, [[0, 0], [10, 0], [20, 0]]), at(0))
    executor.add(chunk(130, [[13, 0], [23, 0]]), at(130))

    np.testing.assert_allclose(executor.average().actions, [[13, 0], [23, 0]], atol=1e-9)


def test_an_ensemble_averages_rotations_as_rotations():
    tcp_pose = TcpPose()
    path = PlanPath(action_map=tcp_pose, command_filter="none", lead_ns=0, max_jump_m=1.0)
    executor = EnsembleExecutor(
        path=path, action_map=tcp_pose, dt_s=0.1, weights=Weights(kind="uniform")
    )
    turns = [-0.9, 1.5]
    for k, turn in enumerate(turns):
        action = tcp_pose.action(pose_from_rotvec([0.4, 0.0, 0.1 * k], [0.0, 0.0, turn]))
        executor.add(chunk(50 * k, [action] * 4), at(50 * k))

    average = tcp_pose.poses(executor.average().actions)

    np.testing.assert_allclose(so3_log(average[0, :3, :3]), [0, 0, np.mean(turns)], atol=1e-9)
    np.testing.assert_allclose(average[0, :3, 3], [0.4, 0.0, 0.05])


def test_opposed_rotations_have_no_average_and_the_newest_counts(rest):
    tcp_pose = TcpPose()
    path = PlanPath(action_map=tcp_pose, command_filter="none", lead_ns=0, max_jump_m=1.0)
    executor = EnsembleExecutor(
        path=path, action_map=tcp_pose, dt_s=0.1, weights=Weights(kind="uniform")
    )
    for k, turn in enumerate([0.0, np.pi]):
        action = tcp_pose.action(pose_from_rotvec([0.4, 0.0, 0.1], [0.0, 0.0, turn]))
        executor.add(chunk(50 * k, [action] * 4), at(50 * k))

    average = tcp_pose.poses(executor.average().actions)

    np.testing.assert_allclose(average[0, :3, :3], np.diag([-1.0, -1.0, 1.0]), atol=1e-9)
    assert executor.plan(at(50), rest) is not None


def test_an_ensemble_asks_every_row_and_says_when_the_server_cannot(make):
    executor = make("ensemble")
    executor.asked(at(0), at(-40))
    assert not executor.wants(at(99))
    assert executor.wants(at(100))

    executor.asked(at(100), at(60))
    executor.asked(at(260), at(220))

    assert executor.late_asks_n == 1


def test_full_poses_become_plans_without_a_filter(make_spec, make_cell):
    spec = make_spec(action_space="tcp_pose", action_dim=9, meaning="reached", dt_s=0.05)
    executor = make_executor(spec, make_cell(command_filter="none", latency_s=0.1))
    T_rest = pose_from_rotvec([0.4, 0.0, 0.2], [3.1, 0.0, 0.0])
    T_goal = pose_from_rotvec([0.42, 0.0, 0.2], [3.1, 0.0, 0.3])
    actions = [TcpPose().action(T_goal)] * 15

    executor.add(chunk(0, actions, dt_s=0.05, meaning="reached"), at(60))
    plan = executor.plan(at(60), T_rest)

    np.testing.assert_allclose(plan.T_base_tcp[0], T_rest, atol=1e-9)
    np.testing.assert_allclose(plan.T_base_tcp[-1], T_goal, atol=1e-9)
    assert plan.valid_until_ns == at(15 * 50 - 100)


@pytest.mark.parametrize(
    ("meaning", "command_filter", "lead_s"),
    [("command", "none", 0.0), ("command", "pusht_pd", 0.07), ("reached", "none", 0.07)],
)
def test_what_the_path_says_decides_whether_it_is_sent_early(
    make_spec, make_cell, meaning, command_filter, lead_s
):
    cell = make_cell(latency_s=0.07, command_filter=command_filter)

    assert lead_ns_for(make_spec(meaning=meaning), cell) == seconds_to_ns(lead_s)


def test_the_configuration_names_the_executor(make_spec, make_cell):
    ensemble = make_executor(
        make_spec(), make_cell(executor=ExecutorConfig(kind="ensemble", weights="uniform"))
    )

    assert isinstance(ensemble, EnsembleExecutor)
    assert isinstance(make_executor(make_spec(), make_cell()), RecedingExecutor)


def test_more_rows_to_execute_than_the_policy_answers_are_refused(make_spec, make_cell):
    cell = make_cell(executor=ExecutorConfig(n_action_steps=16))

    with pytest.raises(SpecMismatchError, match="n_action_steps: got 16"):
        make_executor(make_spec(), cell)
