"""Where each RTDE output comes from."""

from collections.abc import Callable
from functools import partial
from typing import Final

from robotd.core.chain import jacobian_rows
from robotd.sim.ur.arm import loads
from robotd.sim.ur.arm.pose6 import pose6_of_columns
from robotd.sim.ur.controller import Controller
from robotd.sim.ur.ports.rtde import Getter, InputRecipe
from robotd.sim.ur.registers import BITS_N, REGISTERS_N, Owners, Registers
from robotd.sim.ur.version import PolyScope

_TEMPERATURE_C: Final = [28.0, 29.0, 29.0, 31.0, 32.0, 32.0]
_JOINT_V: Final = [48.0] * 6


class Outputs:
    """The side of the controller that all RTDE clients share; implements `rtde.Hub`.

    What costs more than a look-up is worked out once a cycle, and only where somebody asks.
    """

    def __init__(self, controller: Controller) -> None:
        self._c = controller
        self._cycle_of: dict[str, int] = {}
        self._kept: dict[str, list[float]] = {}

    @property
    def version(self) -> PolyScope:
        """Of the controller."""
        return self._c.version

    @property
    def registers(self) -> Registers:
        """Of the controller."""
        return self._c.registers

    @property
    def owners(self) -> Owners:
        """Of the controller."""
        return self._c.owners

    @property
    def rate_hz(self) -> float:
        """Of the controller."""
        return self._c.rate_hz

    def inputs_changed(self, recipe: InputRecipe) -> None:
        """Tell the controller."""
        self._c.inputs_changed(recipe)

    def getter(self, name: str) -> Getter:
        """Return where an output comes from.

        Raises:
            KeyError: `fields.py` lists a name that is not here.
        """
        prefix, _, number = name.rpartition("_")
        c, registers = self._c, self._c.registers
        if prefix == "output_int_register" and int(number) < REGISTERS_N:
            return partial(registers.out_int.__getitem__, int(number))
        if prefix == "output_double_register" and int(number) < REGISTERS_N:
            return partial(registers.out_double.__getitem__, int(number))
        if prefix == "output_bit_register" and int(number) < BITS_N:
            return lambda: bool(registers.out_bits >> int(number) & 1)
        if name in _CONSTANTS:
            constant = _CONSTANTS[name]
            return lambda: constant
        if name in _ONCE_A_CYCLE:
            return partial(self._once, name, _ONCE_A_CYCLE[name])
        plain = _PLAIN[name]
        return lambda: plain(c)

    def _once(self, name: str, work: Callable[[Controller], list[float]]) -> list[float]:
        cycle = self._c.cycles
        if self._cycle_of.get(name) != cycle:
            self._cycle_of[name], self._kept[name] = cycle, work(self._c)
        return self._kept[name]


_CONSTANTS: Final[dict[str, "float | int | list[float]"]] = {
    "actual_execution_time": 0.0004,
    "actual_momentum": 0.0,
    "actual_main_voltage": 48.0,
    "actual_robot_voltage": 48.0,
    "actual_joint_voltage": _JOINT_V,
    "joint_temperatures": _TEMPERATURE_C,
    "standard_analog_input0": 0.0,
    "standard_analog_input1": 0.0,
    "io_current": 0.05,
    "tool_analog_input0": 0.0,
    "tool_analog_input1": 0.0,
    "tool_output_current": 0.0,
    "tool_temperature": 30.0,
    "actual_tool_accelerometer": [0.0, 0.0, loads.GRAVITY_M_S2],
    "elbow_velocity": [0.0, 0.0, 0.0],
    "actual_digital_input_bits": 0,
    "tool_output_voltage": 0,
    "analog_io_types": 0,
    "tool_analog_input_types": 0,
    "payload_inertia": [0.0] * 6,
}


def actual_tcp_pose(c: Controller) -> list[float]:
    """Of the measured joints."""
    return pose6_of_columns(c.tcp)


def target_tcp_pose(c: Controller) -> list[float]:
    """Of the reference."""
    return pose6_of_columns(c.chain_at(c.joints.ref.q)[1])


def _tool_speed(c: Controller, qd: list[float]) -> list[float]:
    if not any(qd):
        return [0.0] * 6
    rows = jacobian_rows(c.axes, c.tcp[3])
    return [sum(row[k] * v for row, v in zip(rows, qd, strict=True)) for k in range(6)]


