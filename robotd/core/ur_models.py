"""What Universal Robots publishes about the arms that robotd drives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import pi, radians
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class DhParameters:
    """Denavit-Hartenberg parameters of a six-joint arm, in the convention of Universal Robots.

    Link i is `Rz(q_i + theta_i) Tz(d_i) Tx(a_i) Rx(alpha_i)` (Denavit and Hartenberg 1955).
    A cell's own factory calibration goes in as nominal + delta. There the nearly parallel axes 2, 3
    and 4 give `d` of hundreds of metres that cancel out: this is valid.

    Attributes:
        a_m: (6,) link lengths [m].
        d_m: (6,) link offsets [m].
        alpha_rad: (6,) link twists [rad].
        theta_rad: (6,) joint angle offsets [rad]; zero in the nominal tables.

    Raises:
        ValueError: A field is not six finite numbers.
    """

    a_m: NDArray[np.float64]
    d_m: NDArray[np.float64]
    alpha_rad: NDArray[np.float64]
    theta_rad: NDArray[np.float64] = field(default_factory=lambda: np.zeros(6))

    def __post_init__(self) -> None:
        for name in ("a_m", "d_m", "alpha_rad", "theta_rad"):
            array = np.array(getattr(self, name), dtype=np.float64)
            if array.shape != (6,) or not np.isfinite(array).all():
                raise ValueError(f"DhParameters.{name}: expected 6 finite numbers, got {array}")
            array.setflags(write=False)
            object.__setattr__(self, name, array)


@dataclass(frozen=True, slots=True, kw_only=True)
class UrModel:
    """The vendor's figures for one arm model.

    Attributes:
        name: As in the configuration.
        dh: Nominal kinematics, without the factory calibration of a single arm.
        joint_min_rad: (6,) mechanical joint range, lower end [rad].
        joint_max_rad: (6,) mechanical joint range, upper end [rad].
        joint_speed_max_rad_s: (6,) top joint speeds [rad/s].
        servo_rate_hz: Rate at which its controller takes setpoints [Hz].
        force_sensor: Whether a sensor at the tool measures its force.
    """

    name: str
    dh: DhParameters
    joint_min_rad: NDArray[np.float64]
    joint_max_rad: NDArray[np.float64]
    joint_speed_max_rad_s: NDArray[np.float64]
    servo_rate_hz: float
    force_sensor: bool

    def __post_init__(self) -> None:
        for name in ("joint_min_rad", "joint_max_rad", "joint_speed_max_rad_s"):
            array = np.array(getattr(self, name), dtype=np.float64)
            if array.shape != (6,):
                raise ValueError(f"UrModel.{name}: expected shape (6,), got {array.shape}")
            array.setflags(write=False)
            object.__setattr__(self, name, array)


def _model(
    *, name: str, a_m: list[float], d_m: list[float], servo_rate_hz: float, force_sensor: bool
) -> UrModel:
    """An arm with the twists, ranges and speeds that both models share.

    Source: "Technical specifications" of UR5 and UR5e, universal-robots.com: every joint turns
    ±360° at up to ±180°/s.
    """
    return UrModel(
        name=name,
        dh=DhParameters(
            a_m=np.array(a_m),
            d_m=np.array(d_m),
            alpha_rad=np.array([pi / 2, 0.0, 0.0, pi / 2, -pi / 2, 0.0]),
        ),
        joint_min_rad=np.full(6, radians(-360.0)),
        joint_max_rad=np.full(6, radians(360.0)),
        joint_speed_max_rad_s=np.full(6, radians(180.0)),
        servo_rate_hz=servo_rate_hz,
        force_sensor=force_sensor,
    )


# Source of a and d: Universal Robots, "DH Parameters for calculations of kinematics and dynamics",
# universal-robots.com/articles/ur/application-installation/
# dh-parameters-for-calculations-of-kinematics-and-dynamics
# (the UR5 row is the current hardware, "serie 3" of the CB3 manual). Rates: UR's RTDE guide.
UR5 = _model(
    name="ur5",
    a_m=[0.0, -0.425, -0.39225, 0.0, 0.0, 0.0],
    d_m=[0.089159, 0.0, 0.0, 0.10915, 0.09465, 0.0823],
    servo_rate_hz=125.0,
    force_sensor=False,
)
UR5E = _model(
    name="ur5e",
    a_m=[0.0, -0.425, -0.3922, 0.0, 0.0, 0.0],
    d_m=[0.1625, 0.0, 0.0, 0.1333, 0.0997, 0.0996],
    servo_rate_hz=500.0,
    force_sensor=True,
)
UR_MODELS: Mapping[str, UrModel] = MappingProxyType({"ur5": UR5, "ur5e": UR5E})


def ur_model(name: str) -> UrModel:
    """The model of that name.

    Raises:
        ValueError: No such model; the message lists those that exist.
    """
    if name not in UR_MODELS:
        raise ValueError(f"arm model {name!r} is unknown; valid: {', '.join(UR_MODELS)}")
    return UR_MODELS[name]
