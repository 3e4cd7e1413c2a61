"""The arm's driver as the loop calls it: each call timed, each error a fault with its words."""

from robotd.core.arm_codes import ArmFault
from robotd.core.clock import MS, MonoNs, S
from robotd.core.errors import DeviceError, LinkLostError
from robotd.core.protocols import Clock, RobotArm
from robotd.core.types import ArmState, Setpoint


class DriverCalls:
    """Calls that never raise; used by one thread.

    Attributes:
        words: What went wrong in the last call that was a fault, one sentence.
    """

    def __init__(self, arm: RobotArm, clock: Clock, *, limit_s: float) -> None:
        """Take the arm and how long a call of each cycle may take [s]."""
        self.words = ""
        self._arm, self._clock, self._limit_ns = arm, clock, round(limit_s * S)

    def read(self) -> tuple[ArmState | None, ArmFault]:
        """Return the newest state, None where there is none to be had."""
        began_ns = self._clock.now()
        try:
            state = self._arm.read()
        except DeviceError as error:
            return None, self._failed(error)
        return state, self._timed("read", began_ns)

    def servo(self, setpoint: Setpoint) -> ArmFault:
        """Hand over the setpoint."""
        began_ns = self._clock.now()
        try:
            self._arm.servo(setpoint)
        except DeviceError as error:
            return self._failed(error)
        return self._timed("servo", began_ns)

    def engage(self) -> tuple[ArmState | None, ArmFault]:
        """Have the controller follow setpoints; return the state afterwards. May take seconds."""
        try:
            self._arm.engage()
        except DeviceError as error:
            self.words = str(error)
            return None, ArmFault.REFUSED
        state, fault = self.read()
        return state, ArmFault.NONE if fault is ArmFault.SLOW_CALL else fault

    def disengage(self) -> None:
        """Have the controller stop following."""
        self._arm.disengage()

    def why(self) -> str:
        """Return what the driver knows about why the controller stopped following, or nothing."""
        return self._arm.why()

    def _failed(self, error: DeviceError) -> ArmFault:
        self.words = str(error)
        return ArmFault.LINK_LOST if isinstance(error, LinkLostError) else ArmFault.DRIVER_ERROR

    def _timed(self, call: str, began_ns: MonoNs) -> ArmFault:
        took_ns = self._clock.now() - began_ns
        if took_ns <= self._limit_ns:
            return ArmFault.NONE
        self.words = f"{call} took {took_ns / MS:.1f} ms, limit {self._limit_ns / MS:.1f} ms"
        return ArmFault.SLOW_CALL
