"""Questions and settings of ur_rtde's control script: those commands that do not move the arm."""

from collections.abc import Callable
from typing import Final

import numpy as np

from robotd.core.kinematics import Kinematics
from robotd.sim.ur.arm.inverse import joints_near
from robotd.sim.ur.arm.motions import MotionError
from robotd.sim.ur.arm.pose6 import matrix_of, pose6_of
from robotd.sim.ur.controller import Controller
from robotd.sim.ur.machine import Machine
from robotd.sim.ur.ports.outputs import actual_tcp_pose, actual_torques
from robotd.sim.ur.stock.commands import Command

_UPPER_COLUMNS: Final = 36  # a 6 x 6 matrix goes to registers 0 to 23 and 36 to 47


class Answers:
    """What it answers, into the output registers."""

    def __init__(self, controller: Controller, machine: Machine, offset: int) -> None:
        self._c, self._machine, self._base = controller, machine, offset
        self._commands: dict[int, Callable[[], None]] = {
            Command.ZERO_FTSENSOR: lambda: None,  # the emulated sensor has no offset
            Command.SET_PAYLOAD: self._set_payload,
            Command.TOOL_CONTACT: lambda: self._result(0),
            Command.GET_STEPTIME: lambda: self._values([controller.period_s]),
            Command.GET_ACTUAL_JOINT_POSITIONS: lambda: self._values(controller.joints.measured),
            Command.GET_TARGET_WAYPOINT: lambda: self._values(actual_tcp_pose(controller)),
            Command.SET_TCP: lambda: controller.set_tcp(self._d(0, 6)),
            Command.GET_INVERSE_KIN_NEAR: self._inverse_near,
            Command.IS_POSE_WITHIN_LIMITS: lambda: self._result(int(self._reachable())),
            Command.IS_JOINTS_WITHIN_LIMITS: lambda: self._result(int(self._within())),
            Command.GET_JOINT_TORQUES: lambda: self._values(actual_torques(controller)),
            Command.POSE_TRANS: self._pose_trans,
            Command.GET_TCP_OFFSET: lambda: self._values(controller.setup.tcp_offset),
            Command.GET_FORWARD_KIN: lambda: self._values(actual_tcp_pose(controller)),
            Command.GET_FORWARD_KIN_OF: self._forward,
            Command.GET_INVERSE_KIN: lambda: self._values(self._inverse(controller.joints.ref.q)),
            Command.IS_STEADY: lambda: self._result(int(controller.joints.standing)),
            Command.GET_FREEDRIVE_STATUS: lambda: self._result(0),
            Command.GET_FLANGE_POSE: self._flange,
            Command.HAS_INVERSE_KIN: lambda: self._result(int(self._reachable())),
            Command.HAS_INVERSE_KIN_NEAR: lambda: self._result(int(self._reachable(self._d(6, 6)))),
            Command.READ_CONTACT_DETECTION: lambda: self._result(0),
            Command.SET_TARGET_PAYLOAD: self._set_payload,
            Command.GET_JACOBIAN: self._jacobian,
        }

    def answer(self, command: int) -> None:
        """Do what a command says.

        Raises:
            MotionError: It is not known, or there is no answer; the script ends.
        """
        if command not in self._commands:
            raise MotionError(f"control script: command {command} is not emulated")
        self._commands[command]()

    def _set_payload(self) -> None:
        mass_kg, *centre_m = self._d(0, 4)
        keep = not any(centre_m) and not self._c.version.cb3
        self._c.set_payload(mass_kg, self._c.setup.payload_cog_m if keep else centre_m)

    def _inverse_near(self) -> None:
        self._values(self._inverse(self._d(6, 6)))

    def _inverse(self, near: list[float]) -> list[float]:
        found = joints_near(self._c.kinematics, matrix_of(self._d(0, 6)), near)
        if found is None:
            raise MotionError(f"no inverse kinematics solution for {self._d(0, 6)}")
        return found

    def _reachable(self, near: list[float] | None = None) -> bool:
        near = near or self._c.joints.ref.q
        return joints_near(self._c.kinematics, matrix_of(self._d(0, 6)), near) is not None

    def _within(self) -> bool:
        return not self._c.setup.limits.joints_excess(self._d(0, 6), [0.0] * 6, 0.0)

    def _pose_trans(self) -> None:
        T = matrix_of(self._d(0, 6)) @ matrix_of(self._d(6, 6))
        self._values(pose6_of(T))

    def _forward(self) -> None:
        kinematics = Kinematics(self._c.setup.kinematics, matrix_of(self._d(6, 6)))
        self._values(pose6_of(kinematics.fk(np.array(self._d(0, 6)))))

    def _flange(self) -> None:
        kinematics = Kinematics(self._c.setup.kinematics)
        self._values(pose6_of(kinematics.fk(np.array(self._c.joints.measured))))

    def _jacobian(self) -> None:
        columns: list[float] = (
            self._c.kinematics.jacobian(np.array(self._c.joints.ref.q)).T.ravel().tolist()
        )
        self._values(columns[:24])
        self._c.registers.out_double[_UPPER_COLUMNS : _UPPER_COLUMNS + 12] = columns[24:]

    def _d(self, first: int, count: int) -> list[float]:
        start = self._base + first
        return self._c.registers.in_double[start : start + count]

    def _values(self, values: list[float]) -> None:
        self._c.registers.out_double[self._base : self._base + len(values)] = values

    def _result(self, value: int) -> None:
        self._c.registers.out_int[self._base + 1] = value
