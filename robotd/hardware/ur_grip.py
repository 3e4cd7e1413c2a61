"""The hold on a controller from the upload of the control script until no program runs any more."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import MS, MonoNs, S
from robotd.core.config import ArmConfig, EnvelopeConfig
from robotd.core.errors import DeviceError, LinkLostError
from robotd.core.protocols import Clock
from robotd.core.script_codes import ScriptRegisters
from robotd.core.ur_models import ur_model
from robotd.hardware.control_script import (
    Joints,
    ScriptParameters,
    control_script,
    draw_first_number,
    stall_limits,
)
from robotd.hardware.ur_script import ScriptRun
from robotd.hardware.ur_setpoints import SetpointChannel
from robotd.hardware.ur_stop import StopPath

ESCALATE_NS: Final = 150 * MS
"""A program that was asked to end and still runs is stopped over the other path."""

GIVE_UP_NS: Final = 2 * S

GAP_PERIODS: Final = 5.5
"""An own gap shorter than this is that of a loop with real-time rights."""

_JOINT_MARGIN_RAD: Final = 0.02
_STEP_SHARE: Final = 1.05
_TRACKING_SHARE: Final = 1.25
"""The script's own limits lie a little outside ours: it is the second to act."""


def script_parameters(
    config: ArmConfig,
    envelope: EnvelopeConfig,
    q_rad: NDArray[np.float64],
    *,
    first_number: int,
    gap_fault_s: float,
) -> ScriptParameters:
    """Return what the control script is told.

    Args:
        config: The arm.
        envelope: Its limits.
        q_rad: (6,) measured joints [rad]: an arm that is jogged may stand outside its range.
        first_number: Of this start.
        gap_fault_s: Own gap of the loop that is a fault [s].
    """
    model = ur_model(config.model)
    period_s = 1.0 / model.servo_rate_hz
    realtime = gap_fault_s <= GAP_PERIODS * period_s
    stall = stall_limits(period_s, None if realtime else gap_fault_s)
    low = np.maximum(envelope.q_min_rad, model.joint_min_rad)
    high = np.minimum(envelope.q_max_rad, model.joint_max_rad)
    return ScriptParameters(
        first_number=first_number,
        period_s=period_s,
        joint_min_rad=_six(np.minimum(low, q_rad) - _JOINT_MARGIN_RAD),
        joint_max_rad=_six(np.maximum(high, q_rad) + _JOINT_MARGIN_RAD),
        joint_step_rad=_STEP_SHARE * envelope.joint_speed_rad_s * period_s,
        max_tracking_error_rad=_TRACKING_SHARE * config.max_tracking_error_rad,
        deceleration_rad_s2=envelope.joint_acceleration_rad_s2,
        stall_n=stall.stall_n,
        watchdog_hz=stall.watchdog_hz,
        lookahead_s=config.ur.lookahead_s,
        gain=config.ur.gain,
        registers=ScriptRegisters(base=config.ur.register_base),
    )


class Grip:
    """One session with a controller; used by one thread.

    Attributes:
        run: The control script's run.
    """

    def __init__(
        self,
        host: str,
        config: ArmConfig,
        envelope: EnvelopeConfig,
        clock: Clock,
        *,
        gap_fault_s: float,
        upload: Callable[[str], None],
    ) -> None:
        """Nothing is opened yet.

        Args:
            host: The controller's address.
            config: The arm.
            envelope: Its limits.
            clock: The computer's.
            gap_fault_s: Own gap of the loop that is a fault [s].
            upload: Sends a script; raises `DeviceError`.
        """
        self.run: ScriptRun | None = None
        self._config, self._envelope, self._clock = config, envelope, clock
        self._gap_fault_s, self._upload = gap_fault_s, upload
        self._rate_hz = ur_model(config.model).servo_rate_hz
        registers = ScriptRegisters(base=config.ur.register_base)
        self._channel = SetpointChannel(host, rate_hz=self._rate_hz, registers=registers)
        self._stop_path = StopPath(host, deceleration_rad_s2=envelope.joint_acceleration_rad_s2)
        self._ending_since_ns: MonoNs | None = None
        self._escalated = False

    @property
    def following(self) -> bool:
        """Whether the controller follows setpoints."""
        return self._ending_since_ns is None and self.run is not None and self.run.following

    def take(self, q_rad: NDArray[np.float64]) -> None:
        """Open what has to be open, send the script and have it follow; may take seconds.

        Args:
            q_rad: (6,) measured joints [rad], at rest.

        Raises:
            DeviceError: One sentence; nothing runs then.
        """
        self._stop_path.open()
        self._channel.connect()
        first = draw_first_number()
        parameters = script_parameters(
            self._config,
            self._envelope,
            q_rad,
            first_number=first,
            gap_fault_s=self._gap_fault_s,
        )
        text = control_script(parameters)
        self.run = ScriptRun(
            self._channel,
            partial(self._upload, text),
            first_number=first,
            period_s=parameters.period_s,
            ack_limit_s=self._gap_fault_s + parameters.period_s,
            clock=self._clock,
        )
        self.run.begin(q_rad)

    def listen(self) -> None:
        """Take what came. Real-time.

        Raises:
            LinkLostError: The connection or both of the stop path are gone, or nothing is
                acknowledged.
        """
        self._stop_path.drain()
        if self.run is not None:
            self.run.listen()
        if not self._stop_path.opened:
            raise LinkLostError(
                "ur: the controller ended both connections over which it would be told to stop"
            )

    def let_go(self, *, well: bool) -> None:
        """Have the program end; returns at once, `tend` sees to it. Never raises.

        Args:
            well: Whether the controller can be expected to hear its script out.
        """
        if self._ending_since_ns is not None:
            return
        self._ending_since_ns = self._clock.now()
        if self.run is None:
            return
        heard = self.run.following and self.run.ask_to_end()
        if not (well and heard):
            self._escalate()

    def tend(self) -> bool:
        """Do what is to be done until no program runs; return whether that is so. Never raises."""
        if self._ending_since_ns is None:
            return False
        waited_ns = self._clock.now() - self._ending_since_ns
        self._stop_path.drain()
        if self.run is None:
            return True
        with suppress(DeviceError):
            self.run.listen()
        if self.run.over or waited_ns > GIVE_UP_NS:
            return True
        self.run.ask_to_end()
        if waited_ns > ESCALATE_NS:
            self._escalate()
        return False

    def why(self) -> str:
        """Return what the script said last; empty where it follows, or said nothing."""
        return "" if self.run is None else self.run.why()

    def close(self) -> None:
        """Close all connections. Never raises."""
        self._channel.close()
        self._stop_path.close()

    def _escalate(self) -> None:
        if not self._escalated:
            self._escalated = self._stop_path.stop()


def _six(q_rad: NDArray[np.float64]) -> Joints:
    a, b, c, d, e, f = q_rad.tolist()
    return a, b, c, d, e, f
