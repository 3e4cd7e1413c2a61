"""What a person may ask of the controller through the arm process while no session is obeyed.

The daemon writes an `ArmRequest` into one ring, the arm process answers in another. It does what
came after it started, was asked just now, and only while it does not follow setpoints: so no step
is done twice, late, after a restart, or while the arm moves.
"""

from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct

from robotd.core.packing import Packing


class RecoveryStep(StrEnum):
    """One step on the way back from a stop; each is asked for by a person."""

    UNLOCK = "unlock"
    """Unlock a protective stop; a controller refuses it within `UNLOCK_WAIT_S` of the stop."""
    RESTART_SAFETY = "restart safety"
    """Restart the safety system after a violation or a fault; the arm is without power then."""
    POWER_ON = "power on"
    """Power on; the brakes stay closed."""
    BRAKE_RELEASE = "release brakes"
    """Release the brakes: the joints click and move a little."""


UNLOCK_WAIT_S: Final = 5.0
"""A protective stop can be unlocked so long after it began (UR dashboard server)."""

REQUEST_AGE_S: Final = 1.0
"""A request is done so long after it was written, later never."""

REQUEST_BYTES: Final = 512
ANSWER_BYTES: Final = 4096
REQUESTS_KEPT_N: Final = 8


class ArmRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step that a person asked for.

    Attributes:
        t_ns: When, on the robot computer's monotonic clock.
        number: Growing; the answer names it.
        step: What to do.
    """

    t_ns: int
    number: int
    step: RecoveryStep


class ArmAnswer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of a request.

    Attributes:
        t_ns: When it was done or refused.
        number: The request's.
        refusal: The controller's own sentence; empty where it did the step.
    """

    t_ns: int
    number: int
    refusal: str = ""


_requests = Packing[ArmRequest]("arm request", ArmRequest)
pack_arm_request = _requests.pack
unpack_arm_request = _requests.unpack

_answers = Packing[ArmAnswer]("arm answer", ArmAnswer)
unpack_arm_answer = _answers.unpack


def pack_arm_answer(answer: ArmAnswer) -> bytes:
    """Return the bytes of an answer; a sentence that is too long is cut."""
    cut = msgspec.structs.replace(answer, refusal=answer.refusal[: ANSWER_BYTES // 8])
    return _answers.pack(cut)
