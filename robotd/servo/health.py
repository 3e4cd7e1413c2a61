"""What makes the arm process stop by itself, and what it says about it."""

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import ArmFault
from robotd.core.clock import MS, MonoNs, S
from robotd.core.types import SAFETY_NORMAL, ArmState
from robotd.core.ur_codes import RobotMode, robot_mode_name, runtime_name, safety_names

BRAKED = frozenset({ArmFault.STALE_STATE, ArmFault.TRACKING})
"""Faults in which the controller still listens, so that the verified brake is sent to its end.

In the others it has stopped by itself, or cannot be reached, or held an old setpoint for so long
that the brake's next one would be a jump: then it is told to stop, and no setpoint follows."""


def fault_of_state(
    state: ArmState | None,
    q_cmd_rad: NDArray[np.float64],
    now_ns: MonoNs,
    *,
    max_age_s: float,
    max_tracking_error_rad: float,
) -> ArmFault:
    """Return what is wrong with the state of an arm that should be following setpoints.

    Args:
        state: What was read; None where reading failed.
        q_cmd_rad: (6,) last setpoint [rad].
        now_ns: The present instant.
        max_age_s: Of the controller's sample [s].
        max_tracking_error_rad: Between setpoint and measurement, of each joint [rad].
    """
    if state is None:
        return ArmFault.DRIVER_ERROR
    if not abs(now_ns - state.t_ns) <= max_age_s * S:
        return ArmFault.STALE_STATE
    if state.safety_bits != SAFETY_NORMAL:
        return ArmFault.SAFETY_STOP
    if state.robot_mode != RobotMode.RUNNING:
        return ArmFault.ROBOT_MODE
    if not state.program_running:
        return ArmFault.PROGRAM_STOPPED
    if not np.abs(state.q_rad - q_cmd_rad).max() <= max_tracking_error_rad:
        return ArmFault.TRACKING
    return ArmFault.NONE


def words_of_state(
    fault: ArmFault, state: ArmState | None, q_cmd_rad: NDArray[np.float64], now_ns: MonoNs
) -> str:
    """Return the figures behind a fault of `fault_of_state`; empty where there are none."""
    if state is None:
        return ""
    if fault is ArmFault.STALE_STATE:
        return f"the controller's newest sample is {(now_ns - state.t_ns) / MS:.0f} ms old"
    if fault is ArmFault.SAFETY_STOP:
        return f"safety status: {safety_names(state.safety_bits)}"
    if fault is ArmFault.ROBOT_MODE:
        return f"robot mode: {robot_mode_name(state.robot_mode)}"
    if fault is ArmFault.PROGRAM_STOPPED:
        return f"program: {runtime_name(state.runtime_state)}"
    if fault is ArmFault.TRACKING:
        error = np.abs(state.q_rad - q_cmd_rad)
        joint = int(error.argmax())
        return f"joint {joint + 1} is {error[joint]:.3f} rad from its setpoint"
    return ""
