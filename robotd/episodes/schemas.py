"""The protobuf types of an episode's messages, built from one table when the module is loaded.

Their descriptors go into each file, so that any reader of MCAP shows names and values without this
code. Pictures are Foxglove's own types. Matrices are lists of doubles, row by row.
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import Any, Final, Protocol

from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage
from foxglove_schemas_protobuf.CompressedVideo_pb2 import CompressedVideo
from google.protobuf import message_factory
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from robotd.core.arm_codes import ArmFault, ArmPhase, Limit, PauseCause, Source
from robotd.core.errors import DatasetError, one_line

VIDEO: Final = "foxglove.CompressedVideo"
IMAGE: Final = "foxglove.CompressedImage"

_PACKAGE = "robotd"
_ENUMS: tuple[type[IntEnum], ...] = (Source, ArmPhase, ArmFault, Limit, PauseCause)

# Kind of a field: a scalar of protobuf or one of the enumerations; "*" behind it: a list. Numbers
# of fields count up from 1 in the order of the table: append only.
_TABLE = {
    "ArmTick": (
        "t_ns int64, session int64, plan_epoch sint64, source Source, refused_epoch sint64,"
        "late_ns int64, skipped_n int64, phase ArmPhase, fault ArmFault, accepted bool,"
        "limit Limit, braking bool, t_state_ns int64, q_rad double*, qd_rad_s double*,"
        "T_base_tcp double*, safety_bits int64, program_running bool, speed_scaling double,"
        "q_cmd_rad double*, T_base_cmd double*, hold PauseCause, robot_mode sint64,"
        "runtime_state int64, force_n double*, current_a double*"
    ),
    "Plan": (
        "t_ns int64, session int64, present bool, epoch int64, source Source,"
        "valid_until_ns int64, row_t_ns int64*, T_base_tcp double*"
    ),
    "Chunk": (
        "t_ns int64, request_id int64, seed uint64, t_obs_ns int64, dt_s double, i0 sint64,"
        "meaning string, dim int64, actions double*"
    ),
    "ChunkUse": (
        "t_ns int64, request_id int64, rows_n int64, first_row int64, first_sent_ns int64,"
        "plan_epoch sint64, dropped string"
    ),
    "Request": (
        "t_ns int64, request_id int64, t_obs_ns int64, outcome string, round_trip_s double,"
        "queue_s double, decode_s double, infer_s double, total_s double"
    ),
    "TeleopSample": "t_ns int64, deflection double*, buttons int64*, number int64",
    "Signal": "t_ns int64*, columns int64, value double*",
    "WorldState": (
        "t_ns int64, episode int64, seed int64, step_n int64, start_xy_px double*,"
        "agent_xy_px double*, tool_height_m double, block_pose_px double*, coverage double,"
        "best_coverage double, best_score double, success bool"
    ),
    "Event": "t_ns int64, name string, text string",
    "Gap": "stream string, count int64, t_from_ns int64, t_to_ns int64, reason string",
    "FrameTimes": (
        "t_capture_ns int64, t_arrival_ns int64, t_device_ns int64, ring_index int64, key bool,"
        "frame_number int64"
    ),
}


class MessageClass(Protocol):
    """A class of messages, made from its descriptor; keywords are fields."""

    def __call__(self, **fields: Any) -> Any:
        """Build a message."""
        ...

    def FromString(self, data: bytes) -> Any:  # noqa: N802 (protobuf's own name)
        """Parse a message; raises protobuf's DecodeError."""
        ...


def message_class(schema: str) -> MessageClass:
    """Return the class of a type, by its full name.

    Raises:
        KeyError: No type of that name.
    """
    return _CLASSES[schema]


def parse(schema: str, data: bytes) -> Any:
    """Return the message of some bytes.

    Raises:
        DatasetError: Other bytes, or a type that no episode holds.
    """
    if schema not in _CLASSES:
        raise DatasetError(f"a message of {schema}, which no episode of this version holds")
    try:
        return _CLASSES[schema].FromString(data)
    except DecodeError as error:
        raise DatasetError(f"a message of {schema}: damaged: {one_line(str(error))}") from error


def schema_names() -> tuple[str, ...]:
    """Return the full names of all types that an episode may hold."""
    return tuple(_CLASSES)


def schema_bytes(schema: str) -> bytes:
    """Return the descriptors of a type and of all that it uses, as MCAP wants them.

    Raises:
        KeyError: No type of that full name.
    """
    files = FileDescriptorSet()
    for file in _with_dependencies(_FILES[schema]):
        file.CopyToProto(files.file.add())
    return files.SerializeToString()


def _with_dependencies(file: FileDescriptor, seen: set[str] | None = None) -> Iterator[Any]:
    seen = set() if seen is None else seen
    if file.name in seen:
        return
    seen.add(file.name)
    for dependency in file.dependencies:
        yield from _with_dependencies(dependency, seen)
    yield file


def _screaming(name: str) -> str:
    """ArmPhase -> ARM_PHASE: values of enumerations share their package's names."""
    return "".join(f"_{c}" if c.isupper() and i else c for i, c in enumerate(name)).upper()


def _enum(enum: type[IntEnum]) -> EnumDescriptorProto:
    proto = EnumDescriptorProto(name=enum.__name__)
    for member in enum:
        proto.value.add(name=f"{_screaming(enum.__name__)}_{member.name}", number=member.value)
    return proto


def _message(name: str, fields: str) -> DescriptorProto:
    enums = {enum.__name__ for enum in _ENUMS}
    proto = DescriptorProto(name=name)
    for number, entry in enumerate(fields.split(","), start=1):
        field, kind = entry.split()
        repeated, kind = kind.endswith("*"), kind.removesuffix("*")
        added = proto.field.add(
            name=field,
            number=number,
            label=FieldDescriptorProto.LABEL_REPEATED
            if repeated
            else FieldDescriptorProto.LABEL_OPTIONAL,
        )
        if kind in enums:
            added.type = FieldDescriptorProto.TYPE_ENUM
            added.type_name = f".{_PACKAGE}.{kind}"
        else:
            added.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
    return proto


def _build() -> tuple[dict[str, MessageClass], dict[str, FileDescriptor]]:
    file = FileDescriptorProto(name=f"{_PACKAGE}/episode.proto", package=_PACKAGE, syntax="proto3")
    file.enum_type.extend(_enum(enum) for enum in _ENUMS)
    file.message_type.extend(_message(name, fields) for name, fields in _TABLE.items())
    pool = DescriptorPool()
    pool.Add(file)
    built = pool.FindFileByName(file.name)
    classes: dict[str, Any] = {VIDEO: CompressedVideo, IMAGE: CompressedImage}
    files = {VIDEO: CompressedVideo.DESCRIPTOR.file, IMAGE: CompressedImage.DESCRIPTOR.file}
    for name in _TABLE:
        schema = f"{_PACKAGE}.{name}"
        classes[schema] = message_factory.GetMessageClass(pool.FindMessageTypeByName(schema))
        files[schema] = built
    return classes, files


_CLASSES, _FILES = _build()
