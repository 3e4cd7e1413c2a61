"""The commands of ur_rtde's control script, by the numbers that its clients write.

Source: ur_rtde 1.6.5, the text that its `RTDEControlInterface` sends.
"""

from enum import IntEnum
from typing import Final


class Command(IntEnum):
    """What a client may ask for, as far as it is known here."""

    MOVEJ = 1
    MOVEJ_IK = 2
    MOVEL = 3
    MOVEL_FK = 4
    FORCE_MODE = 6
    END_FORCE_MODE = 7
    ZERO_FTSENSOR = 8
    SPEEDJ = 9
    SPEEDL = 10
    SERVOJ = 11
    SERVOC = 12
    SPEED_STOP = 15
    SERVO_STOP = 16
    SET_PAYLOAD = 17
    TEACH_MODE = 18
    END_TEACH_MODE = 19
    FORCE_MODE_SET_DAMPING = 20
    FORCE_MODE_SET_GAIN_SCALING = 21
    SERVOL = 24
    TOOL_CONTACT = 25
    GET_STEPTIME = 26
    GET_ACTUAL_JOINT_POSITIONS = 27
    GET_TARGET_WAYPOINT = 28
    SET_TCP = 29
    GET_INVERSE_KIN_NEAR = 30
    PROTECTIVE_STOP = 31
    STOPL = 33
    STOPJ = 34
    SET_WATCHDOG = 35
    IS_POSE_WITHIN_LIMITS = 36
    IS_JOINTS_WITHIN_LIMITS = 37
    GET_JOINT_TORQUES = 38
    POSE_TRANS = 39
    GET_TCP_OFFSET = 40
    JOG_START = 41
    JOG_STOP = 42
    GET_FORWARD_KIN = 43
    GET_FORWARD_KIN_OF = 44
    MOVE_PATH = 45
    GET_INVERSE_KIN = 46
    IS_STEADY = 47
    MOVE_UNTIL_CONTACT = 51
    FREEDRIVE_MODE = 52
    END_FREEDRIVE_MODE = 53
    GET_FREEDRIVE_STATUS = 54
    FT_RTDE_INPUT_ENABLE = 56
    ENABLE_EXTERNAL_FT_SENSOR = 57
    GET_FLANGE_POSE = 58
    SET_GRAVITY = 59
    HAS_INVERSE_KIN = 60
    HAS_INVERSE_KIN_NEAR = 61
    START_CONTACT_DETECTION = 62
    STOP_CONTACT_DETECTION = 63
    READ_CONTACT_DETECTION = 64
    SET_TARGET_PAYLOAD = 65
    DIRECT_TORQUE = 66
    GET_MASS_MATRIX = 67
    GET_CORIOLIS_AND_CENTRIFUGAL_TORQUES = 68
    GET_TARGET_JOINT_ACCELERATIONS = 69
    GET_JACOBIAN = 70
    GET_JACOBIAN_TIME_DERIVATIVE = 71
    STOP_SCRIPT = 255


REAL_TIME: Final = frozenset(
    {
        Command.FORCE_MODE,
        Command.SPEEDJ,
        Command.SPEEDL,
        Command.SERVOJ,
        Command.SERVOL,
        Command.TOOL_CONTACT,
        Command.GET_STEPTIME,
        Command.GET_ACTUAL_JOINT_POSITIONS,
        Command.GET_JOINT_TORQUES,
        Command.GET_FLANGE_POSE,
        Command.DIRECT_TORQUE,
        Command.GET_MASS_MATRIX,
        Command.GET_CORIOLIS_AND_CENTRIFUGAL_TORQUES,
        Command.GET_TARGET_JOINT_ACCELERATIONS,
        Command.GET_JACOBIAN,
        Command.GET_JACOBIAN_TIME_DERIVATIVE,
    }
)
"""Processed in every cycle in which they stand there."""

WITHOUT_EFFECT: Final = frozenset(
    {
        Command.FORCE_MODE,
        Command.END_FORCE_MODE,
        Command.TEACH_MODE,
        Command.END_TEACH_MODE,
        Command.FORCE_MODE_SET_DAMPING,
        Command.FORCE_MODE_SET_GAIN_SCALING,
        Command.FREEDRIVE_MODE,
        Command.END_FREEDRIVE_MODE,
        Command.FT_RTDE_INPUT_ENABLE,
        Command.ENABLE_EXTERNAL_FT_SENSOR,
        Command.SET_GRAVITY,
        Command.START_CONTACT_DETECTION,
        Command.STOP_CONTACT_DETECTION,
    }
)
"""Answered like a real one, but nothing comes of it; the log says so."""

REFUSED: Final = frozenset(
    {
        Command.DIRECT_TORQUE,
        Command.GET_MASS_MATRIX,
        Command.GET_CORIOLIS_AND_CENTRIFUGAL_TORQUES,
        Command.GET_TARGET_JOINT_ACCELERATIONS,
        Command.GET_JACOBIAN_TIME_DERIVATIVE,
    }
)
"""Not emulated: the script ends."""
