"""What a script can ask of the controller that it runs on."""

from dataclasses import dataclass
from typing import Literal, Protocol

Six = tuple[float, float, float, float, float, float]
WatchdogAction = Literal["ignore", "pause", "stop"]


@dataclass(frozen=True, slots=True)
class PoseValue:
    """URScript's `p[x, y, z, rx, ry, rz]`: position [m] and rotation vector [rad]."""

    values: Six


class ScriptMachine(Protocol):
    """The controller under a running script; used by one thread.

    The interpreter calls these between two controller cycles. A command for motion only sets what
    the joints do from the next cycle on; the interpreter yields once per cycle while it lasts, and
    asks `motion_done` after each. Closing the generator (program stopped) calls nothing here: the
    controller brakes by its own rules then.
    """

    @property
    def period_s(self) -> float:
        """Length of a controller cycle [s]: 0.008 or 0.002."""
        ...

    def read_input_integer_register(self, index: int) -> int:
        """Return a general-purpose input register, 0 to 47, as the last RTDE packet left it."""
        ...

    def read_input_float_register(self, index: int) -> float:
        """Return a general-purpose input register, 0 to 47; may be NaN or infinite."""
        ...

    def read_input_boolean_register(self, index: int) -> bool:
        """Return a general-purpose input bit, 0 to 127."""
        ...

    def write_output_integer_register(self, index: int, value: int) -> None:
        """Set a general-purpose output register, 0 to 47; `value` fits 32 signed bits."""
        ...

    def write_output_float_register(self, index: int, value: float) -> None:
        """Set a general-purpose output register, 0 to 47."""
        ...

    def write_output_boolean_register(self, index: int, *, value: bool) -> None:
        """Set a general-purpose output bit, 0 to 127."""
        ...

    def get_actual_joint_positions(self) -> Six:
        """Return the measured joints [rad]."""
        ...

    def get_target_joint_positions(self) -> Six:
        """Return the joints that the controller aims at in this cycle [rad]."""
        ...

    def get_actual_joint_speeds(self) -> Six:
        """Return the measured joint speeds [rad/s]."""
        ...

    def get_actual_tcp_pose(self) -> PoseValue:
        """Return the measured pose of the active tool centre point in the base frame."""
        ...

    def servoj(self, q_rad: Six, *, t_s: float, lookahead_s: float, gain: float) -> None:
        """Servo towards joints for `t_s`; called once per `servoj` of the script.

        The interpreter yields round(t_s / period_s) cycles after it, at least one.
        """
        ...

    def stopj(self, deceleration_rad_s2: float) -> None:
        """Begin to brake all joints to rest; lasts until `motion_done`."""
        ...

    def stopl(self, deceleration_m_s2: float) -> None:
        """Begin to brake the tool to rest; lasts until `motion_done`."""
        ...

    def movej(
        self,
        target: Six | PoseValue,
        *,
        acceleration_rad_s2: float,
        speed_rad_s: float,
        t_s: float,
    ) -> None:
        """Begin a joint move to joints or to a pose; `t_s` 0 means by speed. To `motion_done`."""
        ...

    def movel(
        self,
        target: Six | PoseValue,
        *,
        acceleration_m_s2: float,
        speed_m_s: float,
        t_s: float,
    ) -> None:
        """Begin a straight tool move to joints or to a pose. Lasts until `motion_done`."""
        ...

    def speedj(self, speed_rad_s: Six, *, acceleration_rad_s2: float) -> None:
        """Accelerate the joints to speeds and keep them until another command."""
        ...

    def speedl(self, speed: Six, *, acceleration_m_s2: float) -> None:
        """Accelerate the tool to a twist [m/s, rad/s] and keep it until another command."""
        ...

    def motion_done(self) -> bool:
        """Whether the motion begun last has come to its end."""
        ...

    def rtde_set_watchdog(self, variable: str, minimum_hz: float, action: WatchdogAction) -> None:
        """Expect the RTDE input `variable` at least so often; removed when the program ends."""
        ...

    def set_tcp(self, pose: PoseValue) -> None:
        """Set the active tool centre point in the flange frame."""
        ...

    def set_payload(self, mass_kg: float, centre_m: tuple[float, float, float]) -> None:
        """Set what the arm carries."""
        ...

    def set_digital_output(self, index: int, *, value: bool) -> None:
        """Set a standard (0 to 7), configurable (8 to 15) or tool (16, 17) output."""
        ...

    def textmsg(self, text: str) -> None:
        """Write a line to the controller's log."""
        ...

    def popup(self, text: str) -> None:
        """Show a message on the pendant; the script goes on."""
        ...
