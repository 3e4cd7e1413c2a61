"""Where chunks come from: the seam between the conductor and a policy, near or far."""

from dataclasses import dataclass
from typing import Protocol

from robotd.core.clock import MonoNs
from robotd.core.spec import PolicySpec
from robotd.core.types import ActionChunk, PolicyRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """Requests without a usable answer.

    Attributes:
        consecutive_n: Since the last usable chunk.
        total_n: Since the beginning.
        reason: Why the last one failed, in one sentence; empty where none did.
    """

    consecutive_n: int = 0
    total_n: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStats:
    """What became of one request.

    Attributes:
        request_id: Its number.
        t_obs_ns: Capture time of its observation.
        outcome: `answered`, `superseded`, `reset`, `timeout`, or the wire's error code.
        round_trip_s: From asking to the answer; None where none came.
        queue_s, decode_s, infer_s, total_s: The server's own account of it [s].
    """

    request_id: int
    t_obs_ns: MonoNs
    outcome: str
    round_trip_s: float | None = None
    queue_s: float = 0.0
    decode_s: float = 0.0
    infer_s: float = 0.0
    total_s: float = 0.0


class ChunkSource(Protocol):
    """A policy that is asked now and answers later; used by one thread, which it never blocks.

    Only `hello` waits. Whatever the other side does, faults appear in `failures` alone.
    """

    def hello(self, timeout_s: float) -> PolicySpec:
        """Return the policy's spec; to be called before the first request.

        Raises:
            WireError: `no_answer` within `timeout_s`.
            PolicyRefusedError: The server refused, for example another client has the robot.
        """
        ...

    def request(self, request: PolicyRequest, *, t_obs_ns: MonoNs, deadline_s: float) -> int:
        """Ask for a chunk and return the request's id; a newer request replaces a waiting one.

        Args:
            request: The observation's arrays, seed and sampler.
            t_obs_ns: Capture time of the observation.
            deadline_s: Time from now after which an answer is a failure.

        Raises:
            WireError: The arrays do not fit the spec; names the key.
        """
        ...

    def newest_chunk(self) -> ActionChunk | None:
        """Return the newest chunk that came since the last call, each once, or None."""
        ...

    @property
    def failures(self) -> Failures:
        """The account of failed requests."""
        ...

    def reset(self) -> None:
        """Forget everything asked so far: answers still on their way will not appear."""
        ...

    def take_stats(self) -> list[RequestStats]:
        """Return what became of the requests that ended since the last call, oldest first."""
        ...

    def close(self) -> None:
        """Let go of the policy; returns within half a second. Safe to call twice."""
        ...
