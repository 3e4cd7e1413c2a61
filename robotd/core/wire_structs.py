"""The closed set of headers that policy clients and servers exchange, one Struct an operation."""

import hashlib
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from robotd.core.spec import PolicySpec

PROTOCOL_VERSION = 1
LONGEST_DEADLINE_S = 60.0

Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]
RobotId = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,31}$")]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Duration = Annotated[float, Meta(ge=0, le=1e9)]

Code = Literal[
    "malformed",
    "too_large",
    "version",
    "unsupported",
    "bad_request",
    "mismatch",
    "not_finite",
    "wrong_policy",
    "in_use",
    "expired",
    "superseded",
    "overloaded",
    "policy_failed",
    "shutting_down",
]
"""What an error reply can say.

`malformed` `too_large` `version` `unsupported`: the message itself. `bad_request`: a seed, sampler
or step count that the policy cannot do. `mismatch` `not_finite`: arrays that do not fit its spec.
`wrong_policy`: the server serves another policy than the client greeted. `in_use`: another client
drives that robot. `expired` `superseded` `overloaded`: not inferred, by deadline, by a newer
request of the same robot, or for lack of room.
"""
CODES: frozenset[str] = frozenset(get_args(Code))

RESERVED_OPS = frozenset({"cancel", "reload"})
"""Operations with a name but no meaning yet; answered with `unsupported`."""


class ArrayHeader(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Describes one array frame that follows the header; frames come in the order of these."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    dtype: Literal["float32", "uint8"]
    shape: Annotated[tuple[Annotated[int, Meta(ge=0, le=2**24)], ...], Meta(max_length=6)]
    codec: Literal["raw", "jpeg"] = "raw"
    """`jpeg` is reserved."""


class _Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="op"):
    v: Literal[1] = PROTOCOL_VERSION
    id: Id
    """Chosen by the client, growing; the reply echoes it."""
    robot: RobotId
    session: Id
    """Random number of the client's lifetime: one lease a robot, whatever socket it comes by."""


class HelloRequest(_Request, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="hello"):
    """Asks for the policy's spec and takes the robot's lease."""


class HealthRequest(_Request, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="health"):
    """Asks how the server is; needs no lease."""


class InferRequest(_Request, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="infer"):
    """Asks for one chunk; the observation window follows as array frames."""

    policy: Annotated[str, Meta(min_length=1, max_length=64)]
    """`policy_digest` of the spec that the client greeted."""
    t_obs_ns: Id
    """Echoed; the server never compares it with a clock."""
    deadline_s: Annotated[float, Meta(gt=0, le=LONGEST_DEADLINE_S)]
    """Time from receipt after which an answer is of no use [s]."""
    seed: Id
    sampler: Annotated[str, Meta(max_length=64)] = ""
    steps: Annotated[int, Meta(ge=0, le=1000)] = 0
    arrays: Annotated[tuple[ArrayHeader, ...], Meta(max_length=16)]


class Stages(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the time of a request went on the server; durations by its own clock [s]."""

    queue_s: Duration
    decode_s: Duration
    infer_s: Duration
    total_s: Duration


class _Reply(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="op"):
    v: Literal[1] = PROTOCOL_VERSION
    id: Id


class HelloReply(_Reply, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="hello"):
    """Answers `hello`."""

    spec: PolicySpec


class HealthReply(_Reply, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="health"):
    """Answers `health`."""

    policy: Annotated[str, Meta(max_length=64)]
    uptime_s: Duration
    served_n: Count
    refused_n: Count
    waiting_n: Count


class InferReply(_Reply, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="infer"):
    """Answers `infer`; one array frame named `actions` follows."""

    t_obs_ns: Id
    stages: Stages
    arrays: Annotated[tuple[ArrayHeader, ...], Meta(max_length=1)]


class ErrorReply(_Reply, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="error"):
    """Answers anything that could not be done: a code, and a sentence for a person."""

    code: Code
    message: Annotated[str, Meta(max_length=256)]


Request = HelloRequest | HealthRequest | InferRequest
Reply = HelloReply | HealthReply | InferReply | ErrorReply


def policy_digest(spec: PolicySpec) -> str:
    """Return 16 hex digits that tell policies apart: of the spec without its measured latencies."""
    samplers = tuple(msgspec.structs.replace(each, latency_s=0.0) for each in spec.samplers)
    timeless = msgspec.structs.replace(spec, samplers=samplers)
    return hashlib.sha256(msgspec.json.encode(timeless, order="deterministic")).hexdigest()[:16]
