"""What the controller still needs before the arm can be armed, read off its state. Pure."""

from dataclasses import dataclass

from robotd.core.clock import MonoNs, S
from robotd.core.recovery import UNLOCK_WAIT_S, RecoveryStep
from robotd.core.types import ArmTick
from robotd.core.ur_codes import RobotMode, SafetyBit

_E_STOP = (
    SafetyBit.EMERGENCY_STOP | SafetyBit.ROBOT_EMERGENCY_STOP | SafetyBit.SYSTEM_EMERGENCY_STOP
)
_SAID = {
    RecoveryStep.UNLOCK: "unlock the protective stop",
    RecoveryStep.RESTART_SAFETY: "restart the controller's safety system",
    RecoveryStep.POWER_ON: "switch the arm's power on",
    RecoveryStep.BRAKE_RELEASE: "release the arm's brakes: its joints move a little",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """The next thing that has to happen.

    Attributes:
        step: What the daemon can ask the controller for; None where a person has to do it.
        wait_s: The step is refused for so long still [s].
        said: In words; empty where nothing is needed.
    """

    step: RecoveryStep | None = None
    wait_s: float = 0.0
    said: str = ""


NOTHING = Need()


class StopClock:
    """Knows since when a protective stop lasts, from the arm's ticks."""

    def __init__(self) -> None:
        self._since_ns: MonoNs | None = None

    def see(self, tick: ArmTick) -> None:
        """Look at a cycle of the arm."""
        if not tick.state.safety_bits & SafetyBit.PROTECTIVE_STOP:
            self._since_ns = None
        elif self._since_ns is None:
            self._since_ns = tick.state.t_ns

    def wait_s(self, now: MonoNs) -> float:
        """Return how long an unlock is refused still [s]."""
        if self._since_ns is None:
            return 0.0
        return max(0.0, UNLOCK_WAIT_S - (now - self._since_ns) / S)


def need_of(tick: ArmTick | None, unlock_wait_s: float) -> Need:
    """Return what the controller needs next.

    Args:
        tick: The arm's newest cycle; None before the first.
        unlock_wait_s: As `StopClock` says.
    """
    if tick is None:
        return NOTHING
    bits, mode = tick.state.safety_bits, tick.state.robot_mode
    if bits & _E_STOP:
        return Need(said="release the emergency stop button")
    if bits & (SafetyBit.VIOLATION | SafetyBit.FAULT):
        return _step(RecoveryStep.RESTART_SAFETY)
    if bits & SafetyBit.SAFEGUARD_STOP:
        return Need(said="close and reset the safeguard")
    if bits & SafetyBit.PROTECTIVE_STOP:
        return _step(RecoveryStep.UNLOCK, unlock_wait_s)
    if bits & SafetyBit.RECOVERY:
        return Need(said="move the arm back inside the controller's limits at the pendant")
    if mode in (RobotMode.POWER_OFF, RobotMode.CONFIRM_SAFETY):
        return _step(RecoveryStep.POWER_ON)
    if mode == RobotMode.IDLE:
        return _step(RecoveryStep.BRAKE_RELEASE)
    if mode == RobotMode.BACKDRIVE:
        return Need(said="end freedrive at the pendant")
    if mode != RobotMode.RUNNING:
        return Need(said="wait for the controller; see its pendant")
    return NOTHING


def _step(step: RecoveryStep, wait_s: float = 0.0) -> Need:
    return Need(step=step, wait_s=wait_s, said=_SAID[step])
