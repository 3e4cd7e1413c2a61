"""The daemon as an object on a fake clock: the test is its processes, its arm and its clients."""

import re
import time

import pytest

from robotd.core.arm_codes import ArmFault, ArmPhase
from robotd.core.clock import MS, S
from robotd.core.errors import SupervisorError
from robotd.core.journal import BeginEpisode, EndEpisode
from robotd.modes.daemon.arm_watch import ENGAGE_LIMIT_NS
from robotd.modes.daemon.conductor import CYCLE_NS
from robotd.modes.daemon.messages import RunRequest
from robotd.pipeline.fake_policy_server import FakePolicyServer, stay_silent


@pytest.fixture
def server(spec):
    with FakePolicyServer(spec) as server:
        yield server


@pytest.fixture
def running(stage, server):
    """A stage whose episode has begun."""
    stage.prepare(server.endpoint, dataset="/data")
    stage.call("arm")
    stage.cycle(5)
    run = RunRequest(seed=5, max_episode_s=60.0)
    stage.call("start", run=run)
    return stage


def test_it_boots_disarmed_with_orders_that_bind_nobody(stage):
    assert stage.state() == "DISARMED"
    assert (stage.orders.session, stage.orders.plan) == (0, None)


def test_every_cycle_renews_the_heartbeat(stage):
    for _ in range(5):
        stage.cycle()
        assert stage.orders.t_ns == stage.clock.now()


def test_arming_begins_a_session_and_takes_the_lease(stage):
    status = stage.call("arm")

    assert (status.state, status.owner) == ("ARMED", "me")
    assert stage.orders.session == status.session > 0
    assert stage.orders.plan is None


def test_every_arming_is_another_session(stage):
    sessions = set()
    for _ in range(3):
        sessions.add(stage.call("arm").session)
        stage.call("disarm")

    assert len(sessions) == 3


def test_another_client_cannot_take_over_but_can_stop(stage):
    stage.call("arm")

    for op in ("arm", "start", "resume", "ack", "prepare", "quit"):
        with pytest.raises(SupervisorError, match=f"{op}: refused, me drives this cell"):
            stage.call(op, "other", endpoint="ipc:///x")
    assert stage.call("disarm", "other").state == "DISARMED"
    assert stage.orders.session == 0


def test_a_start_without_a_policy_is_refused(stage):
    stage.call("arm")
    stage.cycle()

    with pytest.raises(SupervisorError, match="cannot start: no policy is connected"):
        stage.call("start", run=RunRequest())


def test_a_start_before_the_arm_engaged_is_refused(stage, server):
    stage.prepare(server.endpoint)
    stage.engages = False
    stage.call("arm")

    with pytest.raises(SupervisorError, match="the arm has not engaged yet"):
        stage.call("start", run=RunRequest())
    assert stage.state() == "ARMED"


def test_a_start_with_somebody_elses_policy_is_refused(stage, server):
    stage.prepare(server.endpoint)
    stage.prepare(server.endpoint, "other")
    stage.call("arm")
    stage.cycle()

    with pytest.raises(SupervisorError, match="other has prepared the cell meanwhile"):
        stage.call("start", run=RunRequest())


def test_a_start_while_disarmed_is_refused(stage, server):
    stage.prepare(server.endpoint)

    with pytest.raises(SupervisorError, match="cannot start while DISARMED; possible now: arm"):
        stage.call("start", run=RunRequest())


def test_a_policy_is_not_changed_under_an_armed_arm(stage, server):
    stage.call("arm")

    with pytest.raises(SupervisorError, match="cannot prepare while ARMED"):
        stage.call("prepare", endpoint=server.endpoint)


def test_a_policy_server_elsewhere_is_refused(stage):
    with pytest.raises(SupervisorError, match=r"192\.0\.2\.1"):
        stage.call("prepare", endpoint="tcp://192.0.2.1:5")


def test_arming_is_refused_while_a_process_is_not_at_work(stage):
    stage.children["camera@top"].ready = False

    with pytest.raises(SupervisorError, match="cannot arm: not at work: camera@top"):
        stage.call("arm")
    assert stage.call("status").owner == ""


def test_arming_is_refused_while_the_arm_is_silent(stage):
    stage.silent = True
    stage.cycle(40)

    with pytest.raises(SupervisorError, match="cannot arm: the arm process is silent"):
        stage.call("arm")


def test_an_episode_reaches_the_policy_and_moves_the_arm(running):
    status = running.until("act")

    assert status.state == "RUNNING"
    assert running.orders.session == status.session
    assert running.orders.plan is not None


