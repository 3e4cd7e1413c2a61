"""A run's account: record, trace and figures, from numbers that are known exactly."""

import os
import resource
import signal
from pathlib import Path

import numpy as np
import pytest

from robotd.core.arm_codes import ArmPhase, Limit, Verdict
from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MS, MonoNs, S
from robotd.core.types import ActionChunk
from robotd.modes.episode import Phase
from robotd.modes.messages import RunRequest
from robotd.modes.report import draw, figures
from robotd.modes.run_record import RunRecord
from robotd.modes.trace import ChunkRow, RunMeta, RunTrace, load_trace
from robotd.pipeline.chunk_source import Failures, RequestStats
from robotd.pipeline.executor import ChunkRecord

T0_NS = 50 * S


def meta(**changes):
    values = {
        "cell": "mock-ur5",
        "policy": "scripted",
        "checkpoint_sha256": "abc",
        "seed": 3,
        "outcome": "time",
        "message": "",
        "t_start_ns": T0_NS,
        "t_end_ns": T0_NS + 2 * S,
        "rate_hz": 125.0,
        "realtime": False,
        "board_m": 0.30,
    }
    return RunMeta(**{**values, **changes})


@pytest.fixture
def trace(cell):
    return RunTrace(board=BoardFrame.of_task(cell.task))


@pytest.fixture
def full_trace(trace, make_tick, make_world):
    """100 cycles: tracking 3 mm off, lateness 0 to 99 us, one brake, two refusals, 4 chunks."""
    for n in range(100):
        T = np.array(make_tick(0).T_base_cmd)
        T_cmd = T.copy()
        T_cmd[0, 3] += 0.003
        refused = n in (60, 61)
        trace.tick(
            make_tick(
                T0_NS + n * 8 * MS,
                T_base_tcp=T,
                T_base_cmd=T_cmd,
                late_ns=n * 1000,
                skipped_n=2 if n == 10 else 0,
                phase=ArmPhase.BRAKING if n in (60, 61, 99) else ArmPhase.FOLLOWING,
                verdict=Verdict(accepted=not refused, limit=Limit.TOOL_SPEED)
                if refused
                else Verdict(accepted=True),
            )
        )
    for n in range(10):
        coverage = 0.05 * n if n < 8 else 0.2
        trace.world(
            make_world(
                T0_NS + n * 80 * MS, coverage=coverage, best_score=min(0.35, 0.05 * n) / 0.95
            )
        )
    for n in range(4):
        t_obs_ns = T0_NS + n * 400 * MS
        chunk = ActionChunk(
            t_obs_ns=MonoNs(t_obs_ns),
            dt_s=0.1,
            i0=0,
            meaning="command",
            actions=np.full((15, 2), 100.0 + n),
        )
        sent = n != 3
        trace.chunk(
            chunk,
            ChunkRow(
                t_obs_ns=t_obs_ns,
                t_arrived_ns=t_obs_ns + 40 * MS,
                t_sent_ns=t_obs_ns + (50 + 10 * n) * MS if sent else 0,
                first_row=0 if sent else -1,
                round_trip_ms=30.0 + n,
                infer_ms=20.0,
            ),
        )
    return trace


def test_figures_are_the_numbers_that_were_put_in(full_trace, tmp_path):
    full_trace.save(tmp_path / "trace.npz", meta(t_end_ns=T0_NS + 98 * 8 * MS))

    numbers = figures(load_trace(tmp_path / "trace.npz"))

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
    assert numbers.round_trip_p50_ms == 31.5
    assert numbers.infer_p50_ms == 20.0
    assert numbers.action_age_p50_ms == pytest.approx(60.0)
    assert numbers.action_age_p99_ms == pytest.approx(69.8)
    assert numbers.duration_s == pytest.approx(98 * 0.008)
    assert (numbers.outcome, numbers.message, numbers.success) == ("time", "", False)


def test_times_of_a_trace_are_exact_to_the_nanosecond(trace, make_tick, tmp_path):
    t_ns = 2**62 + 12345
    trace.tick(make_tick(t_ns))
    trace.save(tmp_path / "t.npz", meta())

    assert load_trace(tmp_path / "t.npz").arrays["tick_t_ns"].tolist() == [t_ns]


def test_a_run_without_a_single_cycle_has_a_page_too(trace, tmp_path):
    trace.save(tmp_path / "trace.npz", meta(outcome="fault", message="arm: no"))

    numbers = draw(load_trace(tmp_path / "trace.npz"), tmp_path / "figures.png")

    assert (tmp_path / "figures.png").stat().st_size > 10_000
    assert (numbers.ticks_n, numbers.chunks_n, numbers.score) == (0, 0, -1.0)
    assert numbers.message == "arm: no"


def test_the_page_is_drawn_of_a_full_run(full_trace, tmp_path):
    full_trace.save(tmp_path / "trace.npz", meta())

    draw(load_trace(tmp_path / "trace.npz"), tmp_path / "figures.png")

    assert (tmp_path / "figures.png").stat().st_size > 20_000


