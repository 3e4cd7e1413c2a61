"""What an emulated controller is set up as, before anybody connects."""

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from robotd.core.config import ArmConfig
from robotd.core.geometry import pose_from_quat
from robotd.core.ur_models import DhParameters, ur_model
from robotd.sim.ur.arm.pose6 import pose6_of
from robotd.sim.ur.limits import SafetyLimits
from robotd.sim.ur.version import DEFAULT_VERSIONS, PolyScope

READY_Q: Final = (-1.57, -1.57, -1.57, -1.57, 1.57, 0.0)
"""Where a controller outside of a cell begins [rad]: tool down, nothing near a limit."""

PauseOrStop = Literal["pause", "stop"]


@dataclass(slots=True, kw_only=True)
class ControllerSetup:
    """What a person would set on the pendant, and what is printed on the arm.

    Attributes:
        model: `ur5` or `ur5e`.
        shown_model: What it says that it is, where that is not so.
        version: Its software.
        serial: On the arm's plate.
        tcp_offset: Active tool centre point in the flange frame, as a pose of six numbers.
        payload_kg: Active payload.
        payload_cog_m: Its centre of gravity in the flange frame [m].
        q_start: Joints at the start [rad].
        ready: Whether it begins powered, brakes released; else switched off.
        on_protective_stop: What becomes of the program; both are seen on real ones.
        limits: Of the safety system.
        dh: Its kinematics; by default the model's nominal ones.
    """

    model: str
    shown_model: str = ""
    version: PolyScope
    serial: str = "20225500001"
    tcp_offset: list[float] = field(default_factory=lambda: [0.0] * 6)
    payload_kg: float = 0.0
    payload_cog_m: list[float] = field(default_factory=lambda: [0.0] * 3)
    q_start: list[float] = field(default_factory=lambda: list(READY_Q))
    ready: bool = True
    on_protective_stop: PauseOrStop = "pause"
    limits: SafetyLimits = field(default_factory=SafetyLimits)
    dh: DhParameters | None = None

    @property
    def rate_hz(self) -> float:
        """Controller cycles a second."""
        return ur_model(self.model).servo_rate_hz

    @property
    def kinematics(self) -> DhParameters:
        """The parameters in force."""
        return self.dh or ur_model(self.model).dh


def of_model(model: str, version: PolyScope | None = None) -> ControllerSetup:
    """Return a controller of that model as it leaves its box, but switched on."""
    return ControllerSetup(model=model, version=version or DEFAULT_VERSIONS[model])


def of_arm(arm: ArmConfig) -> ControllerSetup:
    """Return a controller that is set up as a cell's arm says."""
    setup = of_model(arm.model)
    setup.tcp_offset = pose6_of(pose_from_quat(arm.tool.position_m, arm.tool.quat_wxyz))
    setup.payload_kg = arm.payload_kg
    setup.q_start = list(arm.home_q_rad)
    own = arm.calibrated_dh
    if own is not None:
        a_m, d_m, alpha_rad, theta_rad = map(
            np.array, (own.a_m, own.d_m, own.alpha_rad, own.theta_rad)
        )
        setup.dh = DhParameters(a_m=a_m, d_m=d_m, alpha_rad=alpha_rad, theta_rad=theta_rad)
    if arm.ur.serial:
        setup.serial = arm.ur.serial
    if arm.ur.polyscope:
        setup.version = PolyScope.parse(arm.ur.polyscope)
    return setup
