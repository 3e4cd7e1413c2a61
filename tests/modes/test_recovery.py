"""Guided recovery: what is said about each cause, what the controller needs, and who asks it."""

from dataclasses import replace

import pytest

from robotd.core.arm_codes import ArmFault, PauseCause
from robotd.core.clock import MS, MonoNs, S
from robotd.core.errors import SupervisorError
from robotd.core.journal import EventNote
from robotd.core.recovery import UNLOCK_WAIT_S, RecoveryStep
from robotd.core.ur_codes import RobotMode, SafetyBit
from robotd.modes.collect.messages import CollectRequest
from robotd.modes.daemon.causes import GUIDANCE, HOLDS, Cause, cause_of_fault, cause_of_safety
from robotd.modes.daemon.flights import FILES_N
from robotd.modes.daemon.messages import RunRequest
from robotd.modes.daemon.recovery import NOTHING, StopClock, need_of
from robotd.modes.flight.file import read_flight
from robotd.pipeline.fake_policy_server import FakePolicyServer
from robotd.servo.recovery_desk import RecoveryDesk

NORMAL = int(SafetyBit.NORMAL)
PROTECTIVE = int(SafetyBit.PROTECTIVE_STOP | SafetyBit.STOPPED_BY_SAFETY)


# The tables


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_its_guidance_in_one_line_each(cause):
    told = GUIDANCE[cause]

    assert told.checks
    for sentence in (told.happened, *told.checks, told.then):
        assert sentence.strip() == sentence
        assert sentence[-1] in ".?"
        assert "\n" not in sentence


@pytest.mark.parametrize("fault", ArmFault)
def test_every_fault_of_the_arm_has_a_cause(fault):
    assert cause_of_fault(fault, NORMAL) in GUIDANCE


@pytest.mark.parametrize("hold", PauseCause)
def test_every_hold_of_the_arm_has_a_cause(hold):
    assert HOLDS[hold] in GUIDANCE


@pytest.mark.parametrize(
    ("bits", "cause"),
    [
        (SafetyBit.NORMAL, None),
        (SafetyBit.NORMAL | SafetyBit.REDUCED, None),
        (SafetyBit.STOPPED_BY_SAFETY, None),
        (SafetyBit.PROTECTIVE_STOP, Cause.PROTECTIVE_STOP),
        (SafetyBit.RECOVERY, Cause.JOINT_LIMITS),
        (SafetyBit.SAFEGUARD_STOP, Cause.SAFEGUARD_STOP),
        (SafetyBit.ROBOT_EMERGENCY_STOP, Cause.EMERGENCY_STOP),
        (SafetyBit.SYSTEM_EMERGENCY_STOP, Cause.EMERGENCY_STOP),
        (SafetyBit.EMERGENCY_STOP | SafetyBit.PROTECTIVE_STOP, Cause.EMERGENCY_STOP),
        (SafetyBit.VIOLATION | SafetyBit.EMERGENCY_STOP, Cause.VIOLATION),
        (SafetyBit.FAULT, Cause.VIOLATION),
    ],
)
def test_the_gravest_bit_is_the_cause(bits, cause):
    assert cause_of_safety(int(bits)) is cause
    assert cause is None or cause_of_fault(ArmFault.PROGRAM_STOPPED, int(bits)) is cause


@pytest.mark.parametrize(
    ("bits", "mode", "step", "said"),
    [
        (NORMAL, RobotMode.RUNNING, None, ""),
        (PROTECTIVE, RobotMode.RUNNING, RecoveryStep.UNLOCK, "unlock"),
        (int(SafetyBit.EMERGENCY_STOP), RobotMode.POWER_OFF, None, "emergency stop button"),
        (int(SafetyBit.SAFEGUARD_STOP), RobotMode.RUNNING, None, "safeguard"),
        (int(SafetyBit.VIOLATION), RobotMode.POWER_OFF, RecoveryStep.RESTART_SAFETY, "restart"),
        (int(SafetyBit.FAULT), RobotMode.RUNNING, RecoveryStep.RESTART_SAFETY, "restart"),
        (int(SafetyBit.RECOVERY), RobotMode.RUNNING, None, "pendant"),
        (NORMAL, RobotMode.POWER_OFF, RecoveryStep.POWER_ON, "power on"),
        (NORMAL, RobotMode.CONFIRM_SAFETY, RecoveryStep.POWER_ON, "power on"),
        (NORMAL, RobotMode.POWER_ON, None, "wait"),
        (NORMAL, RobotMode.BOOTING, None, "wait"),
        (NORMAL, RobotMode.IDLE, RecoveryStep.BRAKE_RELEASE, "brakes"),
        (NORMAL, RobotMode.BACKDRIVE, None, "freedrive"),
        (NORMAL, RobotMode.NO_CONTROLLER, None, "wait"),
    ],
)
def test_the_next_need_is_read_off_the_controllers_state(make_tick, bits, mode, step, said):
    tick = make_tick(0)
    tick = replace(tick, state=replace(tick.state, safety_bits=bits, robot_mode=int(mode)))

    need = need_of(tick, 0.0)

    assert need.step is step
    assert said in need.said
    assert bool(need.said) == bool(said)


