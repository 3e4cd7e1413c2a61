"""What safety bits, modes and program states mean for arming, as findings with what to do."""

from typing import Final

from robotd.core.arm_state import FULL_SPEED
from robotd.core.finding import Finding
from robotd.core.ur_codes import (
    RobotMode,
    RuntimeState,
    SafetyBit,
    robot_mode_name,
    runtime_name,
    safety_names,
)

_TO_DO: Final = {
    SafetyBit.FAULT: "see the pendant; `robotd ack` leads through restarting the safety system",
    SafetyBit.VIOLATION: "see the pendant; `robotd ack` leads through restarting it",
    SafetyBit.ROBOT_EMERGENCY_STOP: "release the emergency stop button, then power on",
    SafetyBit.SYSTEM_EMERGENCY_STOP: "release the system's emergency stop, then power on",
    SafetyBit.EMERGENCY_STOP: "release the emergency stop, then power on",
    SafetyBit.SAFEGUARD_STOP: "clear the safeguard (door, light curtain) and reset it",
    SafetyBit.PROTECTIVE_STOP: "see what the arm met, wait 5 s, then unlock it by `robotd ack`",
    SafetyBit.RECOVERY: "move the arm back inside its safety limits on the pendant",
    SafetyBit.REDUCED: "leave reduced mode: its limits are not those of this cell",
    SafetyBit.STOPPED_BY_SAFETY: "see the pendant for which safety function stopped it",
}
"""The gravest first."""


def safety_finding(bits: int) -> Finding:
    """Say whether the safety system lets the arm move."""
    found = safety_names(bits)
    if bits == SafetyBit.NORMAL:
        return Finding(name="safety", found=found, status="ok", expected="normal")
    fix = next((words for bit, words in _TO_DO.items() if bits & bit), "see the pendant")
    return Finding(name="safety", found=found, status="fail", expected="normal alone", fix=fix)


def mode_finding(mode: int) -> Finding:
    """Say whether the joints are powered and released."""
    if mode == RobotMode.RUNNING:
        return Finding(name="robot mode", found="running", status="ok", expected="running")
    return Finding(
        name="robot mode",
        found=robot_mode_name(mode),
        status="fail",
        expected="running",
        fix="power on and release the brakes on the pendant, or by `robotd ack`",
    )


def program_finding(state: int) -> Finding:
    """Say whether another program has the arm: it would be ended by ours."""
    if state == RuntimeState.STOPPED:
        return Finding(name="program", found="stopped", status="ok", expected="stopped")
    return Finding(
        name="program",
        found=runtime_name(state),
        status="fail",
        expected="stopped",
        fix="stop the program on the pendant",
    )


def speed_finding(scaling: float) -> Finding:
    """Say whether plans would be followed at the speed that they are timed for."""
    found = f"{scaling:.0%}"
    if scaling >= FULL_SPEED:
        return Finding(name="speed slider", found=found, status="ok", expected="100%")
    return Finding(
        name="speed slider",
        found=found,
        status="warn",
        expected="100%",
        fix="raise the slider on the pendant: below, no policy is run",
    )
