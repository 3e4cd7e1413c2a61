"""A request as frames, and an answer's frames as a chunk, both verified against the spec."""

from collections.abc import Sequence

from robotd.core import wire
from robotd.core.clock import MonoNs, ns_to_seconds
from robotd.core.errors import WireError
from robotd.core.spec import PolicySpec
from robotd.core.types import ActionChunk
from robotd.core.wire_arrays import (
    ACTIONS,
    action_layouts,
    describe_arrays,
    observation_layouts,
)
from robotd.core.wire_structs import LONGEST_DEADLINE_S, InferReply, InferRequest, policy_digest
from robotd.pipeline.request_ledger import Asked


def infer_message(
    asked: Asked, *, spec: PolicySpec, robot_id: str, session: int, now: MonoNs
) -> list[wire.Buffer]:
    """Return the frames of an `infer` request; arrays are not copied where contiguous.

    Raises:
        WireError: The arrays do not fit the spec, or the deadline has passed.
    """
    remaining_s = ns_to_seconds(asked.expires_ns - now)
    if remaining_s <= 0:
        raise WireError("expired", "the deadline passed before the request was sent")
    request = asked.request
    headers, arrays = describe_arrays(request.arrays, observation_layouts(spec))
    header = InferRequest(
        id=asked.id,
        robot=robot_id,
        session=session,
        policy=policy_digest(spec),
        t_obs_ns=asked.t_obs_ns,
        deadline_s=min(LONGEST_DEADLINE_S, remaining_s),
        seed=request.seed,
        sampler=request.sampler,
        steps=request.steps,
        arrays=headers,
    )
    return wire.encode(header, arrays)


def read_chunk(
    reply: InferReply, frames: Sequence[wire.Buffer], *, spec: PolicySpec, asked: Asked
) -> ActionChunk:
    """Return the chunk of an answer: all of it, or nothing.

    Args:
        reply: Its header.
        frames: The frames after the header.
        spec: The negotiated one.
        asked: The request with the reply's id.

    Raises:
        WireError: `mismatch` or `not_finite`: another observation, shape or type, or a NaN.
    """
    if reply.t_obs_ns != asked.t_obs_ns:
        raise WireError("mismatch", "t_obs_ns: the answer is to another observation")
    actions = wire.read_arrays(reply.arrays, frames, action_layouts(spec))[ACTIONS]
    return asked.answered_by(actions, spec)
