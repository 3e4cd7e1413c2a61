"""Collecting as clients ask the daemon for it: who may, what they are told, what ends it."""

import numpy as np
import pytest

from robotd.core.clock import MonoNs
from robotd.core.errors import SupervisorError
from robotd.core.journal import BeginEpisode, EndEpisode
from robotd.core.ring import RingWriter
from robotd.core.run_files import TELEOP_RING
from robotd.core.sample_records import TELEOP_BYTES, pack_teleop
from robotd.core.types import TeleopSample
from robotd.modes.collect.messages import CollectRequest
from robotd.modes.daemon.conductor import CYCLE_NS
from robotd.modes.start_place import Place
from tests.modes.daemon_stage import Stage


class Operated(Stage):
    """A stage with a device that says nothing but that it is there."""

    def __init__(self, *parts):
        super().__init__(*parts)
        self.device = RingWriter.create(self.run_dir / TELEOP_RING, TELEOP_BYTES, 64)
        self.close.callback(self.device.close)
        self.number = 0

    def cycle(self, times=1):
        for _ in range(times):
            t_ns = MonoNs(self.clock.now() + CYCLE_NS)
            self.number += 1
            sample = TeleopSample(t_ns=t_ns, number=self.number, deflection=np.zeros(6))
            self.device.write(pack_teleop(sample))
            super().cycle()


@pytest.fixture
def stage(cell, run_dir, make_tick, make_world):
    stage = Operated(cell, run_dir, make_tick, make_world)
    with stage.close:
        stage.cycle(3)
        stage.call("prepare", dataset="/data/d")
        stage.call("arm")
        stage.cycle(5)
        yield stage


def start(stage, **changes):
    request = CollectRequest(**{"operator": "test", "places": (Place(seed=7),), **changes})
    return stage.call("start", collect=request)


def until(stage, session):
    for _ in range(400):
        if (status := stage.call("status", "me")).collect.session == session:
            return status
        stage.cycle(4)
    raise AssertionError(f"{status}")


@pytest.fixture
def recording(stage):
    start(stage)
    until(stage, "READY")
    stage.call("say", command="start")
    stage.cycle(2)
    return stage


def test_a_session_is_told_in_the_status(stage):
    status = start(stage)

    assert (status.state, status.collect.operator, status.run, status.replay) == (
        "RUNNING",
        "test",
        None,
        None,
    )
    assert "quit" in status.collect.possible
    assert until(stage, "READY").collect.prompt


def test_commands_begin_and_end_episodes_in_the_journal(recording):
    begin = recording.recorder.of(BeginEpisode)[-1]
    status = recording.call("say", command="success")
    recording.cycle(3)

    end = recording.recorder.of(EndEpisode)[-1]
    assert (begin.kind, begin.about["seed"]) == ("collect", "7")
    assert (end.episode, end.outcome, end.label) == (begin.episode, "success", "success")
    assert status.collect.session in ("SAVING", "CLEARING")
    assert recording.call("status").collect.counts.success_n == 1


def test_what_does_not_fit_is_refused_with_what_does(stage):
    start(stage)
    until(stage, "READY")

    with pytest.raises(SupervisorError, match=r"cannot stop while READY; possible now: .*start"):
        stage.call("say", command="stop")


def test_only_who_drives_may_say_something(recording):
    with pytest.raises(SupervisorError, match="say: refused, me drives this cell"):
        recording.call("say", "other", command="drop")


def test_anybody_may_stop_and_the_open_episode_is_kept(recording):
    recording.call("stop", "other")
    recording.cycle(10)
    status = recording.call("status", "other")

    end = recording.recorder.of(EndEpisode)[-1]
    assert (status.state, end.outcome, end.keep) == ("DISARMED", "stopped", True)
    assert (status.collect.session, status.collect.counts.kept_n) == ("ENDED", 1)


def test_a_client_that_disappears_ends_the_session_and_the_episode_is_kept(recording):
    recording.cycle(130)
    status = recording.call("status", "other")

    end = recording.recorder.of(EndEpisode)[-1]
    assert (end.outcome, end.keep) == ("client lost", True)
    assert status.state == "DISARMED"
    assert recording.orders.session == 0


@pytest.mark.parametrize("process", ["world", "recorder", "camera@top"])
def test_a_dead_process_pauses_and_the_person_goes_on(recording, process):
    recording.children[process].alive = False
    recording.cycle(3)
    status = recording.call("status")
    assert (status.state, status.collect.session) == ("PAUSED", "PAUSED")
    assert recording.orders.plan is None

    recording.beat_for(1.0)
    recording.call("resume")
    until(recording, "READY")
    recording.call("say", command="start")
    recording.cycle(3)

    assert recording.call("status").collect.session == "RECORDING"
    assert len(recording.recorder.of(BeginEpisode)) == 2


def test_a_full_disk_brakes_and_keeps_the_episode(recording):
    recording.recorder.problem = "disk: 40 MB left, limit 50 MB"
    recording.cycle(5)
    status = recording.call("status")

    assert (status.state, status.reason) == ("PAUSED", "disk: 40 MB left, limit 50 MB")
    assert status.collect.counts.kept_n == 1
    assert len(recording.recorder.of(EndEpisode)) == 1


def test_quit_ends_the_session_and_disarms(recording):
    recording.call("say", command="quit")
    recording.cycle(20)
    status = recording.call("status")

    assert (status.state, status.collect.outcome) == ("DISARMED", "quit")
    assert status.collect.counts.kept_n == 1


def test_a_session_needs_a_data_set(cell, run_dir, make_tick, make_world):
    stage = Stage(cell, run_dir, make_tick, make_world)
    with stage.close:
        stage.cycle(3)
        stage.call("prepare")
        stage.call("arm")
        stage.cycle(5)

        with pytest.raises(SupervisorError, match="cannot start: no data set is open"):
            start(stage)
