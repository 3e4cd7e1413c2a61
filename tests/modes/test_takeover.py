"""A person takes over from a policy and gives back, in the daemon."""

import pytest

from robotd.core.arm_codes import Source
from robotd.core.errors import SupervisorError
from robotd.core.journal import EventNote
from robotd.core.process_names import TELEOP
from robotd.modes.daemon.messages import RunRequest
from robotd.pipeline.fake_policy_server import FakePolicyServer
from tests.modes.hand_stage import HandStage

RUN = RunRequest(seed=5, max_episode_s=60.0, arguments=("--operator=spacemouse",))


@pytest.fixture
def stage(cell, run_dir, make_tick, make_world):
    stage = HandStage(cell, run_dir, make_tick, make_world)
    with stage.close:
        stage.cycle(3)
        yield stage


@pytest.fixture
def acting(stage, spec):
    """A stage whose policy acts."""
    with FakePolicyServer(spec) as server:
        stage.prepare(server.endpoint, dataset="/data")
        stage.call("arm")
        stage.cycle(5)
        stage.call("start", run=RUN)
        stage.until("act", limit=600)
        for _ in range(200):
            stage.call("status")
            if stage.orders.plan is not None and stage.orders.plan.source is Source.POLICY:
                break
        yield stage


def source_of(stage):
    plan = stage.orders.plan
    return None if plan is None or stage.clock.now() > plan.valid_until_ns else plan.source


def events(stage):
    return [note.name for note in stage.recorder.notes if isinstance(note, EventNote)]


def until_source(stage, source):
    for _ in range(400):
        stage.call("status")
        if source_of(stage) is source:
            return
    raise AssertionError(f"{source}: {stage.orders}")


def test_the_device_starts_with_the_run_and_ends_with_it(acting):
    assert TELEOP in acting.children
    assert acting.children[TELEOP].alive

    acting.call("stop")
    acting.cycle(10)

    assert not acting.children[TELEOP].alive


def test_while_the_button_is_held_the_person_drives_and_then_the_policy_again(acting):
    assert source_of(acting) is Source.POLICY
    epoch = acting.orders.plan.epoch

    acting.grip(0, 1, 0, 0, 0, 0)
    acting.cycle(3)
    assert source_of(acting) is Source.HUMAN
    assert acting.orders.plan.epoch > epoch
    y_m = acting.orders.plan.T_base_tcp[-1, 1, 3]
    for _ in range(5):
        acting.call("status")
        acting.cycle(5)
    assert source_of(acting) is Source.HUMAN
    assert acting.call("status").doing == "human"
    assert acting.orders.plan.T_base_tcp[-1, 1, 3] != y_m
    epoch = acting.orders.plan.epoch

    acting.let_go()
    until_source(acting, Source.POLICY)
    assert acting.orders.plan.epoch > epoch
    assert events(acting).count("taken over") == events(acting).count("given back") == 1
    assert acting.state() == "RUNNING"


def paused(stage):
    """Cycle until the run pauses, and a while longer; no policy drives meanwhile."""
    for _ in range(60):
        status = stage.call("status")
        assert source_of(stage) is not Source.POLICY
    assert status.state == "PAUSED"
    return status.reason


def test_a_device_that_falls_silent_in_the_hand_pauses_and_nothing_goes_on_by_itself(acting):
    acting.grip(0, 1, 0, 0, 0, 0)
    acting.cycle(5)
    assert source_of(acting) is Source.HUMAN

    acting.speaks = False
    assert "fell silent" in paused(acting)
    acting.speaks = True
    assert "fell silent" in paused(acting)

    acting.call("resume")
    until_source(acting, Source.POLICY)  # the button is still held: it was never up


def test_a_button_that_comes_up_after_a_long_silence_pauses(acting):
    acting.grip(0, 0, 0, 0, 0, 0)
    for _ in range(30):
        acting.call("status")
        acting.cycle(10)
    assert source_of(acting) is Source.HUMAN

    acting.let_go()
    assert "came up" in paused(acting)

    acting.call("resume")
    until_source(acting, Source.POLICY)


def test_a_device_that_was_held_from_the_start_takes_nothing_over(stage, spec):
    stage.grip(1, 1, 0, 0, 0, 0)
    with FakePolicyServer(spec) as server:
        stage.prepare(server.endpoint)
        stage.call("arm")
        stage.cycle(5)
        stage.call("start", run=RUN)
        stage.until("act", limit=600)
        for _ in range(20):
            stage.call("status")
            assert source_of(stage) is not Source.HUMAN


def test_the_episode_ends_in_a_persons_hand_too(acting, make_world):
    acting.grip(0, 1, 0, 0, 0, 0)
    acting.cycle(5)
    inner = acting._make_world
    acting._make_world = lambda now, **more: inner(now, **{**more, "success": True})

    acting.cycle(15)

    status = acting.call("status")
    assert (status.state, status.run.outcome) == ("DISARMED", "success")


def test_a_start_that_is_refused_leaves_no_device_behind(stage, spec):
    with FakePolicyServer(spec) as server:
        stage.prepare(server.endpoint)
        stage.call("arm")
        stage.state_with = {"speed_scaling": 0.5}
        stage.cycle(5)
        with pytest.raises(SupervisorError, match="at 50% of full speed"):
            stage.call("start", run=RUN)

    assert not stage.children[TELEOP].alive
    assert TELEOP not in stage.call("status").processes