def test_without_a_tick_nothing_is_known_to_be_needed():
    assert need_of(None, 0.0) is NOTHING


def test_an_unlock_waits_from_the_first_cycle_in_the_stop(make_tick):
    clock, tick = StopClock(), make_tick(10 * S)
    stopped = replace(tick, state=replace(tick.state, safety_bits=PROTECTIVE))
    assert clock.wait_s(MonoNs(10 * S)) == 0.0

    clock.see(stopped)
    clock.see(replace(stopped, state=replace(stopped.state, t_ns=MonoNs(12 * S))))
    assert clock.wait_s(MonoNs(12 * S)) == pytest.approx(UNLOCK_WAIT_S - 2.0)
    assert clock.wait_s(MonoNs(15 * S)) == 0.0
    clock.see(tick)
    assert clock.wait_s(MonoNs(12 * S)) == 0.0


# The daemon


@pytest.fixture
def running(stage, spec):
    """A stage whose policy's episode has begun."""
    with FakePolicyServer(spec) as server:
        stage.prepare(server.endpoint, dataset="/data")
        stage.call("arm")
        stage.cycle(5)
        stage.call("start", run=RunRequest(seed=5, max_episode_s=60.0))
        yield stage


def flight_of(stage):
    """The newest flight record, once it is written."""
    stage.conductor._drive.flights.close()
    return read_flight(stage.conductor._drive.flights.newest)


class Arm:
    """The arm process's end of the desk."""

    def __init__(self, stage, refusal=""):
        self._stage, self.refusal, self.done = stage, refusal, []
        self.desk = RecoveryDesk(stage.run_dir, stage.clock)

    def recover(self, step):
        self.done.append(step)
        if step is RecoveryStep.UNLOCK:
            self._stage.state_with = {}


def protective_stop(stage):
    stage.fault = ArmFault.SAFETY_STOP
    stage.state_with = {"safety_bits": PROTECTIVE}
    stage.cycle(3)


def test_a_protective_stop_is_told_and_unlocked_only_after_5_s_and_only_when_asked(running):
    stage, arm = running, Arm(running)
    protective_stop(stage)
    stage.fault = ArmFault.NONE

    status = stage.call("status")
    assert status.state == "FAULT"
    assert status.trouble.cause == "protective stop"
    assert status.trouble.checks
    assert status.need.step is RecoveryStep.UNLOCK
    assert 4.5 < status.need.wait_s <= 5.0
    with pytest.raises(SupervisorError, match=r"refused for another [45]\.\d s"):
        stage.call("recover", step=RecoveryStep.UNLOCK)
    stage.cycle(510)
    assert arm.done == []
    assert stage.call("status").need.wait_s == 0.0

    status = stage.call("recover", step=RecoveryStep.UNLOCK)
    arm.desk.serve(arm)
    stage.cycle(3)

    assert arm.done == [RecoveryStep.UNLOCK]
    status = stage.call("status")
    assert (status.need.said, status.need.asked_n, status.need.answered_n) == ("", 1, 1)
    assert status.state == "FAULT"
    status = stage.call("ack")
    assert (status.state, status.trouble.cause) == ("DISARMED", "protective stop")
    status = stage.call("arm")
    assert (status.state, status.trouble) == ("ARMED", None)
    arm.desk.close()


def test_only_the_step_that_the_controller_needs_is_asked_for(running):
    stage = running
    with pytest.raises(SupervisorError, match="cannot recover while RUNNING"):
        stage.call("recover", step=RecoveryStep.UNLOCK)
    protective_stop(stage)
    stage.cycle(520)

    with pytest.raises(SupervisorError, match="needs unlock the protective stop now"):
        stage.call("recover", step=RecoveryStep.POWER_ON)
    stage.state_with = {}
    stage.cycle(2)
    with pytest.raises(SupervisorError, match="needs nothing now"):
        stage.call("recover", step=RecoveryStep.UNLOCK)
    with pytest.raises(SupervisorError, match="no step"):
        stage.call("recover")


