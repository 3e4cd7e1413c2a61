"""Asks a policy server from a thread of its own, so that no fault of it reaches the caller."""

import logging
import os
import secrets
import threading
from typing import Final

import msgspec
import zmq

from robotd.core import wire
from robotd.core.clock import MS, MonoNs, seconds_to_ns
from robotd.core.endpoint import check_endpoint
from robotd.core.errors import ConfigError, PolicyRefusedError, WireError
from robotd.core.protocols import Clock
from robotd.core.spec import PolicySpec
from robotd.core.types import ActionChunk, PolicyRequest
from robotd.core.wire_arrays import describe_arrays, observation_layouts
from robotd.core.wire_structs import (
    ErrorReply,
    HelloReply,
    HelloRequest,
    InferReply,
    Reply,
    RobotId,
)
from robotd.pipeline.chunk_source import Failures, RequestStats
from robotd.pipeline.policy_messages import infer_message, read_chunk
from robotd.pipeline.policy_socket import connect, try_send
from robotd.pipeline.request_ledger import RequestLedger

_log = logging.getLogger(__name__)

_HELLO_AGAIN_S: Final = 0.5
_HELLO_ID: Final = 0
_LONGEST_POLL_MS: Final = 50
_CLOSE_S: Final = 2.0


class PolicyClient:
    """A policy behind a socket; implements `ChunkSource`.

    The caller and the thread share a ledger under one lock that is never held while waiting.
    """

    def __init__(
        self,
        endpoint: str,
        robot_id: str,
        clock: Clock,
        *,
        context: "zmq.Context[zmq.Socket[bytes]] | None" = None,
    ) -> None:
        """Begin to connect; the server need not be there yet.

        Args:
            endpoint: `ipc:///path` or `tcp://127.0.0.1:port`.
            robot_id: Whose lease to take: letters, digits, `-` and `_`.
            clock: Of deadlines and round trips.
            context: To share; by default its own.

        Raises:
            ConfigError: The endpoint is not on this machine, or is nobody's in particular; or the
                robot's name is not one.
        """
        self._endpoint = _check_server(endpoint)
        self._robot_id = _check_robot_id(robot_id)
        self._session = secrets.randbits(62)
        self._clock = clock
        self._own_context = context is None
        self._context = zmq.Context() if context is None else context
        self._changed = threading.Condition()
        self._ledger = RequestLedger()
        self._spec: PolicySpec | None = None
        self._greeting = False
        self._greeted_ns = MonoNs(0)
        self._greeting_answer: HelloReply | ErrorReply | None = None
        self._closing = False
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="policy-client", daemon=True)
        self._thread.start()

    def hello(self, timeout_s: float) -> PolicySpec:
        """Return the policy's spec; waits for a server that is still starting.

        Raises:
            WireError: `no_answer` within `timeout_s`.
            PolicyRefusedError: The server refused for all that time, or for good.
        """
        with self._changed:
            self._spec = None
            self._ledger.reset()
            self._greeting, self._greeting_answer = True, None
            self._greeted_ns = MonoNs(self._clock.now() - seconds_to_ns(_HELLO_AGAIN_S))
            self._wake()
            self._changed.wait_for(self._greeted, timeout_s)
            answer = self._end_greeting()
        if isinstance(answer, HelloReply):
            return answer.spec
        if isinstance(answer, ErrorReply):
            raise PolicyRefusedError(
                answer.code, f"policy server {self._endpoint}: {answer.code}: {answer.message}"
            )
        raise WireError(
            "no_answer",
            f"policy server {self._endpoint}: no answer within {timeout_s:g} s; is it running? "
            f"start it with `robotd serve`",
        )

    def request(self, request: PolicyRequest, *, t_obs_ns: MonoNs, deadline_s: float) -> int:
        """Ask for a chunk and return the request's id. Never blocks.

        Raises:
            WireError: The arrays do not fit the spec, naming the key; or `hello` is missing.
        """
        with self._changed:
            if self._spec is None:
                raise WireError("wrong_policy", "policy client: got a request, expected a hello")
            describe_arrays(request.arrays, observation_layouts(self._spec))
            request_id = self._ledger.ask(
                request, t_obs_ns=t_obs_ns, deadline_s=deadline_s, now=self._clock.now()
            )
            self._wake()
            return request_id

    def newest_chunk(self) -> ActionChunk | None:
        """Return the newest chunk that came since the last call, each once, or None."""
        with self._changed:
            return self._ledger.take_chunk()

    @property
    def failures(self) -> Failures:
        """The account of failed requests; kept even if the thread should be stuck."""
        with self._changed:
            self._ledger.expire(self._clock.now())
            return self._ledger.failures

    @property
    def late_n(self) -> int:
        """Answers that nobody waited for: late, repeated or invented."""
        with self._changed:
            return self._ledger.late_n

    def reset(self) -> None:
        """Forget everything asked so far; answers on their way are discarded by their id."""
        with self._changed:
            self._ledger.reset()

    def take_stats(self) -> list[RequestStats]:
        """Return what became of the requests that ended since the last call, oldest first."""
        with self._changed:
            return self._ledger.take_stats()

    def close(self) -> None:
        """End the thread and close the socket."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._wake()
        self._thread.join(_CLOSE_S)
        if self._thread.is_alive():
            _log.error("policy client: its thread did not end within %g s", _CLOSE_S)
            return
        os.close(self._wake_fd)
        self._wake_fd = -1
        if self._own_context:
            self._context.term()

    def _wake(self) -> None:
        if self._wake_fd >= 0:
            os.eventfd_write(self._wake_fd, 1)

    def _end_greeting(self) -> HelloReply | ErrorReply | None:
        self._greeting = False
        if isinstance(self._greeting_answer, HelloReply):
            self._spec = self._greeting_answer.spec
        return self._greeting_answer

    def _greeted(self) -> bool:
        """Whether the hello is settled: answered, or refused for a reason that will not pass."""
        answer = self._greeting_answer
        return isinstance(answer, HelloReply) or (
            isinstance(answer, ErrorReply) and answer.code not in ("in_use", "shutting_down")
        )

    def _run(self) -> None:
        dealer = connect(self._context, self._endpoint)
        try:
            while not self._closing:
                self._poll(dealer)
                self._receive_all(dealer)
                with self._changed:
                    self._ledger.expire(self._clock.now())
                    renew = self._ledger.take_silence()
                if renew:
                    dealer.close(linger=0)
                    dealer = connect(self._context, self._endpoint)
                self._send(dealer)
        finally:
            dealer.close(linger=0)

    def _poll(self, dealer: "zmq.Socket[bytes]") -> None:
        with self._changed:
            to_send = self._greeting_due() or self._ledger.waiting is not None
            idle = not self._greeting and self._ledger.next_deadline_ns is None
            deadline_ns = self._ledger.next_deadline_ns
            now = self._clock.now()
        timeout_ms = None if idle else _LONGEST_POLL_MS
        if deadline_ns is not None:
            timeout_ms = min(_LONGEST_POLL_MS, 1 + max(0, deadline_ns - now) // MS)
        poller = zmq.Poller()
        poller.register(dealer, zmq.POLLIN | zmq.POLLOUT if to_send else zmq.POLLIN)
        poller.register(self._wake_fd, zmq.POLLIN)
        if any(source == self._wake_fd for source, _ in poller.poll(timeout_ms)):
            os.eventfd_read(self._wake_fd)

    def _greeting_due(self) -> bool:
        again_ns = self._greeted_ns + seconds_to_ns(_HELLO_AGAIN_S)
        return self._greeting and not self._greeted() and self._clock.now() >= again_ns

    def _send(self, dealer: "zmq.Socket[bytes]") -> None:
        """Send what waits, where there is a connection that takes it."""
        with self._changed:
            now = self._clock.now()
            if self._greeting_due():
                hello = HelloRequest(id=_HELLO_ID, robot=self._robot_id, session=self._session)
                if try_send(dealer, wire.encode(hello)):
                    self._greeted_ns = now
            asked, spec = self._ledger.waiting, self._spec
            if asked is None or spec is None or asked.expires_ns <= now:
                return
            message = infer_message(
                asked, spec=spec, robot_id=self._robot_id, session=self._session, now=now
            )
            if try_send(dealer, message):
                self._ledger.sent(now)

    def _receive_all(self, dealer: "zmq.Socket[bytes]") -> None:
        for _ in range(64):
            try:
                frames = dealer.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            self._take([frame.buffer for frame in frames])

    def _take(self, frames: list[memoryview]) -> None:
        with self._changed:
            now = self._clock.now()
            self._ledger.heard(now)
            try:
                self._take_reply(wire.decode_reply(frames), frames[1:], now)
            except WireError as error:
                self._ledger.garbled(wire.salvage_id(frames), error.code, str(error))

    def _take_reply(self, reply: Reply, frames: list[memoryview], now: MonoNs) -> None:
        if reply.id == _HELLO_ID and isinstance(reply, HelloReply | ErrorReply):
            if self._greeting:
                self._greeting_answer = reply
                self._changed.notify_all()
        elif isinstance(reply, ErrorReply):
            self._ledger.refused(reply.id, reply.code, reply.message)
        elif isinstance(reply, InferReply):
            asked = self._ledger.flying(reply.id)
            if asked is None or self._spec is None:
                self._ledger.late_n += 1
                return
            chunk = read_chunk(reply, frames, spec=self._spec, asked=asked)
            self._ledger.answered(chunk, reply.stages, now)


def _check_server(endpoint: str) -> str:
    checked = check_endpoint(endpoint)
    if checked.endswith(":*"):
        raise ConfigError(
            "policy client", "endpoint", got=repr(endpoint), expected="the server's own port"
        )
    return checked


def _check_robot_id(robot_id: str) -> str:
    try:
        return msgspec.convert(robot_id, RobotId)
    except msgspec.ValidationError as error:
        raise ConfigError(
            "policy client",
            "robot_id",
            got=repr(robot_id),
            expected="1 to 32 of a-z 0-9 _ -",
        ) from error
