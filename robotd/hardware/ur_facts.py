"""What a controller says about itself before it is armed; every answer may be missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from robotd.core.errors import DeviceError
from robotd.core.recovery import RecoveryStep
from robotd.hardware.ur_ask import ask

Six = tuple[float, float, float, float, float, float]

OUTPUTS = (
    "timestamp",
    "actual_q",
    "actual_TCP_pose",
    "robot_mode",
    "safety_status_bits",
    "runtime_state",
    "speed_scaling",
    "target_speed_fraction",
    "payload",
    "tcp_offset",
)
FIRST_E_SERIES = 5
"""Major version of PolyScope from which on a controller is no CB3."""
_SAMPLES_N = 8


class Dashboard(Protocol):
    """The dashboard server of a controller; each call may take seconds."""

    def connect(self) -> None:
        """Be connected; raises `DeviceError`."""
        ...

    def model(self) -> str | None:
        """Return the arm's model in the controller's words; None where it does not tell."""
        ...

    def polyscope(self) -> str | None:
        """Return the version of PolyScope; None where it does not tell."""
        ...

    def serial(self) -> str | None:
        """Return the arm's serial number; None where it does not tell."""
        ...

    def remote(self) -> bool | None:
        """Return whether it takes commands from outside; None where it does not tell."""
        ...

    def stop(self) -> None:
        """End the program that runs or is paused; raises `DeviceError`."""
        ...

    def recover(self, step: RecoveryStep) -> None:
        """Do a step on the way back from a stop; raises `DeviceError`."""
        ...

    def close(self) -> None:
        """Disconnect. Never raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerFacts:
    """What was said; None where this controller cannot tell.

    Attributes:
        version: Of its software, as RTDE says.
        period_s: Between two of its cycles [s].
        q_rad: (6,) measured joints [rad].
        pose: Position [m] and rotation vector [rad] of the tool in the base frame, as reported.
        safety_bits: The eleven bits.
        robot_mode: A `RobotMode`.
        runtime_state: A `RuntimeState`.
        speed_scaling: 0 to 1.
        payload_kg: As set there.
        tcp_offset: Position [m] and rotation vector [rad] of the tool in the flange's frame.
        model: Of the arm, in the controller's own words.
        polyscope: Version of PolyScope.
        serial: Of the arm.
        remote: Whether it takes commands from outside.
    """

    version: tuple[int, int, int, int]
    period_s: float
    q_rad: Six
    pose: Six
    safety_bits: int
    robot_mode: int
    runtime_state: int
    speed_scaling: float
    payload_kg: float | None = None
    tcp_offset: Six | None = None
    model: str | None = None
    polyscope: str | None = None
    serial: str | None = None
    remote: bool | None = None

    @property
    def e_series(self) -> bool:
        """Whether it is an e-Series, or later."""
        return self.version[0] >= FIRST_E_SERIES


def gather(host: str, dashboard: Dashboard, *, rate_hz: float) -> ControllerFacts:
    """Ask for all; takes up to some seconds.

    Args:
        host: The controller's address.
        dashboard: Connected or not.
        rate_hz: How often to be told: the configured model's rate.

    Raises:
        DeviceError: It does not answer.
    """
    answers = ask(host, OUTPUTS, rate_hz=rate_hz, samples_n=_SAMPLES_N)
    newest = answers.samples[-1]
    missing = [name for name in OUTPUTS[:8] if name not in newest]
    if missing:
        raise DeviceError(f"ur: the controller does not tell {', '.join(missing)}; update it")
    period_s = period_of([sample["timestamp"][0] for sample in answers.samples])
    dashboard.connect()
    return ControllerFacts(
        version=answers.version,
        period_s=period_s,
        q_rad=_six(newest["actual_q"]),
        pose=_six(newest["actual_TCP_pose"]),
        safety_bits=int(newest["safety_status_bits"][0]),
        robot_mode=int(newest["robot_mode"][0]),
        runtime_state=int(newest["runtime_state"][0]),
        speed_scaling=newest["speed_scaling"][0] * newest["target_speed_fraction"][0],
        payload_kg=newest["payload"][0] if "payload" in newest else None,
        tcp_offset=_six(newest["tcp_offset"]) if "tcp_offset" in newest else None,
        model=dashboard.model(),
        polyscope=dashboard.polyscope(),
        serial=dashboard.serial(),
        remote=dashboard.remote() if _knows_remote(answers.version) else None,
    )


def period_of(timestamps_s: Sequence[float]) -> float:
    """Return the time between two cycles [s]; longer steps are cycles that did not come.

    Raises:
        DeviceError: The clock stands still.
    """
    steps = [after - before for before, after in pairwise(timestamps_s) if after > before]
    if not steps:
        raise DeviceError("ur: the controller's time stands still; reboot it")
    return min(steps)


def _knows_remote(version: tuple[int, int, int, int]) -> bool:
    """CB3 has no local mode; the dashboard tells it from 5.6 on (UR dashboard server)."""
    return version[:2] >= (FIRST_E_SERIES, 6)


def _six(values: tuple[float, ...]) -> Six:
    a, b, c, d, e, f = values
    return a, b, c, d, e, f
