"""The variables of RTDE: name, type on the wire, and the first version that has them.

Source: Universal Robots, "Real-Time Data Exchange (RTDE) guide", tables of inputs and outputs.
"""

from dataclasses import dataclass
from typing import Final

from robotd.sim.ur.version import PolyScope

NOT_FOUND: Final = "NOT_FOUND"
IN_USE: Final = "IN_USE"

FORMATS: Final = {
    "BOOL": "?",
    "UINT8": "B",
    "UINT32": "I",
    "UINT64": "Q",
    "INT32": "i",
    "DOUBLE": "d",
    "VECTOR3D": "3d",
    "VECTOR6D": "6d",
    "VECTOR6INT32": "6i",
    "VECTOR6UINT32": "6I",
}
"""Type to its format for `struct`, big endian on the wire."""

Version = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Field:
    """One variable.

    Attributes:
        kind: Its type, a key of `FORMATS`.
        cb3: First CB3 version that has it; None: none.
        e_series: First e-Series version that has it; None: none.
    """

    kind: str
    cb3: Version = (3, 0)
    e_series: Version = (5, 0)

    def known(self, version: PolyScope) -> bool:
        """Whether that version has it."""
        return version.since(self.cb3, self.e_series)

    @property
    def width(self) -> int:
        """How many numbers it holds."""
        head = FORMATS[self.kind][0]
        return int(head) if head.isdecimal() else 1


def _registers(prefix: str, names: range, kind: str) -> dict[str, Field]:
    """The general-purpose registers; the upper half of each 48 is newer."""
    return {
        f"{prefix}{i}": Field(kind, (3, 4) if i < 24 else (3, 9), (5, 0) if i < 24 else (5, 3))
        for i in names
    }


def _table(kinds: dict[str, str], cb3: Version = (3, 0), e: Version = (5, 0)) -> dict[str, Field]:
    return {name: Field(kind, cb3, e) for kind, words in kinds.items() for name in words.split()}


OUTPUTS: Final = {
    **_table(
        {
            "DOUBLE": "timestamp actual_execution_time speed_scaling target_speed_fraction "
            "actual_momentum actual_main_voltage actual_robot_voltage actual_robot_current "
            "standard_analog_input0 standard_analog_input1 standard_analog_output0 "
            "standard_analog_output1 io_current tool_analog_input0 tool_analog_input1 "
            "tool_output_current tool_temperature",
            "VECTOR6D": "target_q target_qd target_qdd target_current target_moment actual_q "
            "actual_qd actual_current joint_control_output actual_TCP_pose actual_TCP_speed "
            "actual_TCP_force target_TCP_pose target_TCP_speed joint_temperatures "
            "actual_joint_voltage",
            "VECTOR3D": "actual_tool_accelerometer elbow_position elbow_velocity",
            "UINT64": "actual_digital_input_bits actual_digital_output_bits",
            "INT32": "robot_mode safety_mode tool_output_voltage",
            "UINT32": "runtime_state robot_status_bits safety_status_bits analog_io_types "
            "tool_analog_input_types output_bit_registers0_to_31 output_bit_registers32_to_63",
            "VECTOR6INT32": "joint_mode",
        }
    ),
    **_table({"INT32": "safety_status"}, (3, 10), (5, 4)),
    **_table({"DOUBLE": "tcp_force_scalar"}, (3, 9), (5, 3)),
    **_table({"DOUBLE": "payload", "VECTOR3D": "payload_cog"}, (3, 11), (5, 5)),
    **_table({"VECTOR6D": "payload_inertia"}, (3, 15), (5, 11)),
    **_table({"VECTOR6D": "tcp_offset"}, None, (5, 8)),
    **_table({"VECTOR6D": "ft_raw_wrench"}, None, (5, 9)),
    **_table({"VECTOR6D": "actual_current_as_torque"}, None, (5, 23)),
    **_registers("output_int_register_", range(48), "INT32"),
    **_registers("output_double_register_", range(48), "DOUBLE"),
    **{f"output_bit_register_{i}": Field("BOOL", (3, 9), (5, 3)) for i in range(64, 128)},
}
"""What a client can be sent."""

INPUTS: Final = {
    **_table(
        {
            "UINT32": "speed_slider_mask input_bit_registers0_to_31 input_bit_registers32_to_63",
            "DOUBLE": "speed_slider_fraction standard_analog_output_0 standard_analog_output_1",
            "UINT8": "standard_digital_output_mask standard_digital_output "
            "configurable_digital_output_mask configurable_digital_output "
            "tool_digital_output_mask tool_digital_output "
            "standard_analog_output_mask standard_analog_output_type",
        }
    ),
    **_table({"VECTOR6D": "external_force_torque"}, (3, 3), (5, 0)),
    **_registers("input_int_register_", range(48), "INT32"),
    **_registers("input_double_register_", range(48), "DOUBLE"),
    **{f"input_bit_register_{i}": Field("BOOL", (3, 9), (5, 3)) for i in range(64, 128)},
}
"""What a client can set."""
