"""What the numbers of a UR controller's status mean, as its RTDE guide lists them."""

from enum import IntEnum, IntFlag


class RobotMode(IntEnum):
    """The output `robot_mode`: how far the arm is switched on."""

    NO_CONTROLLER = -1
    DISCONNECTED = 0
    CONFIRM_SAFETY = 1
    BOOTING = 2
    POWER_OFF = 3
    POWER_ON = 4
    IDLE = 5
    BACKDRIVE = 6
    RUNNING = 7
    UPDATING_FIRMWARE = 8


class RuntimeState(IntEnum):
    """The output `runtime_state`: what the controller's program does."""

    STOPPING = 0
    STOPPED = 1
    PLAYING = 2
    PAUSING = 3
    PAUSED = 4
    RESUMING = 5


class SafetyBit(IntFlag):
    """The eleven bits of the output `safety_status_bits`."""

    NORMAL = 1 << 0
    REDUCED = 1 << 1
    PROTECTIVE_STOP = 1 << 2
    RECOVERY = 1 << 3
    SAFEGUARD_STOP = 1 << 4
    SYSTEM_EMERGENCY_STOP = 1 << 5
    ROBOT_EMERGENCY_STOP = 1 << 6
    EMERGENCY_STOP = 1 << 7
    VIOLATION = 1 << 8
    FAULT = 1 << 9
    STOPPED_BY_SAFETY = 1 << 10


_BIT_NAMES = {
    SafetyBit.NORMAL: "normal",
    SafetyBit.REDUCED: "reduced mode",
    SafetyBit.PROTECTIVE_STOP: "protective stop",
    SafetyBit.RECOVERY: "recovery mode",
    SafetyBit.SAFEGUARD_STOP: "safeguard stop",
    SafetyBit.SYSTEM_EMERGENCY_STOP: "emergency stop of the system",
    SafetyBit.ROBOT_EMERGENCY_STOP: "emergency stop of the robot",
    SafetyBit.EMERGENCY_STOP: "emergency stop",
    SafetyBit.VIOLATION: "safety violation",
    SafetyBit.FAULT: "safety fault",
    SafetyBit.STOPPED_BY_SAFETY: "stopped by safety",
}
ALL_SAFETY_BITS = (1 << len(_BIT_NAMES)) - 1
"""The bits that mean something; controllers leave the others at zero."""


def safety_names(bits: int) -> str:
    """Return the bits of a safety status word by name, `none` where all are zero."""
    names = [name for bit, name in _BIT_NAMES.items() if bits & bit]
    if unknown := bits & ~ALL_SAFETY_BITS:
        names.append(f"unknown {unknown:#x}")
    return ", ".join(names) or "none"


def robot_mode_name(mode: int) -> str:
    """Return a robot mode in words: `power off`, or its number where it is unknown."""
    return _words(RobotMode, mode)


def runtime_name(state: int) -> str:
    """Return a runtime state in words: `paused`, or its number where it is unknown."""
    return _words(RuntimeState, state)


def _words(codes: type[IntEnum], number: int) -> str:
    if number not in [code.value for code in codes]:
        return f"unknown ({number})"
    return codes(number).name.lower().replace("_", " ")
