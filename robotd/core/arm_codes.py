"""What the gate and the arm process can say: closed lists, as numbers in shared memory."""

from dataclasses import dataclass
from enum import IntEnum


class Limit(IntEnum):
    """Which limit of the envelope refused a candidate."""

    NONE = 0
    FINITE = 1
    JOINT_RANGE = 2
    JOINT_SPEED = 3
    JOINT_ACCELERATION = 4
    WORKSPACE = 5
    TABLE = 6
    TOOL_SPEED = 7
    TOOL_CONE = 8
    SINGULARITY = 9
    ELBOW = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the gate did with one candidate.

    Attributes:
        accepted: The candidate itself was emitted.
        limit: The first limit that refused it; `NONE` when accepted.
        braking: The emitted setpoint belongs to the verified brake.
    """

    accepted: bool
    limit: Limit = Limit.NONE
    braking: bool = False


class Source(IntEnum):
    """Who wants the arm to move so."""

    HOLD = 0
    """Nobody: it brakes or stands still."""
    APPROACH = 1
    """The daemon itself, on its way to where something starts."""
    HUMAN = 2
    POLICY = 3
    REPLAY = 4
    """What an episode recorded."""
    JOG = 5
    """A person, slowly, on the way out of trouble."""


class ArmPhase(IntEnum):
    """What the arm process is doing."""

    DISARMED = 0
    HOLDING = 1
    FOLLOWING = 2
    BRAKING = 3
    FAULT = 4


class ArmFault(IntEnum):
    """Why the arm process stopped by itself; latched until a new session begins."""

    NONE = 0
    STALE_STATE = 1
    SAFETY_STOP = 2
    PROGRAM_STOPPED = 3
    DRIVER_ERROR = 4
    OWN_GAP = 5
    TRACKING = 6
    START_OUTSIDE = 7
    START_MOVING = 8
    ROBOT_MODE = 9
    """The joints are not powered and released."""
    LINK_LOST = 10
    """The connection that carries setpoints broke, or the controller acknowledges none."""
    SLOW_CALL = 11
    """A call of the driver took longer than a period."""
    REFUSED = 12
    """The checks before arming found something, or the controller would not start the program."""


class PauseCause(IntEnum):
    """Why the arm process brakes by itself though the arm is well: needs a person's resume."""

    NONE = 0
    FORCE = 1
    """The tool's force, or a joint's current, was over its bound for too long."""
    SPEED_SCALING = 2
    """The controller runs slower than plans are timed for."""
