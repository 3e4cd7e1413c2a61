"""The supervisor against its table, which is written out here once more, by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robotd.core.errors import SupervisorError
from robotd.modes.daemon.supervisor import (
    ENGAGED,
    PERSONAL,
    TRANSITIONS,
    Event,
    State,
    Supervisor,
    mermaid,
)

# Rows: the state; columns: where each event leads, "-" where it is refused.
EVENTS = ["arm", "disarm", "start", "resume", "ack", "stop", "pause", "at_rest", "client_lost"]
EVENTS += ["fail"]
TABLE = """
DISARMED ARMED -        -       -       -        -        -      -        -        -
ARMED    -     DISARMED RUNNING -       -        ARMED    -      -        DISARMED FAULT
RUNNING  -     STOPPING -       -       -        STOPPING PAUSED -        STOPPING FAULT
PAUSED   -     STOPPING -       RUNNING -        STOPPING -      -        STOPPING FAULT
STOPPING -     STOPPING -       -       -        STOPPING -      DISARMED STOPPING FAULT
FAULT    -     -        -       -       DISARMED -        -      -        -        FAULT
"""
EXPECTED = {
    (State(row.split()[0]), Event(event)): target
    for row in TABLE.strip().splitlines()
    for event, target in zip(EVENTS, row.split()[1:], strict=True)
}


def test_the_table_knows_every_state_and_event():
    assert set(EXPECTED) == {(state, event) for state in State for event in Event}


@pytest.mark.parametrize(("state", "event"), sorted(EXPECTED))
def test_every_event_in_every_state_leads_where_it_should_or_is_refused(state, event):
    supervisor = Supervisor(state=state)
    target = EXPECTED[state, event]

    assert supervisor.allows(event) == (target != "-")
    if target != "-":
        assert supervisor.handle(event, "why") == State(target)
        return
    with pytest.raises(SupervisorError) as refused:
        supervisor.handle(event)
    asked = {"arm", "disarm", "start", "resume", "ack", "stop"}
    possible = sorted(e for (s, e), t in EXPECTED.items() if s is state and t != "-" and e in asked)
    assert str(refused.value) == (
        f"cannot {event.value} while {state.value}; possible now: {', '.join(possible)}"
    )
    assert supervisor.state is state


@given(
    start=st.sampled_from(State),
    events=st.lists(st.sampled_from(sorted(set(Event) - PERSONAL)), max_size=30),
)
def test_nothing_but_a_person_leads_towards_motion(start, events):
    supervisor = Supervisor(state=start)
    for event in events:
        before = supervisor.state
        if supervisor.allows(event):
            supervisor.handle(event)
        if before is not State.RUNNING:
            assert supervisor.state is not State.RUNNING
        if before not in ENGAGED:
            assert supervisor.state not in ENGAGED


@given(events=st.lists(st.sampled_from(sorted(set(Event) - {Event.ACK})), max_size=30))
def test_a_fault_stays_until_a_person_acknowledges_it(events):
    supervisor = Supervisor(state=State.FAULT, reason="why")
    for event in events:
        if supervisor.allows(event):
            supervisor.handle(event)
        assert supervisor.state is State.FAULT
        assert supervisor.reason == "why"
    assert supervisor.handle(Event.ACK) is State.DISARMED


@given(events=st.lists(st.sampled_from(Event), max_size=60))
def test_every_arming_has_a_new_session_and_only_engaged_states_have_one(events):
    supervisor = Supervisor()
    supervisor.first_session(41)
    last = 40
    for event in events:
        before = supervisor.state
        if not supervisor.allows(event):
            continue
        supervisor.handle(event)
        assert (supervisor.session > 0) == (supervisor.state in ENGAGED)
        if before is State.DISARMED and supervisor.state is State.ARMED:
            assert supervisor.session == last + 1
            last = supervisor.session


def test_it_boots_disarmed():
    assert Supervisor().state is State.DISARMED
    assert Supervisor().session == 0


def test_the_reason_stays_until_the_next_motion():
    supervisor = Supervisor()
    for event, reason, kept in [
        (Event.ARM, "", ""),
        (Event.START, "", ""),
        (Event.PAUSE, "camera lost", "camera lost"),
        (Event.STOP, "", "camera lost"),
        (Event.AT_REST, "", "camera lost"),
        (Event.ARM, "", ""),
    ]:
        supervisor.handle(event, reason)
        assert supervisor.reason == kept


def test_the_drawing_shows_every_transition_once():
    arrows = [line.strip() for line in mermaid().splitlines()[2:]]

    wanted = [f"{s.value} --> {t.value}: {e.value}" for (s, e), t in TRANSITIONS.items() if s != t]
    assert sorted(arrows) == sorted(wanted)
    assert mermaid().splitlines()[:2] == ["stateDiagram-v2", "    [*] --> DISARMED"]