def test_a_silent_client_stops_the_motion(running):
    running.until("act")
    running.cycle(97)
    assert running.orders.plan is not None
    running.cycle(8)

    assert (running.orders.session, running.orders.plan) == (0, None)
    status = running.call("status", "observer")
    assert (status.state, status.owner) == ("DISARMED", "")
    assert status.reason == "client me disappeared"
    assert running.recorder.of(EndEpisode)[-1].outcome == "client lost"


def test_a_client_that_is_heard_keeps_the_motion(running):
    running.until("act")
    running.beat_for(3.0)

    assert running.state() == "RUNNING"


def test_only_the_owner_keeps_it(running):
    running.until("act")
    running.beat_for(1.5, "observer")

    assert running.state() == "DISARMED"


def test_a_silent_client_of_an_armed_cell_disarms_it(stage):
    stage.call("arm")
    stage.cycle(102)

    assert stage.state() == "DISARMED"


def test_a_stop_brings_the_arm_to_rest_then_disarms(running):
    running.until("act")
    running.phase = ArmPhase.BRAKING
    assert running.call("stop").state == "STOPPING"
    assert running.orders.plan is None
    assert running.orders.session != 0
    running.cycle(20)
    assert running.state() == "STOPPING"
    running.phase = None
    running.cycle(5)

    status = running.call("status")
    assert (status.state, status.reason, status.owner) == ("DISARMED", "stop by me", "")
    [end] = running.recorder.of(EndEpisode)
    assert (end.outcome, end.reason, end.label) == ("stopped", "stop by me", "")


def test_an_arm_that_does_not_stop_is_a_fault(running):
    running.until("act")
    running.phase = ArmPhase.FOLLOWING
    running.call("stop")
    running.beat_for(3.2)

    assert running.state() == "FAULT"
    assert running.call("status").reason == "arm: did not come to rest within 3 s"


def test_a_fault_of_the_arm_is_latched_until_a_person_acknowledges(running):
    running.until("act")
    running.fault = ArmFault.SAFETY_STOP
    running.cycle(5)

    status = running.call("status")
    assert status.state == "FAULT"
    assert status.reason.startswith("arm: the controller stopped the arm")
    assert (running.orders.session, running.orders.plan) == (0, None)
    assert running.recorder.of(EndEpisode)[-1].outcome == "fault"
    running.fault = ArmFault.NONE
    running.cycle(300)
    assert running.state() == "FAULT"
    for op in ("arm", "start", "resume"):
        with pytest.raises(SupervisorError, match=r"while FAULT; possible now: ack$"):
            running.call(op)
    assert running.call("ack").state == "DISARMED"


def test_an_arm_process_that_falls_silent_is_a_fault(running):
    running.until("act")
    running.silent = True
    running.cycle(32)

    assert running.state() == "FAULT"
    assert "arm: no cycle for 3" in running.call("status").reason


def test_a_hung_arm_process_is_killed_so_that_a_new_one_can_be_armed(running):
    running.until("act")
    hung = running.children["arm"]
    running.silent = True
    running.cycle(32)

    assert not hung.alive
    running.cycle(60)
    assert running.children["arm"].alive


@pytest.mark.parametrize("op", ["prepare", "arm", "start", "resume", "ack"])
def test_a_command_of_a_client_that_may_have_left_since_is_refused(stage, op):
    reply = stage.ask(op, t_ns=stage.clock.now() - 1 * S - 20 * MS)

    assert not reply.ok
    assert re.match(rf"{op}: refused, it was sent 1\.\d s ago, limit 1 s; ", reply.message)
    assert reply.status.state == "DISARMED"


def test_a_late_stop_stops(running):
    running.until("act")

    assert running.ask("stop", t_ns=running.clock.now() - 60 * S).ok
    running.cycle(5)
    assert running.state() == "DISARMED"


def test_a_late_command_is_no_sign_of_life(running):
    running.until("act")
    for _ in range(11):
        running.ask("status", t_ns=running.clock.now() - 3 * S)
        running.cycle(9)

    assert running.state() == "DISARMED"


def test_a_daemon_that_was_held_up_pauses_for_its_arm_has_braked(running):
    running.until("act")
    running.clock.advance(round((running.cell.arm.max_orders_age_s + 0.01) * S))
    running.cycle()

    status = running.call("status")
    assert status.state == "PAUSED"
    assert status.reason.startswith("the daemon was held up for ")
    assert running.orders.plan is None


def test_a_short_hold_up_is_none(running):
    running.until("act")
    running.clock.advance(round((running.cell.arm.max_orders_age_s - 0.03) * S))
    running.cycle()

    assert running.state() == "RUNNING"