def expected_torques(c: Controller) -> list[float]:
    """What the controller's own model says that the joints need (6,) [Nm]."""
    if not c.power.on:
        return [0.0] * 6
    return [
        h + f for h, f in zip(c.holding_torques(), loads.friction_torques(c.joints.qd), strict=True)
    ]


def actual_torques(c: Controller) -> list[float]:
    """With what pushes from outside (6,) [Nm]."""
    torques = expected_torques(c)
    if c.power.on and any(c.external_wrench):
        push = loads.joint_torques(c.axes, c.tcp, c.external_wrench)
        torques = [t + p for t, p in zip(torques, push, strict=True)]
    if c.power.on and c.joints.blocked:
        contact = loads.contact_torques(c.joints.ref.q, c.joints.q, c.joints.blocked)
        torques = [t + p for t, p in zip(torques, contact, strict=True)]
    return torques


def tool_force(c: Controller) -> list[float]:
    """The wrench on the tool (6,) [N, Nm], base frame, with the sensor's noise."""
    force = [f + n for f, n in zip(c.external_wrench, loads.noise(c.cycles), strict=True)]
    if c.joints.blocked:
        contact = loads.contact_torques(c.joints.ref.q, c.joints.q, c.joints.blocked)
        wrench = loads.tool_wrench(c.axes, c.tcp, contact)
        force = [f + w for f, w in zip(force, wrench, strict=True)]
    return force


def _raw_wrench(c: Controller) -> list[float]:
    force, (x, y, z, _) = tool_force(c), c.tcp
    return [
        sum(a * f for a, f in zip(axis, part, strict=True))
        for part in (force[:3], force[3:])
        for axis in (x, y, z)
    ]


def _currents(torques: list[float]) -> list[float]:
    return [t / k for t, k in zip(torques, loads.NM_PER_A, strict=True)]


def _elbow(c: Controller) -> list[float]:
    return list(c.axes[2][3:6])


_ONCE_A_CYCLE: Final[dict[str, Callable[[Controller], list[float]]]] = {
    "actual_TCP_pose": actual_tcp_pose,
    "target_TCP_pose": target_tcp_pose,
    "actual_TCP_speed": lambda c: _tool_speed(c, c.joints.qd),
    "target_TCP_speed": lambda c: _tool_speed(c, c.joints.speeds_ref()),
    "actual_TCP_force": tool_force,
    "ft_raw_wrench": _raw_wrench,
    "target_moment": expected_torques,
    "target_current": lambda c: _currents(expected_torques(c)),
    "actual_current": lambda c: _currents(actual_torques(c)),
    "joint_control_output": lambda c: _currents(actual_torques(c)),
    "actual_current_as_torque": actual_torques,
    "elbow_position": _elbow,
}

_PLAIN: Final[dict[str, Callable[[Controller], "float | int | list[float] | list[int]"]]] = {
    "timestamp": lambda c: c.timestamp_s,
    "target_q": lambda c: c.joints.ref.q,
    "target_qd": lambda c: c.joints.speeds_ref(),
    "target_qdd": lambda c: c.joints.qdd_ref,
    "actual_q": lambda c: c.joints.measured,
    "actual_qd": lambda c: c.joints.qd,
    "speed_scaling": lambda c: c.slider,
    "target_speed_fraction": lambda c: c.slider,
    "actual_robot_current": lambda c: 0.8 if c.power.on else 0.1,
    "standard_analog_output0": lambda c: c.registers.named["standard_analog_output_0"][0],
    "standard_analog_output1": lambda c: c.registers.named["standard_analog_output_1"][0],
    "actual_digital_output_bits": lambda c: c.digital_outputs,
    "robot_mode": lambda c: int(c.power.mode),
    "joint_mode": lambda c: [c.power.joint_mode] * 6,
    "safety_mode": lambda c: int(c.safety.mode),
    "safety_status": lambda c: int(c.safety.mode),
    "runtime_state": lambda c: int(c.program.runtime),
    "robot_status_bits": lambda c: int(c.power.on) | int(c.program.playing) << 1,
    "safety_status_bits": lambda c: c.safety.bits,
    "payload": lambda c: c.setup.payload_kg,
    "payload_cog": lambda c: c.setup.payload_cog_m,
    "tcp_offset": lambda c: c.setup.tcp_offset,
    "tcp_force_scalar": lambda c: sum(f * f for f in tool_force(c)[:3]) ** 0.5,
    "output_bit_registers0_to_31": lambda c: c.registers.out_bits & 0xFFFFFFFF,
    "output_bit_registers32_to_63": lambda c: c.registers.out_bits >> 32 & 0xFFFFFFFF,
}
