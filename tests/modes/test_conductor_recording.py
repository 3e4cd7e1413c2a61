"""The daemon and its recorder: what is begun, braked for and ended, on a fake clock."""

import time

import pytest

from robotd.core.arm_codes import Source
from robotd.core.arm_records import unpack_orders
from robotd.core.clock import MS, S
from robotd.core.errors import SupervisorError
from robotd.core.journal import (
    BeginEpisode,
    ChunkNote,
    ChunkUse,
    EndEpisode,
    EventNote,
    OpenDataset,
    PlanNote,
    RequestNote,
)
from robotd.modes.daemon.conductor import CYCLE_NS
from robotd.modes.daemon.messages import RunRequest
from robotd.modes.daemon.scribe import HUNG_NS
from robotd.pipeline.fake_policy_server import FakePolicyServer


@pytest.fixture
def armed(stage, spec):
    """Armed, with a policy and a data set."""
    with FakePolicyServer(spec) as server:
        stage.prepare(server.endpoint, dataset="/data/d")
        stage.call("arm")
        stage.cycle(5)
        yield stage


def start(stage, **changes):
    return stage.call("start", run=RunRequest(**{"seed": 5, "max_episode_s": 60.0, **changes}))


def events(stage, name):
    return [note.text for note in stage.recorder.of(EventNote) if note.name == name]


def test_the_data_set_is_told_beside_the_policy(stage):
    status = stage.call("prepare", dataset="/data/d")
    stage.cycle(2)

    status = stage.call("status")
    assert (status.dataset, status.dataset_failure, status.policy) == ("/data/d", "", "")
    assert status.recorder.pid == stage.recorder.pid


def test_why_it_is_not_held_is_told(stage):
    stage.recorder.refusals[OpenDataset] = "/data/d: held by process 7"
    stage.call("prepare", dataset="/data/d")
    stage.cycle(2)

    status = stage.call("status")
    assert (status.dataset, status.dataset_failure) == ("", "/data/d: held by process 7")


def test_a_start_is_refused_while_the_data_set_is_not_held(stage, spec):
    stage.recorder.refusals[OpenDataset] = "/data/d: held by process 7"
    with FakePolicyServer(spec) as server:
        stage.prepare(server.endpoint, dataset="/data/d")
        stage.call("arm")
        stage.cycle(5)

        with pytest.raises(SupervisorError, match="cannot start: /data/d: held by process 7"):
            start(stage)
    assert stage.state() == "ARMED"


def test_a_start_carries_exactly_one_request(armed):
    with pytest.raises(SupervisorError, match="got 0 requests, expected exactly one"):
        armed.call("start")


def test_the_episode_begins_before_the_policy_acts(armed):
    armed.recorder.deaf = True
    start(armed)
    armed.until("ready")
    armed.cycle(20)
    assert armed.call("status").run.phase == "ready"
    assert armed.recorder.of(ChunkNote) == []
    armed.recorder.deaf = False
    for order in armed.recorder.of(BeginEpisode):
        armed.recorder._obey(order)
    status = armed.until("act")

    [begin] = armed.recorder.of(BeginEpisode)
    assert (begin.kind, begin.about["policy"], begin.about["seed"]) == ("run", "scripted", "5")
    assert status.run.episode == status.recording == begin.episode
    assert events(armed, "act") == [""]


def test_a_refused_begin_pauses_before_the_policy_acts(armed):
    armed.recorder.refusals[BeginEpisode] = "/data/d: 3 MB are free"
    start(armed)
    armed.beat_for(6.0)

    status = armed.call("status")
    assert (status.state, status.reason) == ("PAUSED", "/data/d: 3 MB are free")
    assert status.run.phase == "ready"


def test_what_the_policy_does_stands_in_the_journal(armed):
    start(armed)
    armed.until("act")
    for _ in range(30):
        armed.beat_for(0.1)
        time.sleep(0.002)
    armed.call("stop")
    armed.cycle(10)

    chunks, uses = armed.recorder.of(ChunkNote), armed.recorder.of(ChunkUse)
    requests = armed.recorder.of(RequestNote)
    assert len(chunks) > 3
    assert [use.request_id for use in uses] == [chunk.request_id for chunk in chunks]
    answered = {note.request_id for note in requests if note.outcome == "answered"}
    assert {chunk.request_id for chunk in chunks} <= answered
    plans = [unpack_orders(note.orders).plan for note in armed.recorder.of(PlanNote)]
    assert {plan.source for plan in plans} == {Source.APPROACH, Source.POLICY}
    epochs = {plan.epoch for plan in plans}
    assert {use.plan_epoch for use in uses if use.plan_epoch >= 0} <= epochs
    assert "ARMED -> RUNNING by start" in events(armed, "state")
    assert events(armed, "over") == ["stopped"]
    assert uses[-1].dropped.endswith("the run was over: stopped")


def test_the_recording_ends_when_the_arm_rests_and_no_earlier(armed):
    start(armed)
    armed.until("act")
    armed.beat_for(0.3)
    armed.call("stop")
    assert armed.recorder.of(EndEpisode) == []
    armed.cycle(10)

    [end] = armed.recorder.of(EndEpisode)
    assert armed.call("status").recording == ""
    assert (end.outcome, end.label, end.keep) == ("stopped", "", True)
    assert end.score == pytest.approx(0.1)


