"""The registers and numbers that the control script on a UR controller and its driver share."""

from dataclasses import dataclass
from enum import IntEnum

FIRST_NUMBER_BELOW = 2**30
"""The first number of a start is drawn from 1 to below this; 24 days at 500 Hz fit above it."""

LAST_NUMBER = 2**31 - 2000
"""The greatest that is sent: a register and the script's sums hold less than 2**31."""


class ScriptState(IntEnum):
    """What the control script does, or why it ended; it stays in the register after the end."""

    NONE = 0
    """Nothing was written since the controller started."""
    WAITING = 1
    """Runs, has not seen its first number: nothing moves, no watchdog is armed."""
    FOLLOWING = 2
    """The watchdog is armed; it follows the numbers."""

    ENDED_BY_REQUEST = 10
    """The stop number came."""
    ENDED_STALL = 11
    """No next number for longer than the limit, or only numbers that do not follow."""
    ENDED_NOT_FINITE = 12
    """A target held NaN, or something too large to be an angle."""
    ENDED_JOINT_RANGE = 13
    """A target lay outside the joint range."""
    ENDED_JOINT_STEP = 14
    """A target lay further from the one before than its number allows."""
    ENDED_START_FAR = 15
    """The first target lay too far from where the joints are."""
    ENDED_NEVER_STARTED = 16
    """The first number did not come in time."""
    ENDED_TRACKING = 17
    """A joint was too far from where it was told to be."""

    @property
    def ended(self) -> bool:
        """Whether the script is braking the arm, or has and left: then the program runs no more."""
        return self >= ScriptState.ENDED_BY_REQUEST


REASONS: dict[ScriptState, str] = {
    ScriptState.NONE: "the control script has not run since the controller started",
    ScriptState.WAITING: "the control script waits for its first number",
    ScriptState.FOLLOWING: "the control script follows",
    ScriptState.ENDED_BY_REQUEST: "the control script was told to stop",
    ScriptState.ENDED_STALL: "the control script saw no next setpoint in time",
    ScriptState.ENDED_NOT_FINITE: "the control script was sent a setpoint that is no angle",
    ScriptState.ENDED_JOINT_RANGE: "the control script was sent a setpoint outside its joint range",
    ScriptState.ENDED_JOINT_STEP: "the control script was sent a setpoint too far from the last",
    ScriptState.ENDED_START_FAR: "the first setpoint was too far from the measured joints",
    ScriptState.ENDED_NEVER_STARTED: "the control script waited in vain for its first setpoint",
    ScriptState.ENDED_TRACKING: "the control script saw a joint too far from its setpoint",
}
"""Each state in words, for the sentence that a person reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptRegisters:
    """Which general-purpose registers the control script and its driver use.

    Registers 0 to 23 belong to fieldbus and PLC as well, 24 to 47 to RTDE alone (UR RTDE guide).

    Into the controller go, in one packet a tick, the number of the setpoint and its six joints.
    The number of a start's first setpoint is random. It is sent, with the joints as measured, until
    the script says FOLLOWING; each packet after that adds one. The first number negated is the stop
    number, sent until the program runs no more, because a watchdog that starves meanwhile may make
    it a protective stop. Out come the number acknowledged (the first number negated while the
    script waits, so that a script of an earlier start is told from this one) and a `ScriptState`.

    Attributes:
        base: First register of each kind: 0 or 24.
    """

    base: int = 24

    def __post_init__(self) -> None:
        if self.base not in (0, 24):
            raise ValueError(f"register base: got {self.base}, valid: 0 and 24")

    @property
    def number(self) -> str:
        """RTDE name of the input register with the setpoint's number (INT32)."""
        return f"input_int_register_{self.base}"

    @property
    def joints(self) -> tuple[str, ...]:
        """RTDE names of the six input registers with the setpoint [rad] (DOUBLE)."""
        return tuple(f"input_double_register_{self.base + i}" for i in range(6))

    @property
    def inputs(self) -> tuple[str, ...]:
        """The input recipe: number, then six joints."""
        return (self.number, *self.joints)

    @property
    def acknowledged(self) -> str:
        """RTDE name of the output register with the number acknowledged (INT32)."""
        return f"output_int_register_{self.base}"

    @property
    def state(self) -> str:
        """RTDE name of the output register with the `ScriptState` (INT32)."""
        return f"output_int_register_{self.base + 1}"
