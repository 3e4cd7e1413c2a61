"""A simulated UR arm behind the `RobotArm` protocol: servo lag, controller clock and watchdog.

Everything happens in closed form when it is asked for, by the clock it was given, so that it does
the same in real time and in lockstep. An oracle re-checks every setpoint that comes in.
"""

from dataclasses import dataclass, field, replace
from math import exp
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_model import kinematics_of
from robotd.core.clock import MonoNs, S
from robotd.core.config import ArmConfig, EnvelopeConfig
from robotd.core.errors import DeviceError
from robotd.core.protocols import Clock
from robotd.core.recovery import UNLOCK_WAIT_S, RecoveryStep
from robotd.core.types import NO_FORCE, SAFETY_NORMAL, ArmState, Setpoint
from robotd.core.ur_codes import RobotMode, RuntimeState, SafetyBit
from robotd.core.ur_models import ur_model
from robotd.sim.oracle import SetpointOracle

Array = NDArray[np.float64]

SAFETY_PROTECTIVE_STOP = int(SafetyBit.PROTECTIVE_STOP)
SAFETY_VIOLATION = int(SafetyBit.VIOLATION)

_STOP_RAD_S2 = 10.0  # deceleration of the controller's own stop


@dataclass(slots=True, kw_only=True)
class SimArmFaults:
    """Faults that a test injects; the arm looks at them in every call.

    Attributes:
        frozen: `read` repeats the last state, as over a link that sends nothing.
        safety_bits: Bits set beside or instead of the normal one; 0 for none.
        read_error: `read` raises `DeviceError` with this text.
        servo_error: `servo` raises `DeviceError` with this text.
        engage_error: `engage` raises `DeviceError` with this text.
        blocked: The arm does not move, whatever it is told.
        force_n: (6,) wrench at the tool [N, Nm].
        current_a: (6,) joint currents beyond those expected [A].
        speed_scaling: The controller's, 0 to 1; the simulated arm itself is as fast as ever.
        robot_mode: A `RobotMode`; steps of recovery change it, and `safety_bits`.
    """

    frozen: bool = False
    safety_bits: int = 0
    read_error: str = ""
    servo_error: str = ""
    engage_error: str = ""
    blocked: bool = False
    force_n: Array = field(default_factory=lambda: NO_FORCE)
    current_a: Array = field(default_factory=lambda: NO_FORCE)
    speed_scaling: float = 1.0
    robot_mode: int = RobotMode.RUNNING.value


