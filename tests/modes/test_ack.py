"""The walk of `robotd ack`, with a daemon and a person that the test plays."""

import pytest

from robotd.core.clock import FakeClock, MonoNs, S
from robotd.core.errors import SupervisorError
from robotd.core.recovery import RecoveryStep
from robotd.modes.ack import Walk
from robotd.modes.daemon.causes import GUIDANCE, Cause
from robotd.modes.daemon.messages import DaemonStatus, NeedStatus, TroubleStatus

ESTOP = (None, "release the emergency stop button")
POWER = (RecoveryStep.POWER_ON, "switch the arm's power on")
BRAKES = (RecoveryStep.BRAKE_RELEASE, "release the arm's brakes")
UNLOCK = (RecoveryStep.UNLOCK, "unlock the protective stop")
NOTHING = (None, "")


class Controller:
    """A daemon in FAULT whose controller has a list of needs, met by steps or by time."""

    def __init__(self, clock, *needs, cause=Cause.PROTECTIVE_STOP, state="FAULT"):
        self.clock, self.needs, self.state, self.cause = clock, [*needs, NOTHING], state, cause
        self.wait_until_ns = 0
        self.by_hand_at_ns = None
        self.refusals, self.answers = [], True
        self.steps, self.asked_n, self.refusal = [], 0, ""

    def call(self, op, *, step=None):
        if self.by_hand_at_ns is not None and self.clock.now() >= self.by_hand_at_ns:
            self.by_hand_at_ns, self.needs = None, self.needs[1:]
        if op == "recover":
            assert step is self.needs[0][0]
            assert self.clock.now() >= self.wait_until_ns
            self.steps.append(step)
            self.asked_n += 1
            self.refusal = self.refusals.pop(0) if self.refusals else ""
            if not self.refusal:
                self.needs = self.needs[1:]
        if op == "ack":
            if self.state != "FAULT":
                raise SupervisorError(f"cannot ack while {self.state}")
            self.state = "DISARMED"
        return self.status()

    def status(self):
        step, said = self.needs[0]
        told = GUIDANCE[self.cause]
        wait_s = max(0.0, (self.wait_until_ns - self.clock.now()) / S) if step else 0.0
        return DaemonStatus(
            cell="c",
            mock=True,
            pid=1,
            state=self.state,
            reason="arm: stopped",
            session=0,
            owner="",
            policy="",
            policy_failure="",
            realtime=True,
            logs="/logs",
            trouble=TroubleStatus(
                cause=self.cause.value,
                happened=told.happened,
                checks=told.checks,
                then=told.then,
                flight="/logs/flights/f.npz",
            ),
            need=NeedStatus(
                said=said,
                step=step,
                wait_s=wait_s,
                asked_n=self.asked_n,
                answered_n=self.asked_n if self.answers else self.asked_n - 1,
                refusal=self.refusal,
            ),
        )


class Person:
    def __init__(self, *answers):
        self.answers, self.heard, self.asked = list(answers), [], []

    def ask(self, text):
        self.asked.append(text)
        return self.answers.pop(0) if self.answers else True


@pytest.fixture
def clock():
    return FakeClock(MonoNs(100 * S))


def walk(controller, person):
    return Walk(controller, say=person.heard.append, ask=person.ask, clock=controller.clock).done()


def test_an_unlock_is_counted_down_then_asked_then_done(clock):
    controller, person = Controller(clock, UNLOCK), Person()
    controller.wait_until_ns = clock.now() + 3 * S

    assert walk(controller, person)

    assert [line for line in person.heard if "possible in" in line] == [
        f"unlock the protective stop: possible in {left} s" for left in (3, 2, 1)
    ]
    assert controller.steps == [RecoveryStep.UNLOCK]
    assert person.asked == ["Now: unlock the protective stop.", "Checked all that? Acknowledge."]
    assert controller.state == "DISARMED"


def test_what_happened_and_every_check_is_said_before_anything_is_done(clock):
    controller, person = Controller(clock, POWER, BRAKES, cause=Cause.EMERGENCY_STOP), Person()

    assert walk(controller, person)

    text = "\n".join(person.heard)
    told = GUIDANCE[Cause.EMERGENCY_STOP]
    assert told.happened in text
    assert all(check in text for check in told.checks)
    assert "robotd flight /logs/flights/f.npz" in text
    assert told.then in text
    assert person.heard[-1] == "FAULT (arm: stopped) -> DISARMED"
    assert controller.steps == [RecoveryStep.POWER_ON, RecoveryStep.BRAKE_RELEASE]


@pytest.mark.parametrize("answers", [(False,), (True, False), (True, True, False)])
def test_a_person_who_does_not_agree_ends_it_there(clock, answers):
    controller, person = Controller(clock, POWER, BRAKES), Person(*answers)

    assert not walk(controller, person)

    assert len(controller.steps) == len(answers) - 1
    assert controller.state == "FAULT"


def test_what_has_to_be_done_by_hand_is_waited_for(clock):
    controller, person = Controller(clock, ESTOP, POWER), Person()
    controller.by_hand_at_ns = clock.now() + 20 * S

    assert walk(controller, person)

    assert any("release the emergency stop button. Ctrl-C" in line for line in person.heard)
    assert clock.now() >= 120 * S
    assert controller.steps == [RecoveryStep.POWER_ON]


def test_a_refused_unlock_is_waited_for_again(clock):
    controller, person = Controller(clock, UNLOCK), Person()
    controller.refusals = ["Cannot unlock protective stop until 5s after occurrence"]

    assert walk(controller, person)

    assert controller.steps == [RecoveryStep.UNLOCK] * 2
    assert any(line.startswith("Refused: Cannot unlock") for line in person.heard)
    assert clock.now() >= 105 * S


def test_a_controller_that_refuses_for_ever_ends_it_with_a_sentence(clock):
    controller, person = Controller(clock, UNLOCK), Person()
    controller.refusals = ["no"] * 20

    with pytest.raises(SupervisorError, match="still needs: unlock the protective stop"):
        walk(controller, person)


def test_an_arm_process_that_does_not_answer_ends_it_with_a_sentence(clock):
    controller, person = Controller(clock, POWER), Person()
    controller.answers = False

    with pytest.raises(SupervisorError, match="does not answer"):
        walk(controller, person)


def test_without_a_fault_the_controller_is_made_ready_all_the_same(clock):
    controller, person = Controller(clock, BRAKES, state="DISARMED"), Person()

    assert walk(controller, person)

    assert person.heard[-1] == "The controller is ready."


def test_with_nothing_to_do_it_says_what_the_daemon_says(clock):
    with pytest.raises(SupervisorError, match="cannot ack while DISARMED"):
        walk(Controller(clock, state="DISARMED"), Person())