def test_an_arm_that_does_not_engage_is_a_fault(stage):
    stage.engages = False
    stage.call("arm")
    stage.beat_for(ENGAGE_LIMIT_NS / S + 0.3)

    assert stage.state() == "FAULT"
    assert "did not engage within 10 s" in stage.call("status").reason


def test_a_dead_arm_process_is_a_fault_and_is_started_again(running):
    running.until("act")
    first = running.children["arm"]
    first.alive = False
    running.cycle(5)

    status = running.call("status")
    assert status.state == "FAULT"
    assert status.reason == "arm: killed by SIGKILL; it was started again, disarmed"
    running.cycle(60)
    assert running.children["arm"] is not first
    assert running.orders.session == 0


def test_a_dead_arm_process_of_a_disarmed_cell_is_no_fault(stage):
    stage.children["arm"].alive = False
    stage.cycle(60)

    assert stage.state() == "DISARMED"
    assert stage.call("status").processes["arm"].restarts_n == 1


@pytest.mark.parametrize("name", ["world", "camera@top", "camera@side"])
def test_another_dead_process_pauses_and_its_reason_outlives_the_stop(running, name):
    running.until("act")
    running.children[name].alive = False
    running.cycle(5)

    status = running.call("status")
    assert (status.state, status.reason) == ("PAUSED", f"{name}: killed by SIGKILL")
    assert (running.orders.session, running.orders.plan) == (status.session, None)
    assert status.run.pauses_n == 1
    running.call("stop")
    running.cycle(5)
    assert running.call("status").reason == f"{name}: killed by SIGKILL"
    running.cycle()
    assert running.recorder.of(EndEpisode)[-1].reason == f"{name}: killed by SIGKILL"


def test_a_policy_that_falls_silent_pauses(running, server):
    running.until("act")
    server.behave = stay_silent
    for _ in range(60):
        running.beat_for(0.1)
        time.sleep(0.002)

    status = running.call("status")
    assert status.state == "PAUSED"
    assert status.reason.startswith("policy: ")


def test_a_stale_camera_pauses(running):
    running.until("act")
    running.camera = False
    for _ in range(40):
        running.beat_for(0.1)
        time.sleep(0.002)

    status = running.call("status")
    assert status.state == "PAUSED"
    assert status.reason.startswith("observation: block_pose: newest sample is")


def test_a_paused_run_goes_on_when_its_client_says_so(running):
    running.until("act")
    running.children["camera@side"].alive = False
    running.cycle(60)
    assert running.state() == "PAUSED"

    assert running.call("resume").state == "RUNNING"
    for _ in range(20):
        running.beat_for(0.1)
        time.sleep(0.002)
    assert running.state() == "RUNNING"
    assert running.orders.plan is not None


def test_arming_again_records_nothing(running):
    running.until("act")
    running.call("stop")
    running.cycle(5)
    running.call("arm")
    running.cycle(20)
    running.call("disarm")
    running.cycle()

    assert len(running.recorder.of(BeginEpisode)) == len(running.recorder.of(EndEpisode)) == 1


def test_a_client_may_end_the_daemon_unless_another_drives(stage):
    stage.call("arm")
    with pytest.raises(SupervisorError, match="drives this cell"):
        stage.call("quit", "other")
    assert stage.call("quit").state == "ARMED"


def test_nothing_begins_while_the_daemon_ends(stage):
    """Its end waits for the recorder, and still listens to whoever wants to stop."""
    stage.conductor._clients.ending = True

    with pytest.raises(SupervisorError, match="cannot arm: the daemon ends"):
        stage.call("arm")
    assert stage.call("stop").state == stage.call("quit").state == "DISARMED"


def test_garbage_on_the_socket_changes_nothing(running):
    running.until("act")
    running.client("rude").say(b"\x81\xa6client\xa2\xff\xfe")
    running.beat_for(0.3)

    assert running.state() == "RUNNING"


def test_an_episode_that_ends_by_itself_stops_and_disarms(stage, server):
    stage.prepare(server.endpoint, dataset="/data")
    stage.call("arm")
    stage.cycle()
    stage.call("start", run=RunRequest(max_episode_s=0.5))
    stage.until("done")
    stage.cycle(3)

    status = stage.call("status")
    assert (status.state, status.reason, status.run.outcome) == ("DISARMED", "", "time")
    [end] = stage.recorder.of(EndEpisode)
    assert (end.outcome, end.reason, end.label) == ("time", "", "failure")
    assert status.run.elapsed_s == pytest.approx(0.5, abs=2 * CYCLE_NS / S)
    assert status.arm.late_max_ms == 0.0
    assert status.arm.age_s <= 20 * MS / S
