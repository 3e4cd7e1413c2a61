"""What makes the arm process stop by itself."""

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import ArmFault
from robotd.core.clock import MonoNs, S
from robotd.core.config import ArmConfig
from robotd.core.types import SAFETY_NORMAL, ArmState

BRAKED = frozenset({ArmFault.STALE_STATE, ArmFault.TRACKING})
"""Faults in which the controller still listens, so that the verified brake is sent to its end.

In the others it has stopped by itself, or cannot be reached, or held an old setpoint for so long
that the brake's next one would be a jump: then it is told to stop, and no setpoint follows."""


def fault_of_state(
    state: ArmState | None, q_cmd_rad: NDArray[np.float64], now_ns: MonoNs, config: ArmConfig
) -> ArmFault:
    """Return what is wrong with the state of an arm that should be following setpoints.

    Args:
        state: What was read; None where reading failed.
        q_cmd_rad: (6,) last setpoint [rad].
        now_ns: The present instant.
        config: Its limits of age and tracking error.
    """
    if state is None:
        return ArmFault.DRIVER_ERROR
    if not abs(now_ns - state.t_ns) <= config.max_state_age_s * S:
        return ArmFault.STALE_STATE
    if state.safety_bits != SAFETY_NORMAL:
        return ArmFault.SAFETY_STOP
    if not state.program_running:
        return ArmFault.PROGRAM_STOPPED
    if not np.abs(state.q_rad - q_cmd_rad).max() <= config.max_tracking_error_rad:
        return ArmFault.TRACKING
    return ArmFault.NONE
