"""A policy in the same process whose latency is a number: lockstep evaluation and tests."""

from collections.abc import Callable

from robotd.core.clock import MonoNs, seconds_to_ns
from robotd.core.errors import WireError
from robotd.core.protocols import Clock, Policy
from robotd.core.spec import PolicySpec
from robotd.core.types import ActionChunk, PolicyRequest
from robotd.core.wire_arrays import (
    ACTIONS,
    action_layouts,
    describe_arrays,
    observation_layouts,
)
from robotd.core.wire_structs import Stages
from robotd.pipeline.chunk_source import Failures, RequestStats
from robotd.pipeline.request_ledger import Asked, RequestLedger

_INSTANT = Stages(queue_s=0.0, decode_s=0.0, infer_s=0.0, total_s=0.0)


class LocalPolicyClient:
    """Behaves as a server that needs `latency_s` a request would; implements `ChunkSource`.

    One request is inferred at a time; the newest of those that came meanwhile is next. The policy
    is called when its answer is due by the clock, so superseded requests cost nothing.
    """

    def __init__(
        self, policy: Policy, clock: Clock, *, latency_s: float | Callable[[], float] = 0.0
    ) -> None:
        """Wrap a policy.

        Args:
            policy: What answers.
            clock: What decides when an answer is there.
            latency_s: From asking an idle server to its answer [s], or what draws it.
        """
        self._policy = policy
        self._clock = clock
        self._latency_s = latency_s
        self._observation = observation_layouts(policy.spec)
        self._ledger = RequestLedger()
        self._busy: Asked | None = None
        self._done_ns = clock.now()

    def hello(self, timeout_s: float) -> PolicySpec:  # noqa: ARG002 (of the protocol)
        """Return the policy's spec."""
        return self._policy.spec

    def request(self, request: PolicyRequest, *, t_obs_ns: MonoNs, deadline_s: float) -> int:
        """Ask for a chunk and return the request's id.

        Raises:
            WireError: The arrays do not fit the spec; names the key.
        """
        describe_arrays(request.arrays, self._observation)
        self._advance()
        request_id = self._ledger.ask(
            request, t_obs_ns=t_obs_ns, deadline_s=deadline_s, now=self._clock.now()
        )
        self._advance()
        return request_id

    def newest_chunk(self) -> ActionChunk | None:
        """Return the newest chunk that is there by now, each once, or None."""
        self._advance()
        return self._ledger.take_chunk()

    @property
    def failures(self) -> Failures:
        """The account of failed requests."""
        self._advance()
        return self._ledger.failures

    def reset(self) -> None:
        """Forget everything asked so far."""
        self._advance()
        self._ledger.reset()

    def take_stats(self) -> list[RequestStats]:
        """Return what became of the requests that ended since the last call, oldest first."""
        return self._ledger.take_stats()

    def close(self) -> None:
        """Nothing to let go of."""

    def _advance(self) -> None:
        """Do all that a server would have done until now, in order."""
        now = self._clock.now()
        while True:
            if self._busy is not None:
                if self._done_ns > now:
                    break
                self._finish(self._busy)
                self._busy = None
            asked = self._ledger.waiting
            if asked is None:
                break
            begin_ns = MonoNs(max(self._done_ns, asked.asked_ns))
            latency_s = self._latency_s() if callable(self._latency_s) else self._latency_s
            self._done_ns = MonoNs(begin_ns + seconds_to_ns(latency_s))
            self._ledger.sent(begin_ns)
            self._ledger.heard(begin_ns)
            self._busy = asked
        self._ledger.expire(now)

    def _finish(self, asked: Asked) -> None:
        """Answer the request that has been inferred, as of when it was done."""
        self._ledger.expire(self._done_ns)
        if self._ledger.flying(asked.id) is None:
            return
        spec = self._policy.spec
        try:
            (actions,) = self._policy.infer([asked.request])
            describe_arrays({ACTIONS: actions}, action_layouts(spec))
        except WireError as error:
            self._ledger.refused(asked.id, error.code, str(error))
            return
        chunk = asked.answered_by(actions, spec)
        self._ledger.answered(chunk, _INSTANT, self._done_ns)
