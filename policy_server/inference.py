"""From waiting requests to answers: decode, infer, verify, time each stage; no socket, no torch."""

import logging
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from policy_server.router import Outgoing, Waiting, refusal
from robotd.core import wire
from robotd.core.clock import S, ns_to_seconds
from robotd.core.errors import CheckpointError, RobotdError, WireError
from robotd.core.protocols import Policy
from robotd.core.spec import PolicySpec, SamplerSpec
from robotd.core.types import PolicyRequest
from robotd.core.wire_arrays import (
    ACTIONS,
    action_layouts,
    describe_arrays,
    observation_layouts,
)
from robotd.core.wire_structs import InferReply, InferRequest, Stages

_log = logging.getLogger(__name__)

POLICY_FAULTS = (RobotdError, RuntimeError, ValueError, ArithmeticError)
"""What one bad request or a full accelerator raises in a policy; the server outlives it."""


class Inference:
    """Answers batches with a policy; used by one thread."""

    def __init__(self, policy: Policy, *, now_ns: Callable[[], int]) -> None:
        self._policy = policy
        self._now_ns = now_ns
        self._observation = observation_layouts(policy.spec)
        self._action = action_layouts(policy.spec)
        self._warn_again_ns = 0

    def warm_up(self, *, repeats: int = 5) -> PolicySpec:
        """Run each sampler once and then `repeats` times; return the spec with median latencies.

        Raises:
            CheckpointError: The policy fails, or answers another shape, or a NaN.
        """
        samplers = tuple(self._measure(sampler, repeats) for sampler in self._policy.spec.samplers)
        return msgspec.structs.replace(self._policy.spec, samplers=samplers)

    def answer(self, batch: Sequence[Waiting]) -> list[Outgoing]:
        """Answer every request of the batch, each by a chunk or by an error."""
        start_ns = self._now_ns()
        answers: list[Outgoing] = []
        requests: list[tuple[Waiting, PolicyRequest]] = []
        for waiting in batch:
            try:
                requests.append((waiting, self._decode(waiting)))
            except WireError as error:
                answers.append(_refuse(waiting, error))
        decoded_ns = self._now_ns()
        if requests:
            answers += self._infer(requests, start_ns, decoded_ns)
        return answers

    def _measure(self, sampler: SamplerSpec, repeats: int) -> SamplerSpec:
        blank = PolicyRequest(
            arrays={
                key: np.zeros(layout.shape, np.dtype(layout.dtype))
                for key, layout in self._observation.items()
            },
            seed=0,
            sampler=sampler.name,
            steps=sampler.steps,
        )
        durations_s: list[float] = []
        for _ in range(1 + repeats):
            start_ns = self._now_ns()
            try:
                (chunk,) = self._policy.infer([blank])
                self._describe(chunk)
            except POLICY_FAULTS as error:
                raise CheckpointError(
                    f"policy {self._policy.spec.name}: sampler {sampler.name} fails at warm-up: "
                    f"{error}"
                ) from error
            durations_s.append(ns_to_seconds(self._now_ns() - start_ns))
        return msgspec.structs.replace(sampler, latency_s=statistics.median(durations_s[1:]))

    def _decode(self, waiting: Waiting) -> PolicyRequest:
        request = waiting.request
        return PolicyRequest(
            arrays=wire.read_arrays(request.arrays, waiting.frames, self._observation),
            seed=request.seed,
            sampler=request.sampler,
            steps=request.steps,
        )

    def _infer(
        self, requests: Sequence[tuple[Waiting, PolicyRequest]], start_ns: int, decoded_ns: int
    ) -> list[Outgoing]:
        try:
            chunks = self._policy.infer([request for _, request in requests])
        except POLICY_FAULTS as error:
            if len(requests) > 1:  # find out whose fault it is
                return [
                    answer
                    for each in requests
                    for answer in self._infer([each], start_ns, self._now_ns())
                ]
            self._warn(requests[0][0].request, error)
            return [_refuse(requests[0][0], error)]
        done_ns = self._now_ns()
        return [
            self._reply(waiting, chunk, (start_ns, decoded_ns, done_ns))
            for (waiting, _), chunk in zip(requests, chunks, strict=True)
        ]

    def _warn(self, request: InferRequest, error: Exception) -> None:
        """Log a failed inference, at most once a second."""
        now_ns = self._now_ns()
        if now_ns >= self._warn_again_ns:
            self._warn_again_ns = now_ns + S
            _log.warning("request %d of %s failed: %s", request.id, request.robot, error)

    def _reply(
        self, waiting: Waiting, chunk: NDArray[np.float32], stage_ns: tuple[int, int, int]
    ) -> Outgoing:
        start_ns, decoded_ns, done_ns = stage_ns
        try:
            headers, arrays = self._describe(chunk)
        except WireError as error:
            return refusal(
                waiting.identity, waiting.request.id, "policy_failed", f"policy's answer: {error}"
            )
        stages = Stages(
            queue_s=ns_to_seconds(start_ns - waiting.received_ns),
            decode_s=ns_to_seconds(decoded_ns - start_ns),
            infer_s=ns_to_seconds(done_ns - decoded_ns),
            total_s=ns_to_seconds(self._now_ns() - waiting.received_ns),
        )
        reply = InferReply(
            id=waiting.request.id,
            t_obs_ns=waiting.request.t_obs_ns,
            stages=stages,
            arrays=headers,
        )
        return Outgoing(identity=waiting.identity, reply=reply, arrays=arrays)

    def _describe(self, chunk: NDArray[np.float32]) -> tuple[Any, tuple[NDArray[Any], ...]]:
        return describe_arrays({ACTIONS: chunk}, self._action)


def _refuse(waiting: Waiting, error: Exception) -> Outgoing:
    """Answer with the wire's own errors as they are; what else a policy raises stays in the log."""
    if isinstance(error, WireError):
        return refusal(waiting.identity, waiting.request.id, error.code, str(error))
    sentence = f"{type(error).__name__} in the policy; the server's log says more"
    return refusal(waiting.identity, waiting.request.id, "policy_failed", sentence)
