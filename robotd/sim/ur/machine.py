"""The controller as the script that runs on it sees it; implements `ScriptMachine`."""

import numpy as np

from robotd.sim.ur.arm.inverse import joints_near
from robotd.sim.ur.arm.motions import (
    Brake,
    MotionError,
    MoveJoints,
    MoveLine,
    SpeedJoints,
    joint_deceleration,
    tool_speeds,
)
from robotd.sim.ur.arm.pose6 import matrix_of
from robotd.sim.ur.controller import Controller
from robotd.sim.ur.ports.outputs import actual_tcp_pose
from robotd.sim.ur.ports.rtde_wire import Level
from robotd.sim.ur.script.machine import PoseValue, Six, WatchdogAction


class Machine:
    """See `ScriptMachine`; each call does what the function of that name does in a script."""

    def __init__(self, controller: Controller) -> None:
        self._c = controller

    @property
    def period_s(self) -> float:
        """Length of a cycle [s]."""
        return self._c.period_s

    def read_input_integer_register(self, index: int) -> int:
        """See `ScriptMachine`."""
        return self._c.registers.in_int[index]

    def read_input_float_register(self, index: int) -> float:
        """See `ScriptMachine`."""
        return self._c.registers.in_double[index]

    def read_input_boolean_register(self, index: int) -> bool:
        """See `ScriptMachine`."""
        return self._c.registers.in_bit(index)

    def write_output_integer_register(self, index: int, value: int) -> None:
        """See `ScriptMachine`."""
        self._c.registers.out_int[index] = value

    def write_output_float_register(self, index: int, value: float) -> None:
        """See `ScriptMachine`."""
        self._c.registers.out_double[index] = value

    def write_output_boolean_register(self, index: int, *, value: bool) -> None:
        """See `ScriptMachine`."""
        self._c.registers.set_out_bit(index, value=value)

    def get_actual_joint_positions(self) -> Six:
        """See `ScriptMachine`."""
        return _six(self._c.joints.measured)

    def get_target_joint_positions(self) -> Six:
        """See `ScriptMachine`."""
        return _six(self._c.joints.ref.q)

    def get_actual_joint_speeds(self) -> Six:
        """See `ScriptMachine`."""
        return _six(self._c.joints.qd)

    def get_actual_tcp_pose(self) -> PoseValue:
        """See `ScriptMachine`."""
        return PoseValue(_six(actual_tcp_pose(self._c)))

    def servoj(self, q_rad: Six, *, t_s: float, lookahead_s: float, gain: float) -> None:
        """See `ScriptMachine`.

        Raises:
            MotionError: A target that is not finite, a time, lookahead or gain out of range.
        """
        if not all(abs(q) < 1e3 for q in q_rad):
            raise MotionError(f"servoj: target {list(q_rad)}, expected six angles")
        if not (t_s > 0 and 0.03 <= lookahead_s <= 0.2 and 100 <= gain <= 2000):
            raise MotionError(
                f"servoj: t {t_s}, lookahead_time {lookahead_s}, gain {gain}; "
                "expected above 0, 0.03 to 0.2, 100 to 2000"
            )
        self._c.joints.servo(list(q_rad), lookahead_s, gain)

    def stopj(self, deceleration_rad_s2: float) -> None:
        """See `ScriptMachine`."""
        self._c.joints.begin(Brake(deceleration_rad_s2))

    def stopl(self, deceleration_m_s2: float) -> None:
        """See `ScriptMachine`."""
        self._c.joints.begin(Brake(joint_deceleration(deceleration_m_s2)))

    def movej(
        self,
        target: Six | PoseValue,
        *,
        acceleration_rad_s2: float,
        speed_rad_s: float,
        t_s: float,
    ) -> None:
        """See `ScriptMachine`."""
        goal = self.inverse(target) if isinstance(target, PoseValue) else list(target)
        self._c.joints.begin(
            MoveJoints(goal, speed=speed_rad_s, acceleration=acceleration_rad_s2, t_s=t_s)
        )

    def movel(
        self,
        target: Six | PoseValue,
        *,
        acceleration_m_s2: float,
        speed_m_s: float,
        t_s: float,
    ) -> None:
        """See `ScriptMachine`."""
        if isinstance(target, PoseValue):
            self.inverse(target)
            T_goal = matrix_of(target.values)
        else:
            T_goal = self._c.kinematics.fk(np.array(target))
        self._c.joints.begin(
            MoveLine(
                self._c.kinematics,
                T_goal,
                speed=speed_m_s,
                acceleration=acceleration_m_s2,
                t_s=t_s,
            )
        )

    def speedj(self, speed_rad_s: Six, *, acceleration_rad_s2: float) -> None:
        """See `ScriptMachine`."""
        wanted = list(speed_rad_s)
        self._c.joints.begin(SpeedJoints(lambda _: wanted, acceleration_rad_s2))

    def speedl(self, speed: Six, *, acceleration_m_s2: float) -> None:
        """See `ScriptMachine`."""
        speeds = tool_speeds(self._c.kinematics, list(speed))
        self._c.joints.begin(SpeedJoints(speeds, joint_deceleration(acceleration_m_s2)))

    def motion_done(self) -> bool:
        """See `ScriptMachine`."""
        return self._c.joints.done

    def rtde_set_watchdog(self, variable: str, minimum_hz: float, action: WatchdogAction) -> None:
        """See `ScriptMachine`."""
        self._c.watchdogs.set(variable, minimum_hz, action, self._c.now_ns)

    def set_tcp(self, pose: PoseValue) -> None:
        """See `ScriptMachine`."""
        self._c.set_tcp(list(pose.values))

    def set_payload(self, mass_kg: float, centre_m: tuple[float, float, float]) -> None:
        """See `ScriptMachine`."""
        self._c.set_payload(mass_kg, list(centre_m))

    def set_digital_output(self, index: int, *, value: bool) -> None:
        """See `ScriptMachine`."""
        bit = 1 << index
        self._c.digital_outputs = self._c.digital_outputs & ~bit | bit * int(value)

    def textmsg(self, text: str) -> None:
        """See `ScriptMachine`."""
        self._c.note(text)

    def popup(self, text: str) -> None:
        """See `ScriptMachine`."""
        self._c.message(f"popup: {text}", Level.INFO)

    def inverse(self, pose: PoseValue) -> list[float]:
        """Return joints for a pose, from near the present ones.

        Raises:
            MotionError: None were found.
        """
        found = joints_near(self._c.kinematics, matrix_of(pose.values), self._c.joints.ref.q)
        if found is None:
            raise MotionError(f"no inverse kinematics solution for {list(pose.values)}")
        return found


def _six(values: list[float]) -> Six:
    a, b, c, d, e, f = values
    return a, b, c, d, e, f
