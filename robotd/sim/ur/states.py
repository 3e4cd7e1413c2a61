"""The numbers by which a UR controller says how joints and safety are, and which bits that sets.

Source: Universal Robots, "Real-Time Data Exchange (RTDE) guide" and "Dashboard Server".
"""

from enum import IntEnum
from typing import Final


class JointMode(IntEnum):
    """RTDE `joint_mode`."""

    POWER_OFF = 239
    BOOTING = 247
    RUNNING = 253
    IDLE = 255


class SafetyMode(IntEnum):
    """RTDE `safety_mode`; the dashboard says the name."""

    NORMAL = 1
    REDUCED = 2
    PROTECTIVE_STOP = 3
    RECOVERY = 4
    SAFEGUARD_STOP = 5
    SYSTEM_EMERGENCY_STOP = 6
    ROBOT_EMERGENCY_STOP = 7
    VIOLATION = 8
    FAULT = 9


STOPPED_BIT: Final = 1 << 10
"""Safety status bit 10: stopped due to safety."""

BITS: Final = {
    SafetyMode.NORMAL: 1 << 0,
    SafetyMode.REDUCED: 1 << 1,
    SafetyMode.PROTECTIVE_STOP: 1 << 2 | STOPPED_BIT,
    SafetyMode.RECOVERY: 1 << 3,
    SafetyMode.SAFEGUARD_STOP: 1 << 4 | STOPPED_BIT,
    SafetyMode.SYSTEM_EMERGENCY_STOP: 1 << 5 | 1 << 7 | STOPPED_BIT,
    SafetyMode.ROBOT_EMERGENCY_STOP: 1 << 6 | 1 << 7 | STOPPED_BIT,
    SafetyMode.VIOLATION: 1 << 8 | STOPPED_BIT,
    SafetyMode.FAULT: 1 << 9 | STOPPED_BIT,
}
"""Safety status bits that a condition sets: all eleven occur."""

RANK: Final = (
    SafetyMode.FAULT,
    SafetyMode.VIOLATION,
    SafetyMode.ROBOT_EMERGENCY_STOP,
    SafetyMode.SYSTEM_EMERGENCY_STOP,
    SafetyMode.SAFEGUARD_STOP,
    SafetyMode.PROTECTIVE_STOP,
    SafetyMode.RECOVERY,
    SafetyMode.REDUCED,
)
"""Which of several conditions is the mode."""
