"""What the arm is told and what it reports, one cycle each."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from robotd.core.arrays import check_shape, freeze
from robotd.core.clock import MonoNs
from robotd.core.ur_codes import RobotMode, RuntimeState, SafetyBit


@dataclass(frozen=True, slots=True, kw_only=True)
class Setpoint:
    """Joint positions that the gate let through. Only `servo/gate.py` builds one.

    Attributes:
        q_rad: (6,) joint positions [rad].
    """

    q_rad: NDArray[np.float64]

    def __post_init__(self) -> None:
        check_shape("Setpoint.q_rad", self.q_rad, (6,))
        freeze(self.q_rad)


SAFETY_NORMAL = int(SafetyBit.NORMAL)
"""Safety status word of a healthy controller: bit 0 (normal mode) alone (UR RTDE guide)."""

FULL_SPEED = 0.99
"""Plans of a policy, a replay or the daemon are timed for full speed, a speed scaling of this much
or more. A person sees what the arm does and waits for it."""

NO_FORCE: NDArray[np.float64] = np.zeros(6)
"""(6,) zeros, read-only: nothing pushes."""
NO_FORCE.setflags(write=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmState:
    """What the arm reported at one instant.

    Attributes:
        t_ns: When the controller sampled it.
        q_rad: (6,) joint positions [rad].
        qd_rad_s: (6,) joint velocities [rad/s].
        T_base_tcp: (4, 4) pose of the tool centre point in the base frame [m].
        safety_bits: UR safety status bits 0 to 10; `SAFETY_NORMAL` when all is well.
        program_running: Whether the controller follows setpoints.
        speed_scaling: Speed slider times the controller's own slowing down, 0 to 1.
        robot_mode: A `RobotMode`; the number as it came.
        runtime_state: A `RuntimeState`; the number as it came.
        force_n: (6,) wrench at the tool in the base frame, payload taken off [N, Nm].
        current_a: (6,) joint currents beyond what the controller expects of the motion [A].
    """

    t_ns: MonoNs
    q_rad: NDArray[np.float64]
    qd_rad_s: NDArray[np.float64]
    T_base_tcp: NDArray[np.float64]
    safety_bits: int = SAFETY_NORMAL
    program_running: bool = True
    speed_scaling: float = 1.0
    robot_mode: int = RobotMode.RUNNING.value
    runtime_state: int = RuntimeState.PLAYING.value
    force_n: NDArray[np.float64] = field(default_factory=lambda: NO_FORCE)
    current_a: NDArray[np.float64] = field(default_factory=lambda: NO_FORCE)

    def __post_init__(self) -> None:
        check_shape("ArmState.q_rad", self.q_rad, (6,))
        check_shape("ArmState.qd_rad_s", self.qd_rad_s, (6,))
        check_shape("ArmState.T_base_tcp", self.T_base_tcp, (4, 4))
        check_shape("ArmState.force_n", self.force_n, (6,))
        check_shape("ArmState.current_a", self.current_a, (6,))
        freeze(self.q_rad, self.qd_rad_s, self.T_base_tcp, self.force_n, self.current_a)
