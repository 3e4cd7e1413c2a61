"""From the outputs that ur_rtde keeps to the state of one cycle, dated when it was sampled."""

from dataclasses import replace
from math import isfinite
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robotd.core.errors import DeviceError, one_line
from robotd.core.kinematics import Kinematics
from robotd.core.protocols import Clock
from robotd.core.types import ArmState
from robotd.core.ur_codes import RobotMode
from robotd.hardware.ur_clock import ControllerClock
from robotd.hardware.ur_setpoints import ScriptReport

OUTPUTS = (
    "timestamp",
    "actual_q",
    "actual_qd",
    "actual_TCP_force",
    "actual_current",
    "target_current",
    "robot_mode",
    "runtime_state",
    "safety_status_bits",
    "speed_scaling",
    "target_speed_fraction",
)
"""What is received; each has its method below."""

_TRIES_N = 3
_POWERED = 1  # bit 0 of robot_status_bits (UR RTDE guide)


class StateSource(Protocol):
    """The newest outputs, as ur_rtde's RTDEReceiveInterface keeps them; no call blocks."""

    def getTimestamp(self) -> float:  # noqa: N802 (all these: the library's own names)
        """Return the controller's time of the newest packet [s]."""
        ...

    def getActualQ(self) -> list[float]:  # noqa: N802
        """Return six joints [rad]."""
        ...

    def getActualQd(self) -> list[float]:  # noqa: N802
        """Return their speeds [rad/s]."""
        ...

    def getActualTCPForce(self) -> list[float]:  # noqa: N802
        """Return the wrench at the tool in the base frame [N, Nm]."""
        ...

    def getActualCurrent(self) -> list[float]:  # noqa: N802
        """Return six joint currents [A]."""
        ...

    def getTargetCurrent(self) -> list[float]:  # noqa: N802
        """Return those that the controller expects of the motion [A]."""
        ...

    def getRobotMode(self) -> int:  # noqa: N802
        """Return a `RobotMode`."""
        ...

    def getRuntimeState(self) -> int:  # noqa: N802
        """Return a `RuntimeState`."""
        ...

    def getSafetyStatusBits(self) -> int:  # noqa: N802
        """Return the eleven bits."""
        ...

    def getSpeedScaling(self) -> float:  # noqa: N802
        """Return the controller's own slowing down, 0 to 1."""
        ...

    def getTargetSpeedFraction(self) -> float:  # noqa: N802
        """Return the speed slider, 0 to 1."""
        ...

    def isConnected(self) -> bool:  # noqa: N802
        """Return whether the connection is open; says nothing about anybody being alive."""
        ...

    def disconnect(self) -> None:
        """Disconnect; takes half a second."""
        ...


class StateReader:
    """Builds states; used by one thread.

    Attributes:
        clock: Relates the controller's time to the computer's.
    """

    def __init__(self, source: StateSource, kinematics: Kinematics, clock: Clock) -> None:
        """Read from there.

        Args:
            source: Connected.
            kinematics: The arm with its tool.
            clock: The computer's.
        """
        self.clock = ControllerClock()
        self._source, self._kinematics, self._now = source, kinematics, clock.now
        self._timestamp_s = float("nan")
        self._state: ArmState | None = None

    @property
    def connected(self) -> bool:
        """Whether the connection is open; an open one may be silent."""
        return self._source.isConnected()

    @property
    def restarts_n(self) -> int:
        """How often the controller's time went back: it was started again."""
        return self.clock.restarts_n

    def read(self, *, running: bool, settled: bool, report: ScriptReport | None = None) -> ArmState:
        """Return the state of the newest packet; the same one again where none came since.

        Args:
            running: Whether the control script follows setpoints.
            settled: As of `ControllerClock.date`.
            report: What the other connection says of a cycle, perhaps of a later one: why the
                script no longer follows is then in it already.

        Raises:
            DeviceError: What came is no state of an arm.
        """
        try:
            timestamp_s = self._source.getTimestamp()
            if timestamp_s != self._timestamp_s or self._state is None:
                self._state = self._fetch(timestamp_s, running=running, settled=settled)
        except RuntimeError as error:
            said = one_line(str(error))
            raise DeviceError(f"ur: the library has no state to give ({said})") from error
        if self._state.program_running is not running:
            self._state = replace(self._state, program_running=running)
        if report is not None and not running and report.timestamp_s > self._timestamp_s:
            return _sooner(self._state, report)
        return self._state

    def _fetch(self, timestamp_s: float, *, running: bool, settled: bool) -> ArmState:
        """Read all of one packet: the library's own thread may bring another one in between."""
        source = self._source
        tries_n, before_s = 0, timestamp_s
        while True:
            six = (
                source.getActualQ(),
                source.getActualQd(),
                source.getActualTCPForce(),
                source.getActualCurrent(),
                source.getTargetCurrent(),
            )
            robot_mode, runtime_state = source.getRobotMode(), source.getRuntimeState()
            safety_bits = source.getSafetyStatusBits()
            scaling = source.getSpeedScaling() * source.getTargetSpeedFraction()
            before_s, timestamp_s = timestamp_s, source.getTimestamp()
            tries_n += 1
            if timestamp_s == before_s or tries_n == _TRIES_N:
                break
        q, qd, force, current, expected = _rows(six, timestamp_s + scaling)
        self._timestamp_s = timestamp_s
        return ArmState(
            t_ns=self.clock.date(timestamp_s, self._now(), settled=settled),
            q_rad=q,
            qd_rad_s=qd,
            T_base_tcp=self._kinematics.fk(q),
            safety_bits=safety_bits,
            program_running=running,
            speed_scaling=scaling,
            robot_mode=robot_mode,
            runtime_state=runtime_state,
            force_n=force,
            current_a=current - expected,
        )


def _sooner(state: ArmState, report: ScriptReport) -> ArmState:
    """Return the state with what a later report knows of why nothing runs."""
    powered = bool(report.robot_status_bits & _POWERED)
    return replace(
        state,
        safety_bits=report.safety_status_bits,
        runtime_state=report.runtime_state,
        robot_mode=state.robot_mode if powered else min(state.robot_mode, RobotMode.POWER_OFF),
    )


def _rows(six: tuple[list[float], ...], others: float) -> NDArray[np.float64]:
    """Return the lists as rows (N, 6), where they and the sum of the others are finite."""
    if any(len(values) != 6 for values in six):
        raise DeviceError("ur: a packet without six joints came; is something else there?")
    rows = np.array(six, np.float64)
    if not isfinite(float(rows.sum()) + others):
        raise DeviceError("ur: a packet with a number that is not finite came")
    return rows
