"""Messages as bytes: a msgpack header, then one raw frame an array; nothing here opens a socket.

Whatever bytes come in, decoding ends in a value or a `WireError`, in time and memory bounded by the
limits below. Unlimited, msgpack turns 10 MB of empty maps into 724 MB of objects and 6.9 s of work,
so the header's size is checked before it is unpacked. Error texts never repeat what was received.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

import msgpack
import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from robotd.core.errors import WireError
from robotd.core.wire_arrays import ArrayLayout, pack_array, unpack_array
from robotd.core.wire_structs import (
    PROTOCOL_VERSION,
    RESERVED_OPS,
    ArrayHeader,
    ErrorReply,
    HealthReply,
    HealthRequest,
    HelloReply,
    HelloRequest,
    InferReply,
    InferRequest,
    Reply,
    Request,
)

MAX_HEADER_BYTES = 64 * 1024
MAX_FRAME_BYTES = 8 * 1024 * 1024
"""Largest array of an observation; servers set it as their socket's limit."""
MAX_REPLY_FRAME_BYTES = 256 * 1024
"""Largest frame of a reply; clients set it as their socket's limit."""
MAX_ARRAYS_N = 16

Buffer = bytes | bytearray | memoryview
HeaderT = TypeVar("HeaderT")

_PATH = re.compile(r" - at `(\$[a-z0-9_.\[\]]{0,60})`$")
_REQUESTS = HelloRequest | HealthRequest | InferRequest
_REPLIES = HelloReply | HealthReply | InferReply | ErrorReply


def pack_header(header: Struct) -> bytes:
    """Encode a header.

    Raises:
        WireError: `too_large`: it exceeds `MAX_HEADER_BYTES`.
    """
    packed = cast(bytes, msgpack.packb(msgspec.to_builtins(header), use_bin_type=True))
    _check_size("header", len(packed), MAX_HEADER_BYTES)
    return packed


def unpack_header(frame: Buffer) -> dict[str, object]:
    """Decode a header into plain values, within hard limits; `convert_header` gives it a type.

    Raises:
        WireError: `too_large`, or `malformed`: not msgpack, not a map, too deep, too long.
    """
    _check_size("header", len(frame), MAX_HEADER_BYTES)
    try:
        fields = msgpack.unpackb(
            frame,
            raw=False,
            strict_map_key=True,
            use_list=False,
            max_str_len=256,
            max_bin_len=0,
            max_array_len=256,
            max_map_len=64,
            max_ext_len=0,
        )
    except (ValueError, TypeError, msgpack.exceptions.UnpackException):
        raise WireError(
            "malformed", "header: not valid msgpack within the protocol's limits"
        ) from None
    if not isinstance(fields, dict):
        raise WireError("malformed", f"header: got a {type(fields).__name__}, expected a map")
    return cast(dict[str, object], fields)


def convert_header(fields: Mapping[str, object], kind: type[HeaderT]) -> HeaderT:
    """Validate plain values as the Struct, or the tagged union of Structs, `kind`.

    Raises:
        WireError: `malformed`, naming the field that does not fit, never its value.
    """
    try:
        return msgspec.convert(fields, kind, strict=True)
    except msgspec.ValidationError as error:
        path = _PATH.search(str(error))
        where = path.group(1) if path else "$"
        raise WireError("malformed", f"header: `{where}` does not fit the schema") from None


def encode(
    header: Struct, arrays: Sequence[NDArray[np.float32] | NDArray[np.uint8]] = ()
) -> list[Buffer]:
    """Return the frames of a message; `arrays` in the order of the header's descriptors.

    Raises:
        WireError: `too_large`.
    """
    return [pack_header(header), *(pack_array(array) for array in arrays)]


def decode_request(frames: Sequence[Buffer]) -> Request:
    """Return the header of a request; its arrays are read by `read_arrays`, when they are needed.

    Raises:
        WireError: `malformed`, `too_large`, `version`, or `unsupported` for reserved operations.
    """
    fields = _envelope(frames)
    op = fields.get("op")
    if isinstance(op, str) and op in RESERVED_OPS:
        raise WireError("unsupported", f"`{op}` is not implemented by this server")
    request = convert_header(fields, cast(type[Request], _REQUESTS))
    _check_frames(frames, request.arrays if isinstance(request, InferRequest) else ())
    return request


def decode_reply(frames: Sequence[Buffer]) -> Reply:
    """Return the header of a reply; its array is read by `read_arrays`.

    Raises:
        WireError: `malformed`, `too_large` or `version`.
    """
    reply = convert_header(_envelope(frames), cast(type[Reply], _REPLIES))
    _check_frames(frames, reply.arrays if isinstance(reply, InferReply) else ())
    return reply


def salvage_id(frames: Sequence[Buffer]) -> int:
    """Return the request id of a message that was refused, for the refusal to name it; or 0."""
    try:
        number = unpack_header(frames[0]).get("id") if frames else 0
    except WireError:
        return 0
    return number if type(number) is int and 0 <= number < 2**63 else 0


def read_arrays(
    headers: Sequence[ArrayHeader],
    frames: Sequence[Buffer],
    layouts: Mapping[str, ArrayLayout],
) -> dict[str, NDArray[Any]]:
    """Return the arrays of a message as read-only views of its frames.

    Args:
        headers: Descriptors, as the header gave them.
        frames: The frames after the header.
        layouts: What the negotiated spec expects: exactly these names, in any order.

    Raises:
        WireError: `mismatch`, `unsupported` or `not_finite`; names the key of the spec.
    """
    names = [header.name for header in headers]
    for key in layouts:
        if names.count(key) != 1:
            raise WireError("mismatch", f"array `{key}`: got {names.count(key)}, expected 1")
    if len(names) != len(layouts) or len(names) != len(frames):
        raise WireError(
            "mismatch", f"arrays: got {len(names)} in {len(frames)} frames, expected {len(layouts)}"
        )
    return {
        header.name: unpack_array(header, frame, layouts[header.name])
        for header, frame in zip(headers, frames, strict=True)
    }


def _check_size(what: str, got: int, limit: int) -> None:
    if got > limit:
        raise WireError("too_large", f"{what}: got {got} bytes, limit {limit}")


def _envelope(frames: Sequence[Buffer]) -> dict[str, object]:
    """Check what holds for every message: frame count, sizes, version. Return the header's map."""
    if not 1 <= len(frames) <= 1 + MAX_ARRAYS_N:
        raise WireError(
            "malformed", f"message: got {len(frames)} frames, expected 1 to {1 + MAX_ARRAYS_N}"
        )
    for frame in frames[1:]:
        _check_size("array frame", len(frame), MAX_FRAME_BYTES)
    fields = unpack_header(frames[0])
    version = fields.get("v")
    if type(version) is not int:
        raise WireError("malformed", "header: `$.v` does not fit the schema")
    if version != PROTOCOL_VERSION:
        theirs = str(version) if 0 <= version < 1_000_000 else "unknown"
        raise WireError(
            "version",
            f"protocol version: got {theirs}, expected {PROTOCOL_VERSION}; "
            f"install the same robotd on both machines",
        )
    return fields


def _check_frames(frames: Sequence[Buffer], headers: Sequence[ArrayHeader]) -> None:
    if len(frames) != 1 + len(headers):
        raise WireError(
            "malformed", f"message: got {len(frames) - 1} array frames, header names {len(headers)}"
        )
