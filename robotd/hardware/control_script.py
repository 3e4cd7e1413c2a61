"""Fills in the control script that is sent to the controller at the start of a session."""

import secrets
from dataclasses import dataclass, field
from importlib.resources import files
from math import ceil, isfinite

from robotd.core.script_codes import FIRST_NUMBER_BELOW, ScriptRegisters, ScriptState

Joints = tuple[float, float, float, float, float, float]

STALL_PERIODS = 3
"""Periods without a next number after which the script stops the arm, with real-time rights."""

_LARGEST_ANGLE_RAD = 100.0
_START_S = 0.2
"""How long the first number may stand before the second: a reply has to reach the driver."""
_DECIMALS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class StallLimits:
    """How long the controller waits for a dead or silent computer.

    Attributes:
        stall_n: Controller periods without a next number after which the script brakes.
        watchdog_hz: Slowest rate of packets; below it the controller stops the script itself.
    """

    stall_n: int
    watchdog_hz: float


def stall_limits(period_s: float, gap_fault_s: float | None) -> StallLimits:
    """The limits for one controller.

    With real-time rights (`gap_fault_s` None): 3 periods, and 25 Hz on a CB3 or 50 Hz on an
    e-Series. Without: a gap that is no fault here is none there, so one and a half times
    `gap_fault_s`; the watchdog waits half as long again.
    """
    if gap_fault_s is None:
        return StallLimits(stall_n=STALL_PERIODS, watchdog_hz=25.0 if period_s > 0.004 else 50.0)
    stall_n = max(STALL_PERIODS, _periods(1.5 * gap_fault_s, period_s))
    return StallLimits(stall_n=stall_n, watchdog_hz=1.0 / (1.5 * stall_n * period_s))


def draw_first_number() -> int:
    """A random first number for one start: the script ignores every other."""
    return 1 + secrets.randbelow(FIRST_NUMBER_BELOW - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptParameters:
    """What is written into the control script.

    Attributes:
        first_number: Number of this start's first setpoint, see `draw_first_number`.
        period_s: The controller's period [s]: 0.008 (CB3) or 0.002 (e-Series).
        joint_min_rad: Lower end of each joint's range [rad].
        joint_max_rad: Upper end [rad].
        joint_step_rad: Furthest that a joint may go in one period [rad]: the speed limit times
            the period, and a little.
        max_tracking_error_rad: Furthest that a joint may be from its target [rad].
        deceleration_rad_s2: Of every stop.
        stall_n: See `StallLimits`.
        watchdog_hz: See `StallLimits`.
        start_error_rad: Furthest that the first target may be from the measured joints [rad].
        wait_s: How long to wait for the first number [s].
        lookahead_s: Of `servoj`, 0.03 to 0.2 [s]: longer is smoother and lags more.
        gain: Of `servoj`, 100 to 2000: higher follows harder.
        registers: Which registers carry number, target, acknowledgement and state.

    Raises:
        ValueError: A value that the controller or the protocol does not take; names it.
    """

    first_number: int
    period_s: float
    joint_min_rad: Joints
    joint_max_rad: Joints
    joint_step_rad: float
    max_tracking_error_rad: float
    deceleration_rad_s2: float
    stall_n: int
    watchdog_hz: float
    start_error_rad: float = 0.05
    wait_s: float = 5.0
    lookahead_s: float = 0.1
    gain: float = 300.0
    registers: ScriptRegisters = field(default_factory=ScriptRegisters)

    def __post_init__(self) -> None:
        _whole("first_number", self.first_number, 1, FIRST_NUMBER_BELOW - 1)
        _whole("stall_n", self.stall_n, 1, 1000)
        _between("period_s", self.period_s, 0.001, 0.02)
        _between("joint_step_rad", self.joint_step_rad, 1e-6, 0.1)
        _between("max_tracking_error_rad", self.max_tracking_error_rad, 1e-3, 3.2)
        _between("start_error_rad", self.start_error_rad, 1e-4, 0.2)
        _between("deceleration_rad_s2", self.deceleration_rad_s2, 0.1, 40.0)
        _between("wait_s", self.wait_s, 0.1, 60.0)
        _between("lookahead_s", self.lookahead_s, 0.03, 0.2)
        _between("gain", self.gain, 100.0, 2000.0)
        _between("watchdog_hz", self.watchdog_hz, 0.1, 1.0 / self.period_s)
        if self.watchdog_hz * self.stall_n * self.period_s > 1.0:
            raise ValueError(
                f"watchdog_hz: got {self.watchdog_hz}, at most "
                f"{1.0 / (self.stall_n * self.period_s):.3f}: the script stops the arm before "
                f"the watchdog stops the script"
            )
        if len(self.joint_min_rad) != 6 or len(self.joint_max_rad) != 6:
            raise ValueError("joint_min_rad and joint_max_rad: expected 6 numbers each")
        for i, (low, high) in enumerate(zip(self.joint_min_rad, self.joint_max_rad, strict=True)):
            _between(f"joint_min_rad[{i}]", low, -_LARGEST_ANGLE_RAD, _LARGEST_ANGLE_RAD)
            _between(f"joint_max_rad[{i}]", high, -_LARGEST_ANGLE_RAD, _LARGEST_ANGLE_RAD)
            if low >= high:
                raise ValueError(f"joint {i}: range {low} to {high} [rad] is empty")


def control_script(parameters: ScriptParameters) -> str:
    """The text to send to the controller; ends with a line break."""
    p, base = parameters, parameters.registers.base
    text = files("robotd.hardware").joinpath("servo.script").read_text(encoding="ascii")
    return text.format(
        first_number=p.first_number,
        joint_min=_list(p.joint_min_rad),
        joint_max=_list(p.joint_max_rad),
        joint_step=_number(p.joint_step_rad),
        start_error=_number(p.start_error_rad),
        tracking_error=_number(p.max_tracking_error_rad),
        wait_cycles=_periods(p.wait_s, p.period_s),
        start_cycles=max(p.stall_n, _periods(_START_S, p.period_s)),
        stall_cycles=p.stall_n,
        ahead=p.stall_n + 1,
        period=_number(p.period_s),
        lookahead=_number(p.lookahead_s),
        gain=_number(p.gain),
        deceleration=_number(p.deceleration_rad_s2),
        watchdog_hz=_number(p.watchdog_hz),
        in_number=base,
        in_number_name=p.registers.number,
        out_number=base,
        out_state=base + 1,
        **{f"q{i}": base + i for i in range(6)},
        **{state.name: int(state) for state in ScriptState},
    )


def _periods(t_s: float, period_s: float) -> int:
    """Periods that are not shorter than `t_s`, but for rounding."""
    return ceil(t_s / period_s - 1e-6)


def _whole(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name}: got {value}, must be {low} to {high}")


def _between(name: str, value: float, low: float, high: float) -> None:
    if not (isfinite(value) and low <= value <= high):
        raise ValueError(f"{name}: got {value}, must be {low:g} to {high:g}")


def _number(value: float) -> str:
    """A number without an exponent, which URScript does not document."""
    text = f"{value:.{_DECIMALS}f}".rstrip("0")
    return text + "0" if text.endswith(".") else text


def _list(values: Joints) -> str:
    return f"[{', '.join(_number(value) for value in values)}]"
