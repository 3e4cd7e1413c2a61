"""One episode on a fake clock: lift, reset, travel, act, and every way to get stuck."""

import numpy as np
import pytest

from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MS, MonoNs, S
from robotd.core.pusht_spec import BLOCK_POSE
from robotd.core.types import Signal
from robotd.modes.daemon.messages import RunRequest
from robotd.modes.daemon.travel import ARRIVAL_LIMIT_NS
from robotd.modes.daemon.world_start import RESET_LIMIT_NS
from robotd.modes.run.policy_episode import Phase, PolicyEpisode
from robotd.pipeline.chunk_source import Failures
from robotd.pipeline.request import TOOL_STREAM
from robotd.servo.plan_track import pose_at

CYCLE_NS = 10 * MS


class FakeFeed:
    """What the conductor would know: an arm that is where its plan wants it, a board at rest."""

    def __init__(self, make_tick, make_world):
        self._make_tick, self._make_world = make_tick, make_world
        self.now = 10 * S
        self.plan = None
        self.stuck = False
        self.blind = False
        self.world = make_world(self.now, episode=0)
        self.tick = make_tick(self.now)

    def advance(self, plan):
        self.now += CYCLE_NS
        self.plan = plan or self.plan
        T = self.tick.state.T_base_tcp
        if self.plan is not None and self.now <= self.plan.valid_until_ns and not self.stuck:
            T = pose_at(self.plan, self.now)
        self.tick = self._make_tick(self.now, T_base_tcp=np.array(T))

    def set_world(self, **changes):
        self.world = self._make_world(self.now, **changes)

    def streams(self):
        t_ns = np.arange(self.now - S, self.now + 1, CYCLE_NS)
        x, y, z = self.tick.state.T_base_tcp[:3, 3]
        tool = np.tile([x, y, z, 0.0, 1.0, 0.0, 0.0], (len(t_ns), 1))
        late_ns = S if self.blind else 0
        return {
            TOOL_STREAM: Signal(t_ns=t_ns.copy(), value=tool),
            BLOCK_POSE: Signal(t_ns=t_ns - late_ns, value=np.tile([0.1, 0.1, 0.5], (len(t_ns), 1))),
        }


@pytest.fixture
def feed(make_tick, make_world):
    return FakeFeed(make_tick, make_world)


class Stage:
    """An episode and its cell; the world obeys its orders unless told not to."""

    def __init__(self, cell, spec, source, feed, max_episode_s=5.0):
        self.source, self.feed, self.orders_n = source, feed, 0
        self.obeys, self.answers = True, True
        self.plans, self.phases = [], []
        self.episode = PolicyEpisode(
            cell=cell,
            spec=spec,
            source=source,
            request=RunRequest(seed=3, max_episode_s=max_episode_s),
            reset_world=self._reset if cell.mock else None,
        )

    def _reset(self):
        self.orders_n += 1
        if self.obeys:
            self.feed.set_world(episode=self.orders_n)
        return self.orders_n

    def step(self):
        plan = self.episode.step(MonoNs(self.feed.now), self.feed.tick, self.feed)
        if plan is not None:
            self.plans.append(plan)
        if not self.phases or self.phases[-1] != self.episode.phase:
            self.phases.append(self.episode.phase)
        asked, drivers = self.source.asked, self.episode.drivers
        got_n = sum(len(driver.chunks) for driver in drivers)
        if self.answers and len(asked) > got_n and self.source.chunk is None:
            self.source.answer()
        self.feed.advance(plan)

    def until(self, done, limit_s=30.0):
        end = self.feed.now + limit_s * S
        while not done():
            assert self.feed.now < end
            self.step()
        return self

    def until_phase(self, phase):
        return self.until(lambda: self.episode.phase is phase)

    def until_problem(self):
        begun = self.feed.now
        self.until(lambda: bool(self.episode.problem))
        return (self.feed.now - begun) / S


@pytest.fixture
def stage(cell, spec, source, feed):
    return Stage(cell, spec, source, feed)


def test_an_episode_goes_through_its_phases_and_ends_by_time(stage):
    stage.until_phase(Phase.ACT)
    begun = stage.feed.now
    stage.until_phase(Phase.DONE)

    assert stage.phases == [
        Phase.LIFT,
        Phase.RESET,
        Phase.TRAVEL,
        Phase.ACT,
        Phase.DONE,
    ]
    assert stage.episode.outcome == "time"
    assert (stage.feed.now - begun) / S == pytest.approx(5.0, abs=0.05)
    assert stage.orders_n == 1
    assert stage.episode.problem == ""


def test_it_acts_from_where_the_world_says(stage, cell):
    stage.until_phase(Phase.ACT)

    xy_px = BoardFrame.of_task(cell.task).to_px(stage.feed.tick.state.T_base_tcp[:3, 3])
    np.testing.assert_allclose(xy_px[:2], [200.0, 300.0], atol=0.01)
    table_z_m = cell.task.T_base_table.position_m[2]
    height_m = stage.feed.tick.state.T_base_tcp[2, 3] - table_z_m
    assert height_m == pytest.approx(cell.task.tip_height_m, abs=1e-6)


