"""What the arm's cycles mean to the supervisor, at each limit just inside and just outside."""

from dataclasses import replace

import pytest

from robotd.core.arm_codes import ArmFault, ArmPhase, PauseCause
from robotd.core.clock import MS, MonoNs, S
from robotd.core.ur_codes import SafetyBit
from robotd.modes.daemon.arm_watch import (
    ENGAGE_LIMIT_NS,
    FAULTS,
    PAUSES,
    SEEN_NS,
    SILENT_NS,
    STOP_LIMIT_NS,
    ArmWatch,
    Seen,
)
from robotd.modes.daemon.causes import HOLDS, Cause
from robotd.modes.daemon.supervisor import ENGAGED, Event, State

NOW = MonoNs(100 * S)
AWAY = sorted(set(State) - ENGAGED)


@pytest.fixture
def watch():
    watch = ArmWatch()
    watch.entered(State.ARMED, NOW)
    return watch


@pytest.mark.parametrize("state", AWAY)
def test_an_arm_that_is_not_engaged_raises_nothing(watch, make_tick, state):
    tick = make_tick(NOW - 10 * S, phase=ArmPhase.FAULT, fault=ArmFault.OWN_GAP)

    assert watch.look(NOW, tick, state, 0) is None


@pytest.mark.parametrize("state", sorted(ENGAGED))
def test_a_silent_arm_is_a_fault_just_after_the_limit(watch, make_tick, state):
    event, reason, _ = watch.look(NOW, make_tick(NOW - SILENT_NS - 1), state, 1)

    assert (event, reason) == (Event.FAIL, "arm: no cycle for 300 ms; its process hangs")


def test_an_arm_at_the_limit_of_silence_is_none(watch, make_tick):
    tick = make_tick(NOW - SILENT_NS, phase=ArmPhase.FOLLOWING)

    assert watch.look(NOW, tick, State.RUNNING, 1) is None


@pytest.mark.parametrize("fault", ArmFault)
def test_every_fault_of_the_arm_has_its_sentence(watch, make_tick, fault):
    tick = make_tick(NOW, phase=ArmPhase.FAULT, fault=fault)

    event, reason, _ = watch.look(NOW, tick, State.RUNNING, 1)

    assert event is Event.FAIL
    assert reason == f"arm: {FAULTS[fault]}"
    assert "\n" not in reason


def test_a_fault_of_an_earlier_arming_says_nothing_about_this_one(watch, make_tick):
    tick = make_tick(NOW, phase=ArmPhase.FAULT, fault=ArmFault.TRACKING, session=1)

    assert watch.look(NOW, tick, State.ARMED, 2) is None


def test_an_arm_that_does_not_engage_in_time_is_a_fault(watch, make_tick):
    at = MonoNs(NOW + ENGAGE_LIMIT_NS)

    assert watch.look(at, make_tick(at, session=0), State.ARMED, 1) is None
    event, reason, _ = watch.look(MonoNs(at + 1), make_tick(at, session=0), State.ARMED, 1)
    assert (event, reason) == (Event.FAIL, "arm: did not engage within 10 s; see arm.log")


@pytest.mark.parametrize("state", [State.RUNNING, State.PAUSED])
def test_an_arm_that_left_its_arming_is_a_fault_at_once(watch, make_tick, state):
    event, reason, _ = watch.look(NOW, make_tick(NOW, session=0), state, 1)

    assert event is Event.FAIL
    assert "obeys this arming no more" in reason


@pytest.mark.parametrize("phase", [ArmPhase.HOLDING, ArmPhase.DISARMED])
def test_a_stopping_arm_that_stands_is_at_rest(watch, make_tick, phase):
    watch.entered(State.STOPPING, NOW)
    at = MonoNs(NOW + SEEN_NS)

    assert watch.look(at, make_tick(at, phase=phase), State.STOPPING, 1) is None  # may be older
    after = make_tick(at + 1, phase=phase)
    assert watch.look(MonoNs(at + 1), after, State.STOPPING, 1) == Seen(Event.AT_REST)


def test_an_arm_process_that_engages_is_not_taken_for_hung(watch, make_tick):
    tick = make_tick(NOW - SILENT_NS - 1, session=0)

    assert watch.look(NOW, tick, State.ARMED, 1) is None


@pytest.mark.parametrize("phase", [ArmPhase.FOLLOWING, ArmPhase.BRAKING])
def test_an_arm_that_does_not_stop_in_time_is_a_fault(watch, make_tick, phase):
    watch.entered(State.STOPPING, NOW)
    at = MonoNs(NOW + STOP_LIMIT_NS)
    tick = make_tick(at, phase=phase)

    assert watch.look(at, tick, State.STOPPING, 1) is None
    assert watch.look(MonoNs(at + 1 * MS), tick, State.STOPPING, 1) == Seen(
        Event.FAIL, "arm: did not come to rest within 3 s"
    )


@pytest.mark.parametrize("hold", sorted(set(PauseCause) - {PauseCause.NONE}))
def test_an_arm_that_holds_while_it_runs_is_a_pause_with_its_sentence(watch, make_tick, hold):
    tick = make_tick(NOW, phase=ArmPhase.BRAKING, hold=hold)

    event, reason, cause = watch.look(NOW, tick, State.RUNNING, 1)

    assert (event, reason) == (Event.PAUSE, f"arm: {PAUSES[hold]}")
    assert cause is HOLDS[hold]
    assert watch.look(NOW, tick, State.PAUSED, 1) is None
    assert watch.look(NOW, tick, State.ARMED, 1) is None


def test_the_cause_of_a_safety_stop_is_read_off_its_bits(watch, make_tick):
    tick = make_tick(NOW, phase=ArmPhase.FAULT, fault=ArmFault.SAFETY_STOP)
    bits = int(SafetyBit.PROTECTIVE_STOP | SafetyBit.STOPPED_BY_SAFETY)
    tick = replace(tick, state=replace(tick.state, safety_bits=bits))

    _, _, cause = watch.look(NOW, tick, State.RUNNING, 1)

    assert cause is Cause.PROTECTIVE_STOP
