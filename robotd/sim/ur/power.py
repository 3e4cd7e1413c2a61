"""Power and brakes: what takes the arm from off to running, and how long each step lasts."""

from typing import Final

from robotd.core.ur_codes import RobotMode
from robotd.sim.ur.states import JointMode

POWER_ON_NS: Final = 1_000_000_000
BRAKE_RELEASE_NS: Final = 500_000_000
BOOT_NS: Final = 500_000_000
"""Real ones need several seconds; these are long enough that nobody can take them for instant."""

_JOINT_MODES: Final = {
    RobotMode.BOOTING: JointMode.BOOTING,
    RobotMode.POWER_ON: JointMode.BOOTING,
    RobotMode.IDLE: JointMode.IDLE,
    RobotMode.RUNNING: JointMode.RUNNING,
}


class Power:
    """Where the arm is on that way.

    Attributes:
        mode: RTDE `robot_mode`.
    """

    def __init__(self, mode: RobotMode) -> None:
        self.mode = mode
        self._next: RobotMode | None = None
        self._at_ns = 0
        self._then_release = False

    @property
    def joint_mode(self) -> int:
        """RTDE `joint_mode` of every joint."""
        return _JOINT_MODES.get(self.mode, JointMode.POWER_OFF)

    @property
    def on(self) -> bool:
        """Whether the joints have power."""
        return self.mode in (RobotMode.IDLE, RobotMode.RUNNING, RobotMode.BACKDRIVE)

    def boot(self, now_ns: int, then: RobotMode) -> None:
        """Start the controller; `then` is reached at its end."""
        self.mode = RobotMode.BOOTING
        self._later(then, now_ns + BOOT_NS)

    def power_on(self, now_ns: int) -> None:
        """Power the joints; the brakes stay on."""
        if self.mode == RobotMode.POWER_OFF:
            self.mode = RobotMode.POWER_ON
            self._later(RobotMode.IDLE, now_ns + POWER_ON_NS)

    def power_off(self) -> None:
        """Take the power away."""
        if self.mode != RobotMode.BOOTING:
            self.mode, self._next, self._then_release = RobotMode.POWER_OFF, None, False

    def release_brakes(self, now_ns: int) -> None:
        """Release the brakes, after powering on where it is off."""
        if self.mode == RobotMode.IDLE:
            self._later(RobotMode.RUNNING, now_ns + BRAKE_RELEASE_NS)
        else:
            self.power_on(now_ns)
            self._then_release = self.mode == RobotMode.POWER_ON

    def step(self, now_ns: int) -> bool:
        """Go on where a step is over; True where the mode changed."""
        if self._next is None or now_ns < self._at_ns:
            return False
        self.mode, self._next = self._next, None
        if self.mode == RobotMode.IDLE and self._then_release:
            self._then_release = False
            self.release_brakes(self._at_ns)
        return True

    def _later(self, mode: RobotMode, at_ns: int) -> None:
        self._next, self._at_ns = mode, at_ns