def test_actions_that_are_no_places_on_the_board_are_not_drawn(trace, make_tick, tmp_path):
    poses = np.zeros((15, 9))
    chunk = ActionChunk(t_obs_ns=MonoNs(1), dt_s=0.1, i0=0, meaning="reached", actions=poses)
    row = ChunkRow(
        t_obs_ns=1, t_arrived_ns=2, t_sent_ns=3, first_row=0, round_trip_ms=1.0, infer_ms=1.0
    )
    trace.tick(make_tick(T0_NS))
    trace.chunk(chunk, row)
    trace.save(tmp_path / "trace.npz", meta())

    draw(load_trace(tmp_path / "trace.npz"), tmp_path / "figures.png")

    assert (tmp_path / "figures.png").stat().st_size > 20_000


def test_a_full_disk_leaves_no_half_trace(full_trace, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            full_trace.save(tmp_path / "trace.npz", meta())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)

    assert os.listdir(tmp_path) == []


def test_an_older_trace_survives_a_full_disk(full_trace, tmp_path):
    full_trace.save(tmp_path / "trace.npz", meta(seed=1))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            full_trace.save(tmp_path / "trace.npz", meta(seed=2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)

    assert load_trace(tmp_path / "trace.npz").meta.seed == 1


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
def record(cell, episode, tmp_path):
    request = RunRequest(seed=3, max_episode_s=5.0, trace=str(tmp_path / "t.npz"))
    return RunRecord(cell=cell, request=request, episode=episode, now=MonoNs(T0_NS))


def test_the_approach_is_no_part_of_the_account(record, episode, make_tick, make_world, source):
    record.add([make_tick(T0_NS)], [make_world(T0_NS)], source)
    assert record.status(MonoNs(T0_NS + S)).ticks_n == 0
    assert record.status(MonoNs(T0_NS + S)).elapsed_s == 0.0

    episode.act(T0_NS + S)
    record.add([make_tick(T0_NS + S)], [make_world(T0_NS + S, best_score=0.4)], source)
    status = record.status(MonoNs(T0_NS + 3 * S))
    assert (status.ticks_n, status.score, status.phase) == (1, 0.4, "act")
    assert status.elapsed_s == 2.0


def test_the_brake_belongs_to_the_account_but_its_score_does_not(
    record, episode, make_tick, make_world, source
):
    episode.act(T0_NS)
    record.add([make_tick(T0_NS)], [make_world(T0_NS, best_score=0.4)], source)
    record.end("time", "", MonoNs(T0_NS + S))
    record.add([make_tick(T0_NS + S)], [make_world(T0_NS + S, best_score=0.9)], source)

    status = record.status(MonoNs(T0_NS + 9 * S))
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
    record.add(ticks, [], source)

    status = record.status(MonoNs(T0_NS + S))
    assert status.chunks_n == 4
    assert status.action_age_p50_ms == pytest.approx(85.0)  # of 70 and 100 ms


def test_a_record_saves_what_it_saw(record, episode, make_tick, make_world, source, spec):
    episode.act(T0_NS)
    episode.chunk(1, T0_NS, T0_NS + 60 * MS, epoch=4)
    source.failures = Failures(total_n=2)
    source.stats = [
        RequestStats(
            request_id=1,
            t_obs_ns=MonoNs(T0_NS),
            outcome="answered",
            round_trip_s=0.03,
            infer_s=0.02,
        )
    ]
    refused = Verdict(accepted=False, limit=Limit.WORKSPACE)
    record.add(
        [make_tick(T0_NS + 70 * MS, plan_epoch=4), make_tick(T0_NS + 78 * MS, verdict=refused)],
        [make_world(T0_NS)],
        source,
    )
    record.end("stopped", "camera: gone", MonoNs(T0_NS + S))
    assert record.close(spec, realtime=True) == ""

    loaded = load_trace(Path(record.request.trace))
    numbers = figures(loaded)
    assert (loaded.meta.outcome, loaded.meta.message) == ("stopped", "camera: gone")
    assert (loaded.meta.policy, loaded.meta.realtime, loaded.meta.seed) == (spec.name, True, 3)
    assert (numbers.refused_n, numbers.refused_by_limit) == (1, {"workspace": 1})
    assert (numbers.round_trip_p50_ms, numbers.infer_p50_ms) == (30.0, 20.0)
    assert numbers.action_age_p50_ms == pytest.approx(70.0)
    assert record.status(MonoNs(T0_NS + S)).failures_n == 2
    assert record.status(MonoNs(T0_NS + S)).refused_n == 1


def test_a_run_that_never_acted_saves_an_empty_account(record):
    record.end("fault", "arm: it", MonoNs(T0_NS + S))
    assert record.close(None, realtime=False) == ""

    numbers = figures(load_trace(Path(record.request.trace)))
    assert (numbers.ticks_n, numbers.duration_s, numbers.message) == (0, 1.0, "arm: it")


def test_a_trace_is_written_once_and_what_prevents_it_is_told(cell, episode, tmp_path):
    (tmp_path / "file").write_text("")
    for trace, told in ((tmp_path / "t.npz", ""), (tmp_path / "file" / "t.npz", "not written")):
        request = RunRequest(trace=str(trace))
        record = RunRecord(cell=cell, request=request, episode=episode, now=MonoNs(T0_NS))

        assert told in record.close(None, realtime=False)
        assert record.close(None, realtime=False) == ""
