"""Which request is inferred next: leases, newest wins, deadlines; no socket, clock or thread."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from numpy.typing import NDArray

from robotd.core import wire
from robotd.core.clock import ns_to_seconds, seconds_to_ns
from robotd.core.errors import WireError
from robotd.core.spec import PolicySpec
from robotd.core.wire_structs import (
    CODES,
    Code,
    ErrorReply,
    HealthReply,
    HealthRequest,
    HelloReply,
    HelloRequest,
    InferRequest,
    Reply,
    policy_digest,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One reply and the connection that it goes to."""

    identity: bytes
    reply: Reply
    arrays: tuple[NDArray[Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A request that waits for its inference; times by the server's own monotonic clock.

    Attributes:
        identity: The connection to answer.
        request: Its header, validated.
        frames: Its array frames, not looked at yet.
        received_ns: When it was taken off the socket.
    """

    identity: bytes
    request: InferRequest
    frames: Sequence[wire.Buffer]
    received_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lease:
    session: int
    seen_ns: int


class Router:
    """Takes requests in any number and hands out batches.

    A robot has one lease, held by the session that spoke last while it keeps speaking, and at most
    one waiting request: a newer one supersedes it.
    """

    def __init__(
        self,
        spec: PolicySpec,
        *,
        now_ns: int,
        lease_s: float = 2.0,
        max_waiting: int = 32,
        max_batch: int = 16,
    ) -> None:
        self._spec = spec
        self._digest = policy_digest(spec)
        self._samplers = {sampler.name for sampler in spec.samplers}
        self._start_ns = now_ns
        self._lease_ns = seconds_to_ns(lease_s)
        self._max_waiting = max_waiting
        self._max_batch = max_batch
        self._leases: dict[str, _Lease] = {}
        self._waiting: dict[str, Waiting] = {}
        self._served_n = 0
        self._refused_n = 0

    @property
    def waiting_n(self) -> int:
        """Number of requests that wait."""
        return len(self._waiting)

    def receive(
        self, identity: bytes, frames: Sequence[wire.Buffer], now_ns: int
    ) -> list[Outgoing]:
        """Take one message; return what is answered at once: refusals, `hello`, `health`."""
        try:
            request = wire.decode_request(frames)
        except WireError as error:
            return [self._refusal(identity, wire.salvage_id(frames), error.code, str(error))]
        if isinstance(request, HealthRequest):
            return [Outgoing(identity=identity, reply=self._health(request.id, now_ns))]
        if not self._renew_lease(request.robot, request.session, now_ns):
            sentence = f"robot {request.robot} is driven by another client; stop that one first"
            return [self._refusal(identity, request.id, "in_use", sentence)]
        if isinstance(request, HelloRequest):
            reply = HelloReply(id=request.id, spec=self._spec)
            return [Outgoing(identity=identity, reply=reply)]
        waiting = Waiting(identity=identity, request=request, frames=frames[1:], received_ns=now_ns)
        return self._enqueue(waiting)

    def take_batch(self, now_ns: int) -> tuple[list[Waiting], list[Outgoing]]:
        """Return the requests to infer together, oldest first, and refusals of expired ones.

        One batch has one sampler and number of steps.
        """
        refusals: list[Outgoing] = []
        batch: list[Waiting] = []
        for robot, waiting in list(self._waiting.items()):
            request = waiting.request
            age_s = ns_to_seconds(now_ns - waiting.received_ns)
            if age_s >= request.deadline_s:
                sentence = f"waited {age_s:.3f} s, deadline {request.deadline_s:.3f} s"
                refusals.append(self._refusal(waiting.identity, request.id, "expired", sentence))
            elif batch and not _together(batch[0].request, request):
                continue
            elif len(batch) < self._max_batch:
                batch.append(waiting)
            else:
                continue
            del self._waiting[robot]
        return batch, refusals

    def count(self, answers: Sequence[Outgoing]) -> None:
        """Count the answers of an inference, for `health`."""
        for answer in answers:
            if isinstance(answer.reply, ErrorReply):
                self._refused_n += 1
            else:
                self._served_n += 1

    def close(self) -> list[Outgoing]:
        """Refuse all that wait."""
        refusals = [
            self._refusal(each.identity, each.request.id, "shutting_down", "the server stops")
            for each in self._waiting.values()
        ]
        self._waiting.clear()
        return refusals

    def _enqueue(self, waiting: Waiting) -> list[Outgoing]:
        request, identity = waiting.request, waiting.identity
        if request.policy != self._digest:
            sentence = f"this server serves {self._spec.name} ({self._digest}); say hello again"
            return [self._refusal(identity, request.id, "wrong_policy", sentence)]
        if request.sampler and request.sampler not in self._samplers:
            sentence = f"sampler: got an unknown name, expected one of {sorted(self._samplers)}"
            return [self._refusal(identity, request.id, "bad_request", sentence)]
        older = self._waiting.pop(request.robot, None)
        if older is None and len(self._waiting) >= self._max_waiting:
            sentence = f"{len(self._waiting)} requests wait already"
            return [self._refusal(identity, request.id, "overloaded", sentence)]
        self._waiting[request.robot] = waiting
        if older is None:
            return []
        sentence = f"request {request.id} of the same robot is newer"
        return [self._refusal(older.identity, older.request.id, "superseded", sentence)]

    def _renew_lease(self, robot: str, session: int, now_ns: int) -> bool:
        """Whether the session holds the robot's lease now."""
        lease = self._leases.get(robot)
        foreign = lease is not None and lease.session != session
        if lease is not None and foreign and now_ns - lease.seen_ns < self._lease_ns:
            return False
        if lease is None:
            self._drop_leases(now_ns)
        self._leases[robot] = _Lease(session=session, seen_ns=now_ns)
        return True

    def _drop_leases(self, now_ns: int) -> None:
        """Forget silent robots, so that invented names do not fill the memory."""
        kept = {k: v for k, v in self._leases.items() if now_ns - v.seen_ns < self._lease_ns}
        self._leases = kept

    def _health(self, request_id: int, now_ns: int) -> HealthReply:
        return HealthReply(
            id=request_id,
            policy=self._spec.name[:64],
            uptime_s=ns_to_seconds(now_ns - self._start_ns),
            served_n=self._served_n,
            refused_n=self._refused_n,
            waiting_n=len(self._waiting),
        )

    def _refusal(self, identity: bytes, request_id: int, code: str, sentence: str) -> Outgoing:
        self._refused_n += 1
        return refusal(identity, request_id, code, sentence)


def refusal(identity: bytes, request_id: int, code: str, sentence: str) -> Outgoing:
    """Return an error reply; a code that is not the wire's becomes `policy_failed`."""
    known = msgspec.convert(code if code in CODES else "policy_failed", Code)
    reply = ErrorReply(id=request_id, code=known, message=sentence[:256])
    return Outgoing(identity=identity, reply=reply)


def _together(a: InferRequest, b: InferRequest) -> bool:
    return (a.sampler, a.steps) == (b.sampler, b.steps)
