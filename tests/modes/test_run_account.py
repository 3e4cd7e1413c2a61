"""A run's account while it goes on, and its page of figures, from numbers known exactly."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robotd.core.arm_codes import ArmPhase, Limit, Verdict
from robotd.core.clock import MS, MonoNs, S
from robotd.core.journal import ChunkNote, ChunkUse, EventNote, RequestNote
from robotd.core.types import ActionChunk
from robotd.episodes.episode_file import EpisodeFile, Origin
from robotd.episodes.streams import Streams, Teleops, Ticks, Worlds
from robotd.modes.run.policy_episode import Phase
from robotd.modes.run.policy_notes import ACT, OVER, TAKEN_OVER
from robotd.modes.run.record import RunRecord
from robotd.modes.run.recorded_run import recorded_run
from robotd.modes.run.report import draw, figures, sentence, unrecorded
from robotd.pipeline.chunk_source import Failures
from robotd.pipeline.executor import ChunkRecord

T0_NS = 50 * S


def about(**changes):
    values = {
        "origin": Origin(
            id="20261120-120000-0001",
            kind="run",
            cell="mock-ur5",
            t_begin_ns=T0_NS - 100 * MS,
            wall_offset_ns=0,
            about={"policy": "scripted", "seed": "3", "realtime": "false"},
        ),
        "outcome": "time",
        "t_first_ns": T0_NS - 100 * MS,
        "t_last_ns": T0_NS + 2 * S,
        "counts": {},
        "log_bytes": 0,
        "log_sha256": "0" * 64,
    }
    return EpisodeFile(**{**values, **changes})


EMPTY = Streams(
    ticks=Ticks.of([]),
    signals={},
    world=Worlds.of([]),
    teleop=Teleops.of([]),
    cameras={},
    plans=(),
    chunks=(),
    uses=(),
    requests=(),
    events=(),
    gaps=(),
)


def chunk_note(number, t_obs_ns, actions):
    return ChunkNote(
        t_ns=t_obs_ns + 40 * MS,
        request_id=number,
        seed=0,
        t_obs_ns=t_obs_ns,
        dt_s=0.1,
        i0=0,
        meaning="command",
        dim=actions.shape[1],
        actions=actions.tobytes(),
    )


def use_note(number, *, sent_ns, epoch):
    return ChunkUse(
        t_ns=T0_NS,
        request_id=number,
        rows_n=15,
        first_row=0 if sent_ns else 15,
        first_sent_ns=sent_ns,
        plan_epoch=epoch,
        dropped="",
    )


def request_note(number, *, outcome="answered", round_trip_s=-1.0):
    return RequestNote(
        t_ns=T0_NS,
        request_id=number,
        t_obs_ns=T0_NS,
        outcome=outcome,
        round_trip_s=round_trip_s,
        infer_s=0.02,
    )


@pytest.fixture
def full(make_tick, make_world):
    """100 cycles: tracking 3 mm off, lateness 0 to 99 us, one brake, two refusals, 4 chunks.

    Around them: the wait for the recorder, and the brake after the end.
    """
    T = np.array(make_tick(0).T_base_cmd)
    T_cmd = T.copy()
    T_cmd[0, 3] += 0.003
    ticks = [make_tick(T0_NS - 8 * MS, late_ns=10**9)]
    for n in range(100):
        refused = n in (60, 61)
        ticks.append(
            make_tick(
                T0_NS + n * 8 * MS,
                T_base_tcp=T,
                T_base_cmd=T_cmd,
                late_ns=n * 1000,
                skipped_n=2 if n == 10 else 0,
                phase=ArmPhase.BRAKING if n in (60, 61, 99) else ArmPhase.FOLLOWING,
                plan_epoch=n // 10,
                verdict=Verdict(accepted=not refused, limit=Limit.TOOL_SPEED)
                if refused
                else Verdict(accepted=True),
            )
        )
    world = [make_world(T0_NS - MS, coverage=0.9, best_score=0.9)]
    for n in range(10):
        coverage = 0.05 * n if n < 8 else 0.2
        score = min(0.35, 0.05 * n) / 0.95
        world.append(make_world(T0_NS + n * 80 * MS, coverage=coverage, best_score=score))
    world.append(make_world(T0_NS + 99 * 8 * MS, coverage=0.99, best_score=0.99))
    # The arm's first cycle under plan 1 is 80 ms after the start, under plan 5 400 ms after it.
    chunks = [chunk_note(n, T0_NS + n * 100 * MS, np.full((15, 2), 100.0 + n)) for n in range(4)]
    uses = [
        use_note(0, sent_ns=T0_NS + 50 * MS, epoch=1),
        use_note(1, sent_ns=T0_NS + 420 * MS, epoch=5),
        use_note(2, sent_ns=T0_NS + 500 * MS, epoch=77),  # never reached the arm
        use_note(3, sent_ns=0, epoch=-1),
    ]
    requests = [request_note(n, round_trip_s=(30.0 + n) / 1e3) for n in range(4)]
    return replace(
        EMPTY,
        ticks=Ticks.of(ticks),
        world=Worlds.of(world),
        chunks=tuple(chunks),
        uses=tuple(uses),
        requests=(*requests, request_note(9, outcome="timeout")),
        events=(
            EventNote(t_ns=T0_NS, name=ACT),
            EventNote(t_ns=T0_NS + 98 * 8 * MS, name=OVER, text="time"),
        ),
    )


def test_figures_are_the_numbers_that_were_recorded(cell, full):
    numbers = figures(recorded_run(about(), cell, full))

    assert (numbers.ticks_n, numbers.skipped_periods_n, numbers.rate_hz) == (100, 2, 125.0)
    assert numbers.late_p50_ms == pytest.approx(0.0495)
    assert numbers.late_p99_ms == pytest.approx(0.09801)
    assert numbers.late_p999_ms == pytest.approx(0.098901)
    assert (numbers.refused_n, numbers.refused_by_limit) == (2, {"tool_speed": 2})
    assert numbers.brakes_n == 1  # the one after the end is no brake while running
    assert numbers.tracking_p50_mm == pytest.approx(3.0, abs=1e-9)
    assert numbers.tracking_p99_mm == pytest.approx(3.0, abs=1e-9)
    assert numbers.score == pytest.approx(0.35 / 0.95)
    assert numbers.max_coverage == pytest.approx(0.35)
    assert numbers.chunks_n == 4
    assert numbers.round_trip_p50_ms == pytest.approx(31.5)
    assert numbers.infer_p50_ms == pytest.approx(20.0)
    assert numbers.action_age_p50_ms == pytest.approx((80.0 + 320.0) / 2)
    assert numbers.duration_s == pytest.approx(98 * 0.008)
    assert (numbers.outcome, numbers.message, numbers.success) == ("time", "", False)
    assert (numbers.policy, numbers.seed, numbers.realtime) == ("scripted", 3, False)


def test_a_recording_that_was_cut_off_counts_to_its_last_message(cell, full):
    cut = replace(full, events=full.events[:1])

    numbers = figures(recorded_run(about(t_last_ns=T0_NS + 500 * MS), cell, cut))

    assert numbers.duration_s == 0.5
    assert numbers.score == pytest.approx(0.30 / 0.95)


def test_what_a_person_helped_with_is_no_success_of_the_policy(cell, full):
    alone = figures(recorded_run(about(outcome="success"), cell, full))
    event = EventNote(t_ns=T0_NS + 10 * MS, name=TAKEN_OVER)
    helped = replace(full, events=(*full.events, event, event))
    numbers = figures(recorded_run(about(outcome="success"), cell, helped))

    assert (alone.success, alone.takeovers_n) == (True, 0)
    assert (numbers.success, numbers.takeovers_n) == (False, 2)
    assert "a person took over 2 times" in sentence(numbers, Path("runs"))
    assert "took over" not in sentence(alone, Path("runs"))


def test_a_run_without_a_single_cycle_has_a_page_too(cell, tmp_path):
    run = recorded_run(about(outcome="fault", reason="arm: no"), cell, EMPTY)

    numbers = draw(run, tmp_path / "figures.png")

    assert (tmp_path / "figures.png").stat().st_size > 10_000
    assert (numbers.ticks_n, numbers.chunks_n, numbers.score) == (0, 0, -1.0)
    assert numbers.message == "arm: no"


def test_a_run_that_was_not_recorded_has_its_end_alone():
    numbers = unrecorded("stopped", "stop by me", policy="scripted", seed=3)

    assert (numbers.outcome, numbers.message, numbers.ticks_n) == ("stopped", "stop by me", 0)


def test_the_page_is_drawn_of_a_full_run(cell, full, tmp_path):
    draw(recorded_run(about(), cell, full), tmp_path / "figures.png")

    assert (tmp_path / "figures.png").stat().st_size > 20_000


def test_actions_that_are_no_places_on_the_board_are_not_drawn(cell, full, tmp_path):
    poses = replace(full, chunks=(chunk_note(1, T0_NS, np.zeros((15, 9))),))

    draw(recorded_run(about(), cell, poses), tmp_path / "figures.png")

    assert (tmp_path / "figures.png").stat().st_size > 20_000


# The record of a run in progress


class FakeExecutor:
    def __init__(self):
        self.records = []


class FakeDriver:
    def __init__(self):
        self.executor, self.chunks = FakeExecutor(), []


class FakeEpisode:
    """What a record looks at."""

    def __init__(self):
        self.phase, self.t_act_ns, self.drivers = Phase.LIFT, None, [FakeDriver()]

    def act(self, t_ns):
        self.phase, self.t_act_ns = Phase.ACT, MonoNs(t_ns)

    def chunk(self, number, t_obs_ns, sent_ns, epoch):
        driver = self.drivers[-1]
        driver.chunks.append(
            ActionChunk(
                t_obs_ns=MonoNs(t_obs_ns),
                dt_s=0.1,
                i0=0,
                meaning="command",
                actions=np.zeros((15, 2)),
                request_id=number,
            )
        )
        driver.executor.records.append(
            ChunkRecord(
                request_id=number,
                t_obs_ns=MonoNs(t_obs_ns),
                added_ns=MonoNs(t_obs_ns + 1),
                rows_n=15,
                first_row=1,
                first_sent_ns=None if sent_ns is None else MonoNs(sent_ns),
                plan_epoch=epoch,
            )
        )


@pytest.fixture
def episode():
    return FakeEpisode()


@pytest.fixture
def record(episode):
    return RunRecord(episode=episode, now=MonoNs(T0_NS))


def test_the_approach_is_no_part_of_the_account(record, episode, make_tick, make_world, source):
    record.add([make_tick(T0_NS)], [make_world(T0_NS)], source.failures)
    assert record.status(MonoNs(T0_NS + S), "").ticks_n == 0
    assert record.status(MonoNs(T0_NS + S), "").elapsed_s == 0.0

    episode.act(T0_NS + S)
    record.add(
        [make_tick(T0_NS + S)],
        [make_world(T0_NS + S, best_score=0.4)],
        source.failures,
    )
    status = record.status(MonoNs(T0_NS + 3 * S), "")
    assert (status.ticks_n, status.score, status.phase) == (1, 0.4, "act")
    assert status.elapsed_s == 2.0


def test_the_brake_belongs_to_the_account_but_its_score_does_not(
    record, episode, make_tick, make_world, source
):
    episode.act(T0_NS)
    record.add(
        [make_tick(T0_NS)],
        [make_world(T0_NS, best_score=0.4)],
        source.failures,
    )
    record.end("time", "", MonoNs(T0_NS + S))
    record.add(
        [make_tick(T0_NS + S)],
        [make_world(T0_NS + S, best_score=0.9)],
        source.failures,
    )

    status = record.status(MonoNs(T0_NS + 9 * S), "")
    assert (status.ticks_n, status.score, status.elapsed_s) == (2, 0.4, 1.0)
    assert (status.phase, status.outcome) == ("done", "time")


def test_the_first_end_counts(record):
    record.end("fault", "arm: it", MonoNs(T0_NS + S))
    record.end("stopped", "later", MonoNs(T0_NS + 2 * S))

    assert (record.outcome, record.problem) == ("fault", "arm: it")


def test_action_age_counts_from_the_arms_first_cycle_under_the_plan(
    record, episode, make_tick, source
):
    episode.act(T0_NS)
    episode.chunk(1, T0_NS, T0_NS + 60 * MS, epoch=4)  # the arm saw it later
    episode.chunk(2, T0_NS + 400 * MS, T0_NS + 500 * MS, epoch=5)  # the row began later
    episode.chunk(3, T0_NS + 800 * MS, None, epoch=None)  # never executed
    episode.chunk(4, T0_NS + 900 * MS, T0_NS + 950 * MS, epoch=9)  # never reached the arm
    ticks = [
        make_tick(T0_NS + 70 * MS, plan_epoch=4),
        make_tick(T0_NS + 78 * MS, plan_epoch=4),
        make_tick(T0_NS + 440 * MS, plan_epoch=5),
    ]
    record.add(ticks, [], source.failures)

    status = record.status(MonoNs(T0_NS + S), "")
    assert status.chunks_n == 4
    assert status.action_age_p50_ms == pytest.approx(85.0)  # of 70 and 100 ms


def test_failures_refusals_and_where_it_is_recorded_are_told(record, episode, make_tick, source):
    episode.act(T0_NS)
    source.failures = Failures(total_n=2)
    refused = Verdict(accepted=False, limit=Limit.WORKSPACE)
    record.add([make_tick(T0_NS), make_tick(T0_NS + MS, verdict=refused)], [], source.failures)

    status = record.status(MonoNs(T0_NS + S), "20261120-120000-0001")
    assert (status.failures_n, status.refused_n, status.score) == (2, 1, -1.0)
    assert status.episode == "20261120-120000-0001"
