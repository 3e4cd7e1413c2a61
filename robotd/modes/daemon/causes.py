"""Why the cell stopped, and what a person does about it: one table, shown by `status` and `ack`.

Pure. What the controller needs (unlock, power) is read off its state in `recovery.py`; here stands
what happened, what to look at before, and how it goes on.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from robotd.core.arm_codes import ArmFault, PauseCause
from robotd.core.ur_codes import SafetyBit


class Cause(StrEnum):
    """Why the cell stopped; the part before the table's sentence."""

    PROTECTIVE_STOP = "protective stop"
    SAFEGUARD_STOP = "safeguard stop"
    EMERGENCY_STOP = "emergency stop"
    VIOLATION = "safety violation"
    JOINT_LIMITS = "recovery mode"
    NOT_POWERED = "not powered"
    PROGRAM = "program stopped"
    LINK = "link lost"
    DRIVER = "driver failed"
    REFUSED = "refused"
    HELD_UP = "held up"
    TRACKING = "not where it should be"
    OUTSIDE = "outside the envelope"
    MOVING = "was moving"
    ARM_PROCESS = "arm process"
    FORCE = "force"
    SPEED = "speed slider"
    DAEMON = "daemon held up"
    CAMERA = "camera silent"
    PROCESS = "process died"
    RECORDER = "recorder"
    ACTIVITY = "cannot go on"
    CLIENT = "client lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """What a person is told.

    Attributes:
        happened: What happened, one sentence.
        checks: What to look at before anything moves again.
        then: How it goes on once that is done.
    """

    happened: str
    checks: tuple[str, ...]
    then: str


_ARM = "Acknowledge, then arm again: the control script is sent anew, and motion begins at rest."
_RESUME = "Resume: motion begins at rest from where the arm is."
_LOAD = "Is the computer busy with something else? See the arm's lateness (`robotd status`)."
_SEE_LOG = "What does the log of that process say? Its folder is in `robotd status`."

GUIDANCE: Final[dict[Cause, Guidance]] = {
    Cause.PROTECTIVE_STOP: Guidance(
        happened="The controller stopped the arm to protect it: a collision, too much load, or a "
        "motion that it cannot follow.",
        checks=(
            "Is anything or anybody touching the arm, tool or cable? Free it first.",
            "What does the pendant say? Is payload and centre of mass as in the cell's file?",
        ),
        then=_ARM,
    ),
    Cause.SAFEGUARD_STOP: Guidance(
        happened="A safeguard input stopped the arm: a door, a light curtain or a switch.",
        checks=("Is the cell clear of people?", "Close the door and reset the safeguard."),
        then=_ARM,
    ),
    Cause.EMERGENCY_STOP: Guidance(
        happened="An emergency stop button was pressed; the arm has no power.",
        checks=(
            "Is the reason gone, and everybody clear of the arm?",
            "Release the button: turn it.",
        ),
        then=_ARM,
    ),
    Cause.VIOLATION: Guidance(
        happened="The controller's safety system found a violation or a fault of its own; the arm "
        "has no power.",
        checks=(
            "What does the pendant's log say? A fault that comes back needs the vendor.",
            "Are the pendant's safety limits wider than the cell's envelope?",
        ),
        then=_ARM,
    ),
    Cause.JOINT_LIMITS: Guidance(
        happened="A joint or the tool is beyond the controller's own safety limits; it is in "
        "recovery mode.",
        checks=("Move the arm back inside with the pendant: recovery mode allows it slowly.",),
        then=_ARM,
    ),
    Cause.NOT_POWERED: Guidance(
        happened="The arm's joints are not powered, or their brakes are closed.",
        checks=("Is everybody clear of the arm? Its joints move a little when brakes release.",),
        then=_ARM,
    ),
    Cause.PROGRAM: Guidance(
        happened="The controller no longer runs the control script: it was stopped or paused at "
        "the pendant, remote control was taken away, or the script ended by itself.",
        checks=(
            "Is the pendant in remote control, and has nobody pressed stop?",
            "Did the script stall? Then see whether this computer was held up.",
        ),
        then=_ARM,
    ),
    Cause.LINK: Guidance(
        happened="Nothing fresh came from the controller: the connection broke or froze, or the "
        "controller restarted. The script's own watchdog has stopped the arm.",
        checks=(
            "Is the controller on, and its cable plugged in at both ends?",
            "Does it share its network with other traffic? See `robotd doctor`.",
        ),
        then=_ARM,
    ),
    Cause.DRIVER: Guidance(
        happened="The arm's driver failed.",
        checks=(_SEE_LOG, "See `robotd doctor`."),
        then=_ARM,
    ),
    Cause.REFUSED: Guidance(
        happened="Arming was refused before anything could move.",
        checks=("See `robotd doctor`: found, expected, and how to fix it.",),
        then=_ARM,
    ),
    Cause.HELD_UP: Guidance(
        happened="The arm process was held up for longer than it allows itself.",
        checks=(_LOAD, "Has it real-time rights? See `robotd doctor`."),
        then=_ARM,
    ),
    Cause.TRACKING: Guidance(
        happened="The arm was not where it was told to be.",
        checks=(
            "Has it hit something, or is something holding it?",
            "Are payload and tool as in the cell's file?",
        ),
        then=_ARM,
    ),
    Cause.OUTSIDE: Guidance(
        happened="The arm stands outside the cell's safety envelope.",
        checks=("Which bound is it? `robotd jog` says so, and leads only back inside.",),
        then="Acknowledge, then `robotd jog`: dead-man, 20 mm/s, no violation may grow.",
    ),
    Cause.MOVING: Guidance(
        happened="The arm was moving when it was armed.",
        checks=("Is it in freedrive, or is another program moving it?",),
        then=_ARM,
    ),
    Cause.ARM_PROCESS: Guidance(
        happened="The arm process died, hung, or did not do what it was told; the controller's "
        "watchdog has stopped the arm.",
        checks=(_SEE_LOG, _LOAD),
        then=_ARM,
    ),
    Cause.FORCE: Guidance(
        happened="The tool met more force than allowed; the arm braked and holds.",
        checks=("What does the tool touch? Free it, or jog away after stopping.",),
        then=_RESUME,
    ),
    Cause.SPEED: Guidance(
        happened="The controller runs below full speed; plans are timed for full speed.",
        checks=("Set the pendant's speed slider to 100 %.", "Is it in reduced mode?"),
        then=_RESUME + " To go slower use `robotd run --speed`.",
    ),
    Cause.DAEMON: Guidance(
        happened="The daemon was held up for so long that its orders no longer counted; the arm "
        "braked and holds.",
        checks=(_LOAD,),
        then=_RESUME,
    ),
    Cause.CAMERA: Guidance(
        happened="A camera brought no new picture for too long, or the same one again and again; "
        "where that goes on, its process is started again.",
        checks=(
            "Is it plugged in, into a USB 3 port, without a hub?",
            _SEE_LOG,
            "Where it happens with a busy computer only: `observe.missed_frames_stop`.",
        ),
        then=_RESUME,
    ),
    Cause.PROCESS: Guidance(
        happened="A process of the cell died and is started again.",
        checks=(_SEE_LOG, "Is its device plugged in?"),
        then=_RESUME,
    ),
    Cause.RECORDER: Guidance(
        happened="The episode could not be recorded any further; what was recorded is kept.",
        checks=("Is there room on the disk, and is it fast enough?", _SEE_LOG),
        then="Stop, or resume where a new episode may begin.",
    ),
    Cause.ACTIVITY: Guidance(
        happened="What moved the arm could not go on.",
        checks=("See the sentence: policy, cameras, or the way to the start.",),
        then=_RESUME,
    ),
    Cause.CLIENT: Guidance(
        happened="The program that drove the cell disappeared; the arm was brought to rest.",
        checks=("Why did it end? See its terminal.",),
        then="Start it again.",
    ),
}

_FAULTS: Final[dict[ArmFault, Cause]] = {
    ArmFault.NONE: Cause.ARM_PROCESS,
    ArmFault.STALE_STATE: Cause.LINK,
    ArmFault.LINK_LOST: Cause.LINK,
    ArmFault.PROGRAM_STOPPED: Cause.PROGRAM,
    ArmFault.DRIVER_ERROR: Cause.DRIVER,
    ArmFault.OWN_GAP: Cause.HELD_UP,
    ArmFault.SLOW_CALL: Cause.HELD_UP,
    ArmFault.TRACKING: Cause.TRACKING,
    ArmFault.START_OUTSIDE: Cause.OUTSIDE,
    ArmFault.START_MOVING: Cause.MOVING,
    ArmFault.ROBOT_MODE: Cause.NOT_POWERED,
    ArmFault.REFUSED: Cause.REFUSED,
    ArmFault.SAFETY_STOP: Cause.PROTECTIVE_STOP,  # where no bit says more
}

_BITS: Final[tuple[tuple[SafetyBit, Cause], ...]] = (
    (SafetyBit.VIOLATION | SafetyBit.FAULT, Cause.VIOLATION),
    (
        SafetyBit.EMERGENCY_STOP | SafetyBit.ROBOT_EMERGENCY_STOP | SafetyBit.SYSTEM_EMERGENCY_STOP,
        Cause.EMERGENCY_STOP,
    ),
    (SafetyBit.SAFEGUARD_STOP, Cause.SAFEGUARD_STOP),
    (SafetyBit.PROTECTIVE_STOP, Cause.PROTECTIVE_STOP),
    (SafetyBit.RECOVERY, Cause.JOINT_LIMITS),
)
"""The gravest first."""

HOLDS: Final[dict[PauseCause, Cause]] = {
    PauseCause.NONE: Cause.ACTIVITY,
    PauseCause.FORCE: Cause.FORCE,
    PauseCause.SPEED_SCALING: Cause.SPEED,
}


def cause_of_safety(bits: int) -> Cause | None:
    """Return what a controller's safety status amounts to; None where nothing stopped it."""
    return next((cause for mask, cause in _BITS if bits & mask), None)


def cause_of_fault(fault: ArmFault, safety_bits: int) -> Cause:
    """Return why the arm process stopped by itself.

    Args:
        fault: What it says.
        safety_bits: Of the controller then: a safety stop also ends the program.
    """
    return cause_of_safety(safety_bits) or _FAULTS[fault]
