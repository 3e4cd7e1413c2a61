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