def test_it_travels_at_its_height_and_only_there(stage, cell):
    stage.until_phase(Phase.TRAVEL)
    height_m = stage.feed.tick.state.T_base_tcp[2, 3]
    stage.until_phase(Phase.ACT)

    heights = {round(float(z), 6) for plan in stage.plans[1:2] for z in plan.T_base_tcp[:, 2, 3]}
    assert heights == {round(float(height_m), 6)}
    assert height_m >= cell.task.travel_height_m - 1e-9


def test_epochs_only_grow(stage):
    stage.until_phase(Phase.DONE)

    epochs = [plan.epoch for plan in stage.plans]
    assert epochs == sorted(set(epochs))


def test_it_ends_when_the_world_is_won(stage):
    stage.until_phase(Phase.ACT)
    stage.feed.set_world(success=True)
    stage.step()

    assert (stage.episode.outcome, stage.episode.phase) == ("success", Phase.DONE)
    assert stage.episode.step(MonoNs(stage.feed.now), stage.feed.tick, stage.feed) is None


def test_a_win_of_the_episode_before_counts_for_nothing(stage):
    stage.feed.set_world(success=True, episode=0)
    stage.until_phase(Phase.ACT)

    assert stage.episode.outcome == ""


def test_a_real_cell_has_no_world_to_reset(real_cell, spec, source, feed):
    feed.world = None
    stage = Stage(real_cell, spec, source, feed)
    stage.until_phase(Phase.ACT)

    assert stage.orders_n == 0
    xy_px = BoardFrame.of_task(real_cell.task).to_px(feed.tick.state.T_base_tcp[:3, 3])
    np.testing.assert_allclose(xy_px[:2], [256.0, 256.0], atol=0.01)


def test_a_world_that_does_not_obey_is_a_problem_in_time(stage):
    stage.obeys = False
    stage.until_phase(Phase.RESET)

    assert stage.until_problem() == pytest.approx(RESET_LIMIT_NS / S, abs=0.05)
    assert stage.episode.problem.startswith("world: did not go to its start within 2 s")


def test_a_tool_that_does_not_arrive_is_a_problem_in_time(stage):
    stage.until_phase(Phase.TRAVEL)
    stage.feed.stuck = True

    assert stage.until_problem() < ARRIVAL_LIMIT_NS / S + 3.0
    assert stage.episode.problem.startswith("travel: the tool is ")
    assert "limit 4 mm" in stage.episode.problem


def test_requests_that_fail_in_a_row_are_a_problem_with_the_last_reason(stage):
    stage.until_phase(Phase.ACT)
    stage.source.failures = Failures(consecutive_n=3, total_n=5, reason="no answer within 0.400 s")
    stage.step()

    assert stage.episode.problem == (
        "policy: 3 requests failed; the last: no answer within 0.400 s"
    )


def test_fewer_failures_than_the_limit_are_none(stage):
    stage.until_phase(Phase.ACT)
    stage.source.failures = Failures(consecutive_n=2, total_n=2, reason="slow")
    stage.step()

    assert stage.episode.problem == ""


def test_a_first_chunk_that_never_comes_is_a_problem_in_time(stage):
    stage.answers = False
    stage.until_phase(Phase.ACT)

    assert stage.until_problem() == pytest.approx(3.0, abs=0.1)
    assert stage.episode.problem.startswith("policy: the plan ran out")


def test_a_policy_that_falls_silent_is_a_problem_when_its_plan_ends(stage):
    stage.until_phase(Phase.ACT)
    stage.until(lambda: stage.episode.drivers[-1].chunks)
    stage.until(lambda: stage.source.chunk is None)
    stage.answers = False

    assert stage.until_problem() < 2.0
    assert stage.episode.problem == "policy: the plan ran out before the next chunk came"


def test_a_blind_episode_names_the_stream(stage):
    stage.until_phase(Phase.ACT)
    stage.until(lambda: stage.episode.drivers[-1].chunks)
    stage.feed.blind = True

    assert stage.until_problem() < 2.0
    assert stage.episode.problem.startswith("observation: block_pose: newest sample is 1000 ms old")


def test_nothing_is_planned_while_there_is_a_problem(stage):
    stage.until_phase(Phase.ACT)
    stage.source.failures = Failures(consecutive_n=3, reason="slow")
    stage.step()
    plans_n = len(stage.plans)
    for _ in range(50):
        stage.step()

    assert len(stage.plans) == plans_n


def test_a_policy_that_paused_begins_anew_where_the_tool_is(stage):
    stage.until_phase(Phase.ACT)
    stage.answers = False
    stage.until_problem()
    stage.answers = True
    stage.episode.resume(MonoNs(stage.feed.now))
    stage.until_phase(Phase.DONE)

    assert stage.episode.outcome == "time"
    assert stage.source.resets_n == 2
    assert len(stage.episode.drivers) == 2
    assert stage.orders_n == 1


@pytest.mark.parametrize("phase", [Phase.LIFT, Phase.RESET, Phase.TRAVEL])
def test_an_approach_that_paused_begins_with_the_lift(stage, phase):
    stage.obeys = phase is not Phase.RESET
    stage.until_phase(phase)
    if phase is Phase.RESET:
        stage.until_problem()
    stage.obeys = True
    stage.episode.resume(MonoNs(stage.feed.now))

    assert stage.episode.phase is Phase.LIFT
    assert stage.episode.problem == ""
    stage.until_phase(Phase.DONE)
    assert stage.episode.outcome == "time"