def test_a_controller_that_still_needs_something_is_not_armed(stage):
    stage.state_with = {"robot_mode": int(RobotMode.IDLE)}
    stage.cycle(2)

    with pytest.raises(SupervisorError, match=r"cannot arm: release the arm's brakes.*robotd ack"):
        stage.call("arm")


def test_the_refusal_of_the_controller_is_shown(stage):
    class Refusing(Arm):
        def recover(self, step):
            from robotd.core.errors import DeviceError

            raise DeviceError("dashboard: no")

    arm = Refusing(stage)
    stage.state_with = {"robot_mode": int(RobotMode.IDLE)}
    stage.cycle(2)
    stage.call("recover", step=RecoveryStep.BRAKE_RELEASE)
    arm.desk.serve(arm)
    stage.cycle(2)

    assert stage.call("status").need.refusal == "dashboard: no"
    arm.desk.close()


# Pauses that the arm process asks for


@pytest.mark.parametrize("hold", [PauseCause.FORCE, PauseCause.SPEED_SCALING])
def test_a_hold_of_the_arm_pauses_and_only_a_person_resumes(running, hold):
    stage = running
    stage.until("act", limit=600)
    stage.hold = hold
    stage.cycle(3)

    status = stage.call("status")
    assert status.state == "PAUSED"
    assert status.trouble.cause == HOLDS[hold].value
    assert stage.orders.plan is None
    stage.hold = PauseCause.NONE
    stage.beat_for(1.0)
    assert stage.state() == "PAUSED"
    assert stage.call("resume").state == "RUNNING"


def test_a_policy_is_not_started_nor_resumed_below_full_speed(stage, spec):
    with FakePolicyServer(spec) as server:
        stage.prepare(server.endpoint)
        stage.call("arm")
        stage.state_with = {"speed_scaling": 0.98}
        stage.cycle(5)
        with pytest.raises(SupervisorError, match="98% of full speed, least 99%; raise"):
            stage.call("start", run=RunRequest())
        stage.state_with = {"speed_scaling": 0.99}
        stage.cycle(2)
        assert stage.call("start", run=RunRequest()).state == "RUNNING"
        stage.hold = PauseCause.SPEED_SCALING
        stage.state_with = {"speed_scaling": 0.5}
        stage.cycle(2)
        stage.hold = PauseCause.NONE
        with pytest.raises(SupervisorError, match="cannot resume: the controller runs at 50%"):
            stage.call("resume")


def test_a_person_may_collect_below_full_speed(stage):
    stage.call("prepare", dataset="/data")
    stage.cycle(3)
    stage.call("arm")
    stage.state_with = {"speed_scaling": 0.5}
    stage.cycle(5)

    assert stage.call("start", collect=CollectRequest(operator="keyboard")).state == "RUNNING"


# The flight record


def test_the_last_two_seconds_are_saved_at_a_fault_with_the_reason(running):
    stage = running
    stage.beat_for(3.0)
    protective_stop(stage)
    status = stage.call("status")

    flight = flight_of(stage)

    assert str(stage.conductor._drive.flights.newest) == status.flight == status.trouble.flight
    about = flight.about
    assert (about.before, about.state, about.event) == ("RUNNING", "FAULT", "fail")
    assert about.cause == "protective stop"
    assert about.reason == status.reason
    t_ns = flight.columns["t_ns"]
    assert 1.95 * S <= t_ns[-1] - t_ns[0] <= 2 * S
    assert flight.columns["safety_bits"][-1] == PROTECTIVE
    assert flight.columns["q_rad"].shape == (len(t_ns), 6)
    events = [note.text for note in stage.recorder.notes if isinstance(note, EventNote)]
    assert stage.conductor._drive.flights.newest.name in events


@pytest.mark.parametrize(("stop", "state"), [("pause", "PAUSED"), ("client", "STOPPING")])
def test_a_pause_and_a_lost_client_are_recorded_too(running, stop, state):
    stage = running
    if stop == "pause":
        stage.hold = PauseCause.FORCE
        stage.cycle(3)
    else:
        stage.clock.advance(900 * MS)
        stage.cycle(20)

    assert flight_of(stage).about.state == state


def test_a_stop_that_somebody_asked_for_is_not_recorded(running):
    running.call("stop")
    running.cycle(5)

    assert running.call("status").flight == ""


def test_only_so_many_flight_records_are_kept(stage):
    flights = stage.conductor._drive.flights
    for number in range(FILES_N + 4):
        flights.save(
            stage.clock.now(), before="A", state=f"S{number:02}", event="e", cause="c", reason="r"
        )
    flights.close()

    found = sorted(path.name for path in flights.newest.parent.iterdir())
    assert len(found) == FILES_N
    assert flights.newest.name in found