class SimArm:
    """Implements `RobotArm`.

    Attributes:
        faults: What a test breaks.
        oracle: The judge of all setpoints received; a breach stops the arm for good.
    """

    def __init__(
        self,
        config: ArmConfig,
        envelope: EnvelopeConfig,
        clock: Clock,
        *,
        watchdog_s: float | None = None,
        q_start_rad: Array | None = None,
    ) -> None:
        """Stand still at the start.

        Args:
            config: Model, tool, home and lag.
            envelope: What the oracle holds the setpoints to.
            clock: Of the robot computer.
            watchdog_s: An engaged arm that hears nothing for so long stops by itself; default:
                three periods.
            q_start_rad: (6,) joints at the start [rad]; default: home.
        """
        self.faults = SimArmFaults()
        self._rate_hz = ur_model(config.model).servo_rate_hz
        self._period_ns = round(S / self._rate_hz)
        self.oracle = SetpointOracle(config, envelope, dt_s=1.0 / self._rate_hz)
        self._kinematics = kinematics_of(config)
        self._lag_s = config.sim.servo_lag_s
        self._watchdog_ns = round((3.0 / self._rate_hz if watchdog_s is None else watchdog_s) * S)
        self._clock = clock
        self._q = np.array(config.home_q_rad if q_start_rad is None else q_start_rad, np.float64)
        self._target = self._q
        self._now_ns = self._heard_ns = clock.now()
        self._following = False
        self._locked_ns: MonoNs | None = None
        self._stop_from: tuple[int, Array, Array] | None = None
        self._sample_ns = self._now_ns - self._now_ns % self._period_ns
        self._sampled = self._state_at(self._sample_ns, self._q, np.zeros(6))

    @property
    def rate_hz(self) -> float:
        """The controller's servo rate [Hz]."""
        return self._rate_hz

    def read(self) -> ArmState:
        """Return the state at the controller's newest cycle.

        Raises:
            DeviceError: Injected.
        """
        if self.faults.read_error:
            raise DeviceError(self.faults.read_error)
        self._advance()
        return self._sampled

    def engage(self) -> None:
        """Follow setpoints from now on.

        Raises:
            DeviceError: A safety stop, an earlier breach, or injected.
        """
        if self.faults.engage_error:
            raise DeviceError(self.faults.engage_error)
        self._advance()
        if self._safety_bits() != SAFETY_NORMAL:
            raise DeviceError(
                f"sim arm: safety status {self._safety_bits():#x}, expected {SAFETY_NORMAL:#x}"
            )
        self.oracle.restart(self._q)
        self._following, self._stop_from = True, None
        self._target, self._heard_ns = self._q, self._now_ns
        self._sample(self._sample_ns)

    def servo(self, setpoint: Setpoint) -> None:
        """Take the next setpoint.

        Raises:
            DeviceError: No program runs that would follow it, or injected.
        """
        if self.faults.servo_error:
            raise DeviceError(self.faults.servo_error)
        self._advance()
        if not self._following:
            raise DeviceError("sim arm: no program runs that follows setpoints")
        if self.oracle.check(setpoint.q_rad) is not None:
            self._stop()
            return
        self._target, self._heard_ns = setpoint.q_rad, self._now_ns

    def disengage(self) -> None:
        """Stop, as the controller does when its program ends."""
        self._advance()
        self._stop()

    def why(self) -> str:
        """Return what the oracle found."""
        return str(self.oracle.breaches[0]) if self.oracle.breaches else ""

    def recover(self, step: RecoveryStep) -> None:
        """Do one step back from a stop, as a controller does it.

        Raises:
            DeviceError: Nothing is there to be unlocked, or too early.
        """
        self._advance()
        faults, bits = self.faults, self.faults.safety_bits
        if step is RecoveryStep.UNLOCK:
            locked_s = (self._now_ns - (self._locked_ns or self._now_ns)) / S
            if locked_s < UNLOCK_WAIT_S:
                raise DeviceError("Cannot unlock protective stop until 5s after occurrence")
            faults.safety_bits = bits & ~SAFETY_PROTECTIVE_STOP
        elif step is RecoveryStep.RESTART_SAFETY:
            faults.safety_bits = bits & ~(SafetyBit.VIOLATION | SafetyBit.FAULT)
            faults.robot_mode = RobotMode.POWER_OFF
        elif step is RecoveryStep.POWER_ON:
            faults.robot_mode = max(faults.robot_mode, RobotMode.IDLE)
        elif faults.robot_mode >= RobotMode.IDLE:
            faults.robot_mode = RobotMode.RUNNING
        self._sampled = self._state_at(self._sample_ns, self._q, np.zeros(6))

    def stop_program(self) -> None:
        """Stop the program as from the pendant."""
        self.disengage()

    def __enter__(self) -> Self:
        """Nothing to connect."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the arm."""
        self.disengage()

    def _advance(self) -> None:
        """Move on to the clock's present, past the watchdog and the controller's last cycle."""
        now_ns = self._clock.now()
        deadline_ns = self._heard_ns + self._watchdog_ns
        if self._following and now_ns > deadline_ns:
            self._run_to(deadline_ns)
            self._stop()
        if self._safety_bits() != SAFETY_NORMAL:
            self._stop()
        if not self._safety_bits() & SAFETY_PROTECTIVE_STOP:
            self._locked_ns = None
        elif self._locked_ns is None:
            self._locked_ns = now_ns
        self._run_to(now_ns)

    def _run_to(self, t_ns: int) -> None:
        """Move on to `t_ns`, and keep the state of the controller's last cycle on the way."""
        cycle_ns = t_ns - t_ns % self._period_ns
        if cycle_ns > self._sample_ns:
            self._move_to(max(cycle_ns, self._now_ns))
            self._sample(cycle_ns)
        self._move_to(t_ns)

    def _move_to(self, t_ns: int) -> None:
        duration_s, self._now_ns = (t_ns - self._now_ns) / S, MonoNs(t_ns)
        if self._stop_from is not None:
            start_ns, q, v = self._stop_from
            fastest = float(np.abs(v).max())
            s = min((t_ns - start_ns) / S, fastest / _STOP_RAD_S2)
            share = s - 0.5 * s * s * _STOP_RAD_S2 / fastest if fastest > 0 else 0.0
            self._q = q + v * share
        elif self._following and not self.faults.blocked:
            left = exp(-duration_s / self._lag_s) if self._lag_s > 0 else 0.0
            self._q = self._target + (self._q - self._target) * left

    def _sample(self, t_ns: int) -> None:
        if self.faults.frozen:
            return
        period_s = (t_ns - self._sample_ns) / S
        moved = self._q - self._sampled.q_rad
        v = moved / period_s if period_s > 0 else self._sampled.qd_rad_s
        self._sample_ns = t_ns
        self._sampled = self._state_at(t_ns, self._q, v)

    def _state_at(self, t_ns: int, q: Array, v: Array) -> ArmState:
        return ArmState(
            t_ns=MonoNs(t_ns),
            q_rad=q.copy(),
            qd_rad_s=v.copy(),
            T_base_tcp=self._kinematics.fk(q),
            safety_bits=self._safety_bits(),
            program_running=self._following,
            runtime_state=self._runtime(),
            robot_mode=self.faults.robot_mode,
            speed_scaling=self.faults.speed_scaling,
            force_n=self.faults.force_n,
            current_a=self.faults.current_a,
        )

    def _safety_bits(self) -> int:
        bits = self.faults.safety_bits or SAFETY_NORMAL
        return SAFETY_VIOLATION if self.oracle.breaches else bits

    def _stop(self) -> None:
        """Begin the controller's own stop: straight, the fastest joint at its deceleration."""
        if self._following:
            standing = self._lag_s == 0 or self.faults.blocked
            v = np.zeros(6) if standing else (self._target - self._q) / self._lag_s
            self._stop_from = (self._now_ns, self._q, v)
        self._following = False
        if not self.faults.frozen:
            bits = self._safety_bits()
            self._sampled = replace(
                self._sampled,
                safety_bits=bits,
                program_running=False,
                runtime_state=self._runtime(),
            )

    def _runtime(self) -> int:
        return RuntimeState.PLAYING if self._following else RuntimeState.STOPPED
