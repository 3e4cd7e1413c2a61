"""What the arm's cycles say to the supervisor: silent, failed, not engaging, at rest. Pure."""

from typing import Final, NamedTuple

from robotd.core.arm_codes import ArmFault, ArmPhase, PauseCause
from robotd.core.clock import MS, MonoNs, S
from robotd.core.types import ArmTick
from robotd.modes.daemon.causes import HOLDS, Cause, cause_of_fault
from robotd.modes.daemon.supervisor import ENGAGED, Event, State

SILENT_NS: Final = 300 * MS
ENGAGE_LIMIT_NS: Final = 10 * S
STOP_LIMIT_NS: Final = 3 * S
SEEN_NS: Final = 20 * MS
"""So long after an order, the arm's cycle has seen it at either rate."""

FAULTS: Final = {
    ArmFault.NONE: "the arm process stopped without saying why",
    ArmFault.STALE_STATE: "the arm's state went stale; check the network to the controller",
    ArmFault.SAFETY_STOP: "the controller stopped the arm; see its pendant and `robotd ack`",
    ArmFault.PROGRAM_STOPPED: "the controller no longer follows setpoints; see its pendant",
    ArmFault.DRIVER_ERROR: "the arm's driver failed; see arm.log (`robotd status`)",
    ArmFault.OWN_GAP: "the arm process was held up for too long; check the computer's load",
    ArmFault.TRACKING: "the arm is not where it was told to be; check for a collision and payload",
    ArmFault.START_OUTSIDE: "the arm is outside the safety envelope; bring it back: `robotd jog`",
    ArmFault.START_MOVING: "the arm was moving when it was armed; wait until it rests",
    ArmFault.ROBOT_MODE: "the arm's joints are not powered and released; see its pendant",
    ArmFault.LINK_LOST: "the connection that carries setpoints broke; check the network",
    ArmFault.SLOW_CALL: "the arm's driver took longer than a period; check the computer's load",
    ArmFault.REFUSED: "the arm was refused before it could move; see arm.log (`robotd status`)",
}

PAUSES: Final = {
    PauseCause.FORCE: "the tool met more force than allowed; see what it touches, then resume",
    PauseCause.SPEED_SCALING: "the controller runs below full speed; raise the pendant's slider",
}


class Seen(NamedTuple):
    """What the newest cycle amounts to.

    Attributes:
        event: For the supervisor.
        reason: One sentence; empty where nothing is wrong.
        cause: What it is in the table of causes; means nothing for `AT_REST`.
    """

    event: Event
    reason: str = ""
    cause: Cause = Cause.ARM_PROCESS


class ArmWatch:
    """Knows since when the supervisor waits for the arm."""

    def __init__(self) -> None:
        self._since_ns = MonoNs(0)

    def entered(self, state: State, now: MonoNs) -> None:
        """Note that the supervisor has come into a state; waiting begins with these two."""
        if state in (State.ARMED, State.STOPPING):
            self._since_ns = now

    def look(self, now: MonoNs, tick: ArmTick | None, state: State, session: int) -> Seen | None:
        """Return the event that the newest cycle amounts to and its reason, or None.

        Args:
            now: The present.
            tick: The arm's newest cycle.
            state: The supervisor's.
            session: The supervisor's arming.
        """
        if state not in ENGAGED or tick is None:
            return None
        waited_ns = now - self._since_ns
        if state is State.ARMED and tick.session != session:  # engaging may block the arm process
            if waited_ns > ENGAGE_LIMIT_NS:
                limit_s = ENGAGE_LIMIT_NS // S
                return Seen(Event.FAIL, f"arm: did not engage within {limit_s} s; see arm.log")
            return None
        if silent(tick, now):
            silent_ms = (now - tick.t_ns) // MS
            return Seen(Event.FAIL, f"arm: no cycle for {silent_ms} ms; its process hangs")
        if tick.session == session and tick.phase is ArmPhase.FAULT:
            cause = cause_of_fault(tick.fault, tick.state.safety_bits)
            return Seen(Event.FAIL, f"arm: {FAULTS[tick.fault]}", cause)
        if state is State.RUNNING and tick.session == session and tick.hold:
            return Seen(Event.PAUSE, f"arm: {PAUSES[tick.hold]}", HOLDS[tick.hold])
        if state in (State.RUNNING, State.PAUSED) and tick.session != session:
            reason = "arm: obeys this arming no more; was its process started again?"
            return Seen(Event.FAIL, reason)
        rests = tick.phase in (ArmPhase.HOLDING, ArmPhase.DISARMED)
        if state is State.STOPPING and rests and tick.t_ns > self._since_ns + SEEN_NS:
            return Seen(Event.AT_REST)
        if state is State.STOPPING and waited_ns > STOP_LIMIT_NS:
            return Seen(Event.FAIL, f"arm: did not come to rest within {STOP_LIMIT_NS // S} s")
        return None


def silent(tick: ArmTick | None, now: MonoNs) -> bool:
    """Whether the arm process has not been heard for too long, or never."""
    return tick is None or now - tick.t_ns > SILENT_NS
