"""A replay in the daemon, on fakes and a fake clock."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from robotd.core.arm_codes import Source
from robotd.core.clock import S
from robotd.core.errors import DatasetError, EnvelopeError, SupervisorError
from robotd.modes.replay.messages import ReplayRequest
from robotd.modes.replay.replaying import WAIT_NS, Replaying
from robotd.modes.replay.track import Track
from tests.modes.activity_stage import ActivityStage

BOARD_STATE = (100.0, 120.0, 300.0, 310.0, 0.7)


@pytest.fixture
def stage(cell, run_dir, make_tick, make_world):
    return ActivityStage(cell, run_dir, make_tick, make_world)


@pytest.fixture
def track(stage):
    """Two seconds along the table, from somewhere else than home."""
    t_ns = np.arange(201, dtype=np.int64) * (S // 100)
    T = np.tile(stage.T, (201, 1, 1))
    T[:, :2, 3] += 0.04
    T[:, 2, 3] = stage.cell.task.tip_height_m
    T[:, 0, 3] += 0.05 * t_ns / S
    return Track(t_ns=t_ns, T_base_cmd=T)


@pytest.fixture
def start(stage, track, tmp_path):
    def begin(**changes):
        track.save(tmp_path / "track.npz")
        values = {
            "episode": "20260101-000000-abcd",
            "track": str(tmp_path / "track.npz"),
            "seed": 9,
            "board_state": BOARD_STATE,
        }
        request = ReplayRequest(**{**values, **changes})
        stage.activity = Replaying(stage.place, request, stage.now)
        return stage.activity

    return begin


def test_it_goes_to_the_start_and_does_the_same_commands(stage, start, track):
    replay = start()
    path = []

    stage.until(lambda: replay.phase == "act")
    began = stage.now
    assert np.linalg.norm(stage.T[:3, 3] - track.T_base_cmd[0, :3, 3]) < 1e-6
    while not replay.outcome:
        stage.cycle()
        path.append((stage.now, stage.T[:3, 3].copy()))
    replay.end(replay.outcome, "", stage.now)
    replay.close(stage.now)

    first = next(plan for plan in stage.plans if plan.source is Source.REPLAY)
    zero = int(first.t_ns[0])
    assert zero - began < 0.1 * S
    for t_ns, place in path:
        if zero <= t_ns <= zero + track.duration_ns:
            row = np.searchsorted(track.t_ns, t_ns - zero)
            assert np.linalg.norm(place - track.T_base_cmd[row, :3, 3]) < 0.001
    assert np.linalg.norm(path[-1][1] - track.T_base_cmd[-1, :3, 3]) < 1e-9
    assert [end.outcome for end in stage.scribe.ends] == ["done"]
    assert {plan.source for plan in stage.plans} == {Source.APPROACH, Source.REPLAY}


def test_the_world_is_placed_at_the_recorded_state_while_the_tool_is_lifted(stage, start):
    replay = start()
    stage.until(lambda: stage.world_orders.orders)

    seed, state = stage.world_orders.orders[0]
    assert (seed, *state) == (9, *BOARD_STATE)
    assert stage.T[2, 3] >= stage.cell.task.travel_height_m - 1e-4
    assert replay.phase == "go"


def test_it_is_recorded_from_before_its_first_command(stage, start):
    replay = start()
    stage.until(lambda: replay.phase == "settle")
    assert not any(plan.source is Source.REPLAY for plan in stage.plans)
    name, kind, about, _ = stage.scribe.begins[0]

    assert kind == "replay"
    assert about["replay_of"] == "20260101-000000-abcd"
    assert replay.status(stage.now).episode == name


def test_without_a_recorder_that_begins_nothing_is_replayed(stage, start):
    stage.scribe.obeys = False
    replay = start()

    stage.until(lambda: replay.problem)

    assert replay.problem == f"recorder: did not begin within {WAIT_NS // S} s"
    assert not any(plan.source is Source.REPLAY for plan in stage.plans)


def test_the_recorder_must_hold_its_data_set_first(stage, start):
    stage.scribe.ready = False

    with pytest.raises(SupervisorError, match="cannot start: the recorder is not at work"):
        start()


def test_a_world_that_does_not_come_is_a_problem(stage, start):
    stage.world_answers = False
    replay = start()

    stage.until(lambda: replay.problem)

    assert "world: did not go to its start" in replay.problem


def test_a_pause_ends_a_replay_that_has_begun_and_keeps_what_there_is(stage, start):
    replay = start()
    stage.until(lambda: replay.phase == "act")
    stage.cycle(20)

    stage.pause("world: killed by SIGKILL")
    stage.cycle(5, running=False)
    with pytest.raises(SupervisorError, match="was interrupted"):
        replay.resume(stage.now)
    replay.end("stopped", "by me", stage.now)
    replay.close(stage.now)

    (end,) = stage.scribe.ends
    assert (end.outcome, end.reason, end.keep) == ("stopped", "world: killed by SIGKILL", True)


def test_a_pause_on_the_way_can_be_resumed(stage, start):
    replay = start()
    stage.cycle(30)
    stage.pause()
    stage.cycle(10, running=False)

    replay.resume(stage.now)
    stage.until(lambda: replay.outcome)

    assert replay.outcome == "done"


def test_a_path_that_begins_elsewhere_than_the_tool_is_no_path(stage, start):
    """The arm was held up and its process refuses the next window."""
    replay = start()
    stage.until(lambda: replay.phase == "act")
    stage.cycle(10)
    stage.T[0, 3] -= 0.1
    stage._track.restart()
    stage.obeys = False

    stage.until(lambda: replay.problem, limit_s=5.0)

    assert "not where the tool is" in replay.problem


def test_the_score_and_the_refusals_are_told(stage, start):
    replay = start()
    stage.until(lambda: replay.phase == "act")
    stage.world = {"best_score": 0.81}
    stage.cycle(10)

    status = replay.status(stage.now)

    assert (status.score, status.refused_n) == (0.81, 0)
    assert status.elapsed_s == pytest.approx(0.1, abs=0.02)


def test_a_real_cell_has_no_world_to_place(real_cell, run_dir, make_tick, make_world, tmp_path):
    stage = ActivityStage(real_cell, run_dir, make_tick, make_world)
    T = np.tile(stage.T, (101, 1, 1))
    Track(t_ns=np.arange(101) * (S // 100), T_base_cmd=T).save(tmp_path / "track.npz")
    request = ReplayRequest(
        episode="20260101-000000-abcd", track=str(tmp_path / "track.npz"), board_state=BOARD_STATE
    )
    stage.activity = Replaying(stage.place, request, stage.now)

    stage.until(lambda: stage.activity.outcome)

    assert stage.activity.outcome == "done"


def test_keys_mean_nothing_to_it(stage, start):
    with pytest.raises(SupervisorError, match="drop: a replay has no use for it"):
        start().obey("drop", stage.now)


def test_another_envelope_refuses_before_anything_moves(stage, start):
    box = msgspec.structs.replace(stage.cell.envelope.tool_box, max_m=(0.31, 0.21, 0.35))
    envelope = msgspec.structs.replace(stage.cell.envelope, tool_box=box)
    cell = msgspec.structs.replace(stage.cell, envelope=envelope)
    stage.place = replace(stage.place, cell=cell)

    with pytest.raises(EnvelopeError, match="outside"):
        start()


def test_a_track_that_is_none_refuses(start, tmp_path):
    with pytest.raises(DatasetError, match="not a track"):
        start(track=str(tmp_path / "other.npz"))