def test_a_killed_recorder_brakes_the_arm_at_once_and_says_why(armed):
    start(armed)
    armed.until("act")
    armed.beat_for(0.3)
    assert armed.orders.plan is not None
    armed.children["recorder"].alive = False
    armed.cycle()

    assert armed.orders.plan is None
    status = armed.call("status")
    assert (status.state, status.reason) == ("PAUSED", "recorder: killed by SIGKILL")
    assert status.recording == ""


def test_a_new_recorder_that_is_slow_to_start_is_not_taken_for_one_that_hangs(armed):
    armed.children["recorder"].alive = False
    armed.recorder.silent = True
    armed.beat_for(HUNG_NS / S + 3.0)

    assert armed.recorder.pid == 501
    assert armed.children["recorder"].alive
    armed.recorder.silent = False
    armed.cycle(3)
    assert armed.call("status").dataset == "/data/d"


def test_a_killed_recorder_comes_again_with_the_data_set_and_the_run_cannot_go_on(armed):
    start(armed)
    armed.until("act")
    armed.children["recorder"].alive = False
    armed.beat_for(1.0)

    status = armed.call("status")
    assert (status.dataset, status.recorder.pid) == ("/data/d", 501)
    armed.call("resume")
    armed.cycle(3)
    status = armed.call("status")
    assert status.state == "PAUSED"
    assert status.reason.endswith("is recorded no more: stop, and start another")
    armed.call("stop")
    armed.cycle(5)
    assert armed.call("status").run.outcome == "stopped"
    assert armed.recorder.of(EndEpisode) == []


def test_a_silent_recorder_brakes_the_arm_within_its_limit(armed):
    start(armed)
    armed.until("act")
    armed.beat_for(0.3)
    armed.recorder.silent = True
    limit_n = round(armed.cell.arm.max_orders_age_s / 0.01)
    armed.cycle(limit_n - 1)
    assert armed.orders.plan is not None
    armed.cycle(3)

    assert armed.orders.plan is None
    assert "recorder: not heard for 500 ms" in armed.call("status").reason


def test_a_recorder_that_hangs_is_replaced(stage):
    hung = stage.children["recorder"]
    stage.recorder.silent = True
    stage.cycle(HUNG_NS // (10 * MS) + 5)
    assert not hung.alive
    stage.recorder.silent = False
    stage.cycle(60)

    assert stage.children["recorder"] is not hung
    assert stage.call("status").processes["recorder"].restarts_n == 1


def test_a_disk_that_fills_up_brakes_and_keeps_the_episode(armed):
    start(armed)
    armed.until("act")
    armed.beat_for(0.3)
    armed.recorder.problem = "/data/d: 90 MB are free, the episode ends below 500 MB"
    armed.cycle(2)

    assert armed.orders.plan is None
    status = armed.call("status")
    assert (status.state, status.reason) == ("PAUSED", armed.recorder.of(EndEpisode)[0].reason)
    assert "90 MB are free" in status.reason


def test_a_run_without_a_data_set_is_recorded_nowhere(stage, spec):
    with FakePolicyServer(spec) as server:
        stage.prepare(server.endpoint)
        stage.call("arm")
        stage.cycle(5)
        start(stage)
        status = stage.until("act")

    assert status.run.episode == ""
    assert stage.recorder.of(BeginEpisode) == []


def test_preparing_without_a_data_set_forgets_the_one_before(armed, spec):
    armed.call("disarm")
    with FakePolicyServer(spec) as server:
        armed.prepare(server.endpoint)

        assert armed.call("status").dataset == ""


def test_a_command_without_anything_in_progress_is_refused(stage):
    with pytest.raises(SupervisorError, match="cannot say: nothing is in progress"):
        stage.call("say", command="toggle")


def test_a_policy_takes_no_commands(armed):
    start(armed)

    with pytest.raises(SupervisorError, match="cannot toggle: a policy drives; stop it first"):
        armed.call("say", command="toggle")


def test_a_silent_camera_stops_the_arm_while_an_episode_is_recorded(armed):
    armed.recorder.deaf = True
    start(armed)
    armed.until("ready")
    armed.pictures = False
    armed.beat_for(1.0)
    assert armed.call("status").state == "RUNNING"  # nothing is recorded yet
    armed.pictures = True
    armed.recorder.deaf = False
    for order in armed.recorder.of(BeginEpisode):
        armed.recorder._obey(order)
    armed.until("act")

    armed.pictures = False
    periods_n = armed.cell.observe.missed_frames_stop + 0.4
    armed.cycle(int(periods_n * S / 30.0 / CYCLE_NS) - 1)
    assert armed.call("status").state == "RUNNING"
    armed.cycle(2)
    status = armed.call("status")

    assert (status.state, status.trouble.cause) == ("PAUSED", "camera silent")
    assert "no new picture" in status.reason
    assert armed.orders.plan is None
    armed.pictures = True
    armed.beat_for(1.0)
    assert armed.state() == "PAUSED"  # nothing goes on without a person
