"""The book of requests: which waits, which are on their way, what became of each; pure."""

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import MonoNs, ns_to_seconds, seconds_to_ns
from robotd.core.spec import PolicySpec
from robotd.core.types import ActionChunk, PolicyRequest
from robotd.core.wire_structs import Stages
from robotd.pipeline.chunk_source import Failures, RequestStats

_REMEMBERED_N = 10_000
_NOT_FAULTS = frozenset({"superseded"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as the caller made it, and its times by the caller's clock."""

    id: int
    request: PolicyRequest
    t_obs_ns: MonoNs
    asked_ns: MonoNs
    expires_ns: MonoNs

    def answered_by(self, actions: NDArray[Any], spec: PolicySpec) -> ActionChunk:
        """Return the chunk that (H, A) actions of a policy with that spec make of it."""
        return ActionChunk(
            t_obs_ns=self.t_obs_ns,
            dt_s=spec.dt_s,
            i0=spec.i0,
            meaning=spec.meaning,
            actions=actions.astype(np.float64),
            request_id=self.id,
            seed=self.request.seed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flight:
    asked: Asked
    sent_ns: MonoNs


class RequestLedger:
    """One slot for a request that waits to be sent, where the newest wins, and those sent.

    Used under one lock; the time is an argument.
    """

    def __init__(self) -> None:
        self.failures = Failures()
        self.late_n = 0
        """Answers to requests that nobody waits for any more: late, repeated or invented."""
        self._next_id = 1
        self._slot: Asked | None = None
        self._give_up_ns = MonoNs(0)
        self._flights: dict[int, _Flight] = {}
        self._chunk: ActionChunk | None = None
        self._stats: deque[RequestStats] = deque(maxlen=_REMEMBERED_N)
        self._heard_ns = MonoNs(-1)
        self._silent = False

    @property
    def waiting(self) -> Asked | None:
        """The request to send next."""
        return self._slot

    @property
    def next_deadline_ns(self) -> MonoNs | None:
        """When `expire` has something to do; None while nothing is asked."""
        deadlines = [flight.asked.expires_ns for flight in self._flights.values()]
        if self._slot is not None:
            deadlines.append(self._give_up_ns)
        return min(deadlines, default=None)

    def ask(
        self, request: PolicyRequest, *, t_obs_ns: MonoNs, deadline_s: float, now: MonoNs
    ) -> int:
        """Put a request into the slot and return its id."""
        asked = Asked(
            id=self._next_id,
            request=request,
            t_obs_ns=t_obs_ns,
            asked_ns=now,
            expires_ns=MonoNs(now + seconds_to_ns(deadline_s)),
        )
        self._next_id += 1
        if self._slot is None:
            self._give_up_ns = asked.expires_ns
        else:  # the slot has been blocked since the older one was put there
            self._end(self._slot, "superseded")
        self._slot = asked
        return asked.id

    def sent(self, now: MonoNs) -> None:
        """Note that the waiting request is on its way."""
        if self._slot is not None:
            self._flights[self._slot.id] = _Flight(asked=self._slot, sent_ns=now)
            self._slot = None

    def flying(self, request_id: int) -> Asked | None:
        """Return the request of that id, where an answer to it is still awaited."""
        flight = self._flights.get(request_id)
        return None if flight is None else flight.asked

    def heard(self, now: MonoNs) -> None:
        """Note that something came from the other side."""
        self._heard_ns = now

    def answered(self, chunk: ActionChunk, stages: Stages, now: MonoNs) -> None:
        """Take a chunk; one that nobody waits for is counted as late."""
        flight = self._flights.pop(chunk.request_id, None)
        if flight is None:
            self.late_n += 1
            return
        if self._chunk is None or self._chunk.request_id < chunk.request_id:
            self._chunk = chunk
        self.failures = Failures(total_n=self.failures.total_n, reason=self.failures.reason)
        asked = flight.asked
        self._stats.append(
            RequestStats(
                request_id=asked.id,
                t_obs_ns=asked.t_obs_ns,
                outcome="answered",
                round_trip_s=ns_to_seconds(now - asked.asked_ns),
                queue_s=stages.queue_s,
                decode_s=stages.decode_s,
                infer_s=stages.infer_s,
                total_s=stages.total_s,
            )
        )

    def refused(self, request_id: int, code: str, reason: str) -> None:
        """Take a refusal; one that nobody waits for is counted as late."""
        flight = self._flights.pop(request_id, None)
        if flight is None:
            self.late_n += 1
            return
        self._end(flight.asked, code)
        if code not in _NOT_FAULTS:
            self._fail(f"refused: {code}: {reason}")

    def garbled(self, request_id: int, code: str, reason: str) -> None:
        """Take an unusable answer; one without a known id is held against the oldest request."""
        guilty = request_id if request_id in self._flights else min(self._flights, default=None)
        if guilty is not None:
            self._end(self._flights.pop(guilty).asked, code)
        self._fail(f"unusable answer: {reason}")

    def expire(self, now: MonoNs) -> None:
        """Fail what is past its deadline.

        Where nothing at all was heard since such a request was sent, everything on its way is lost
        with it, as one failure, and `take_silence` tells that the connection is to be renewed.
        """
        overdue = [each for each in self._flights.values() if each.asked.expires_ns <= now]
        if any(each.sent_ns > self._heard_ns for each in overdue):
            overdue = list(self._flights.values())
            self._silent = True
            self._fail(f"no answer within {_waited_s(overdue[0].asked):.3f} s")
        else:
            for each in overdue:
                self._fail(f"no answer within {_waited_s(each.asked):.3f} s")
        for each in overdue:
            del self._flights[each.asked.id]
            self._end(each.asked, "timeout")
        if self._slot is not None and self._give_up_ns <= now:
            self._silent = True
            self._fail("no connection to the policy server; is it running?")
            self._give_up_ns = self._slot.expires_ns
            if self._slot.expires_ns <= now:
                self._end(self._slot, "timeout")
                self._slot = None

    def take_silence(self) -> bool:
        """Whether the connection is to be renewed; true once."""
        silent, self._silent = self._silent, False
        return silent

    def take_chunk(self) -> ActionChunk | None:
        """Return the newest chunk, once."""
        chunk, self._chunk = self._chunk, None
        return chunk

    def take_stats(self) -> list[RequestStats]:
        """Return what became of the requests that ended since the last call."""
        stats = list(self._stats)
        self._stats.clear()
        return stats

    def reset(self) -> None:
        """Forget all requests and the chunk; answers to them will be late. Failures begin anew."""
        asked = [flight.asked for flight in self._flights.values()]
        for each in asked if self._slot is None else [*asked, self._slot]:
            self._end(each, "reset")
        self._flights.clear()
        self._slot = None
        self._chunk = None
        self.failures = Failures(total_n=self.failures.total_n, reason=self.failures.reason)

    def _end(self, asked: Asked, outcome: str) -> None:
        self._stats.append(
            RequestStats(request_id=asked.id, t_obs_ns=asked.t_obs_ns, outcome=outcome)
        )

    def _fail(self, reason: str) -> None:
        self.failures = Failures(
            consecutive_n=self.failures.consecutive_n + 1,
            total_n=self.failures.total_n + 1,
            reason=reason,
        )


def _waited_s(asked: Asked) -> float:
    return ns_to_seconds(asked.expires_ns - asked.asked_ns)
