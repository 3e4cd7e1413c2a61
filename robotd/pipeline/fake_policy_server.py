"""A policy server whose answers are a function: the public fake for faults of the other side."""

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec
import numpy as np
import zmq
from numpy.typing import NDArray

from robotd.core import wire
from robotd.core.spec import PolicySpec
from robotd.core.wire_structs import (
    ArrayHeader,
    HelloReply,
    HelloRequest,
    InferReply,
    InferRequest,
    Stages,
)

Message = Sequence[wire.Buffer]
INSTANT = Stages(queue_s=0.0, decode_s=0.0, infer_s=0.001, total_s=0.001)
_POLL_MS = 5


def answer_with(request: InferRequest, actions: NDArray[Any], **changes: object) -> Message:
    """Return an answer to `request`; `changes` replace fields of its header, right or wrong."""
    dtype = "uint8" if actions.dtype == np.uint8 else "float32"
    headers = (ArrayHeader(name="actions", dtype=dtype, shape=actions.shape),)
    reply = InferReply(id=request.id, t_obs_ns=request.t_obs_ns, stages=INSTANT, arrays=headers)
    return [*wire.encode(msgspec.structs.replace(reply, **changes)), actions.tobytes()]


def stay_silent(_: object) -> list[Message]:
    """Answer nothing: a server that hangs."""
    return []


class FakePolicyServer:
    """Listens in a thread and answers `infer` by `behave`, `hello` by `greet`.

    Both may be replaced at any time. A context manager: leaving it ends the server as a kill would.

    Attributes:
        behave: From a request to any number of messages, of any content.
        greet: From the spec to the messages that answer `hello`.
        requests: The `infer` requests that came.
        peers: The connections that they and `hello` came by.
    """

    def __init__(
        self,
        spec: PolicySpec,
        behave: Callable[[InferRequest], Sequence[Message]] | None = None,
        *,
        endpoint: str = "tcp://127.0.0.1:*",
    ) -> None:
        """Listen; by default it answers zeros, as the spec says."""
        self.behave = behave or self._answer_zeros
        self.greet: Callable[[PolicySpec], Sequence[Message]] = _greet
        self.requests: list[InferRequest] = []
        self.peers: set[bytes] = set()
        self._spec = spec
        self._context = zmq.Context()
        self._router = self._context.socket(zmq.ROUTER)
        self._router.setsockopt(zmq.LINGER, 0)
        self._router.bind(endpoint)
        self.endpoint = self._router.getsockopt_string(zmq.LAST_ENDPOINT)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="fake-policy-server")
        self._thread.start()

    def stop(self) -> None:
        """End without a word; safe to call twice."""
        if self._stopping:
            return
        self._stopping = True
        self._thread.join()
        self._router.close()
        self._context.term()

    def __enter__(self) -> Self:
        """Nothing to do: it listens already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def _answer_zeros(self, request: InferRequest) -> Sequence[Message]:
        shape = (self._spec.horizon, self._spec.action_dim)
        return [answer_with(request, np.zeros(shape, np.float32))]

    def _run(self) -> None:
        while not self._stopping:
            if not self._router.poll(_POLL_MS):
                continue
            identity, *frames = self._router.recv_multipart()
            self.peers.add(identity)
            request = wire.decode_request(frames)
            replies: Sequence[Message] = []
            if isinstance(request, HelloRequest):
                replies = self.greet(self._spec)
            elif isinstance(request, InferRequest):
                self.requests.append(request)
                replies = self.behave(request)
            for reply in replies:
                self._router.send_multipart([identity, *reply])


def _greet(spec: PolicySpec) -> Sequence[Message]:
    return [wire.encode(HelloReply(id=0, spec=spec))]
