"""The daemon's states as a transition table: what may happen when, and who may ask for it.

Boots DISARMED. FAULT is latched until a person acknowledges. No event of a device or a process
leads towards motion: every transition in that direction belongs to a person (a test holds this).
"""

from dataclasses import dataclass
from enum import StrEnum

from robotd.core.errors import SupervisorError


class State(StrEnum):
    """What the daemon is doing."""

    DISARMED = "DISARMED"
    ARMED = "ARMED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPING = "STOPPING"
    FAULT = "FAULT"


class Event(StrEnum):
    """What can happen. The first group is asked for by a person, through a client."""

    ARM = "arm"
    DISARM = "disarm"
    START = "start"
    RESUME = "resume"
    ACK = "ack"
    STOP = "stop"
    PAUSE = "pause"
    AT_REST = "at_rest"
    CLIENT_LOST = "client_lost"
    FAIL = "fail"


PERSONAL = frozenset({Event.ARM, Event.START, Event.RESUME, Event.ACK})
"""Events that lead towards motion: only a person's client may raise them."""

ASKED = PERSONAL | {Event.DISARM, Event.STOP}
"""Events that a client may ask for."""

TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.DISARMED, Event.ARM): State.ARMED,
    (State.ARMED, Event.DISARM): State.DISARMED,
    (State.ARMED, Event.CLIENT_LOST): State.DISARMED,
    (State.ARMED, Event.START): State.RUNNING,
    (State.ARMED, Event.STOP): State.ARMED,
    (State.RUNNING, Event.STOP): State.STOPPING,
    (State.RUNNING, Event.DISARM): State.STOPPING,
    (State.RUNNING, Event.CLIENT_LOST): State.STOPPING,
    (State.RUNNING, Event.PAUSE): State.PAUSED,
    (State.PAUSED, Event.RESUME): State.RUNNING,
    (State.PAUSED, Event.STOP): State.STOPPING,
    (State.PAUSED, Event.DISARM): State.STOPPING,
    (State.PAUSED, Event.CLIENT_LOST): State.STOPPING,
    (State.STOPPING, Event.STOP): State.STOPPING,
    (State.STOPPING, Event.DISARM): State.STOPPING,
    (State.STOPPING, Event.CLIENT_LOST): State.STOPPING,
    (State.STOPPING, Event.AT_REST): State.DISARMED,
    (State.FAULT, Event.ACK): State.DISARMED,
    (State.FAULT, Event.FAIL): State.FAULT,
    **{
        (state, Event.FAIL): State.FAULT
        for state in (State.ARMED, State.RUNNING, State.PAUSED, State.STOPPING)
    },
}

ENGAGED = frozenset({State.ARMED, State.RUNNING, State.PAUSED, State.STOPPING})
"""States in which the arm holds a session: it follows or holds still under the gate."""


@dataclass(slots=True)
class Supervisor:
    """The present state with its reason, changed only through `TRANSITIONS`.

    Attributes:
        state: Where it stands.
        reason: One sentence: why it stopped or failed; empty while all is well.
        session: Number of the present arming; 0 while disarmed or failed.
    """

    state: State = State.DISARMED
    reason: str = ""
    session: int = 0
    _next_session: int = 1

    def first_session(self, number: int) -> None:
        """Set the number of the first arming, so that two daemons never use the same one."""
        self._next_session = max(1, number)

    def allows(self, event: Event) -> bool:
        """Return whether the present state knows the event."""
        return (self.state, event) in TRANSITIONS

    def handle(self, event: Event, reason: str = "") -> State:
        """Make the transition and return the new state.

        Raises:
            SupervisorError: The present state does not allow it; names what it does allow.
        """
        target = TRANSITIONS.get((self.state, event))
        if target is None:
            possible = ", ".join(
                sorted(e for s, e in TRANSITIONS if s is self.state and e in ASKED)
            )
            raise SupervisorError(
                f"cannot {event.value} while {self.state.value}; possible now: {possible}"
            )
        if reason or target in (State.ARMED, State.RUNNING):
            self.reason = reason
        if self.state is State.DISARMED and target is State.ARMED:
            self.session, self._next_session = self._next_session, self._next_session + 1
        if target not in ENGAGED:
            self.session = 0
        self.state = target
        return target


def mermaid() -> str:
    """Draw the table as a Mermaid state diagram; docs/supervisor.md shows exactly this."""
    lines = ["stateDiagram-v2", "    [*] --> DISARMED"]
    lines += [
        f"    {source.value} --> {target.value}: {event.value}"
        for (source, event), target in TRANSITIONS.items()
        if source is not target
    ]
    return "\n".join(lines)
