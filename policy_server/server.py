"""The policy server's socket: a ROUTER whose one thread receives, infers and answers in turn.

Small questions (`hello`, `health`, refusals) are answered between inferences. The network's own
heartbeats are kept by ZeroMQ's input-output thread, so a long inference does not look like death.
"""

import contextlib
import logging
import os
import socket
import stat
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import zmq

from policy_server.inference import Inference
from policy_server.router import Outgoing, Router
from robotd.core import wire
from robotd.core.endpoint import check_endpoint
from robotd.core.errors import BusyError, ConfigError
from robotd.core.protocols import Policy
from robotd.core.spec import PolicySpec

_log = logging.getLogger(__name__)

HEARTBEAT_MS = 200
HEARTBEAT_TIMEOUT_MS = 600
_MAX_DRAIN_N = 256
"""Messages taken off the socket between two inferences, so that a flood cannot starve them."""
_FLUSH_MS = 200
_PIPE_BYTES = 4096


class PolicyServer:
    """Serves one policy at one endpoint; a context manager that starts and shuts it down.

    `stop` may be called from a signal handler or another thread; everything else from one thread.

    Attributes:
        wake_fd: A byte written here ends the wait for messages; -1 once shut down. A process that
            stops on signals gives it to `signal.set_wakeup_fd`: Python runs its handlers between
            its own instructions, and ZeroMQ goes on waiting over a signal that came before a wait.
    """

    def __init__(
        self,
        policy: Policy,
        endpoint: str,
        *,
        warm_up_n: int = 5,
        lease_s: float = 2.0,
        now_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        """Prepare; nothing is opened before `startup`.

        Args:
            policy: What answers.
            endpoint: `ipc:///path` or `tcp://127.0.0.1:port`, port 0 for any.
            warm_up_n: Inferences measured a sampler before it is ready.
            lease_s: Silence after which another client may drive a robot.
            now_ns: Monotonic clock of this process; durations alone are taken from it.

        Raises:
            ConfigError: The endpoint is not on this machine.
        """
        self._endpoint = check_endpoint(endpoint)
        self._inference = Inference(policy, now_ns=now_ns)
        self._spec = policy.spec
        self._warm_up_n = warm_up_n
        self._lease_s = lease_s
        self._now_ns = now_ns
        self._stopping = False
        self._wake_read_fd, self.wake_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._socket: zmq.Socket[bytes] | None = None
        self._router = Router(self._spec, now_ns=now_ns(), lease_s=lease_s)

    @property
    def endpoint(self) -> str:
        """Where it listens; after `startup` with the port that the system chose."""
        return self._endpoint

    @property
    def spec(self) -> PolicySpec:
        """The policy's spec; after `startup` with the measured latencies."""
        return self._spec

    def startup(self) -> None:
        """Warm the policy up, then bind: whoever can connect finds it ready.

        Raises:
            CheckpointError: The policy fails at warm-up.
            BusyError: Another process listens there.
            ConfigError: The endpoint cannot be bound.
        """
        _refuse_taken(self._endpoint)
        self._spec = self._inference.warm_up(repeats=self._warm_up_n)
        self._router = Router(self._spec, now_ns=self._now_ns(), lease_s=self._lease_s)
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.SNDHWM, 16),
            (zmq.RCVHWM, 16),
            (zmq.MAXMSGSIZE, wire.MAX_FRAME_BYTES),
            (zmq.HANDSHAKE_IVL, 2000),
            (zmq.HEARTBEAT_IVL, HEARTBEAT_MS),
            (zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS),
            (zmq.ROUTER_MANDATORY, 1),
        ):
            self._socket.setsockopt(option, value)
        if self._endpoint.startswith("tcp://["):
            self._socket.setsockopt(zmq.IPV6, 1)
        self._bind(self._socket)

    def main_loop(self) -> None:
        """Serve until `stop`."""
        if self._socket is None:
            raise RuntimeError("PolicyServer.main_loop: call startup first")
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._wake_read_fd, zmq.POLLIN)
        while not self._stopping:
            ready = dict(poller.poll(0 if self._router.waiting_n else None))
            if self._wake_read_fd in ready:
                os.read(self._wake_read_fd, _PIPE_BYTES)
            self._receive_all(self._socket)
            batch, refusals = self._router.take_batch(self._now_ns())
            self._send(self._socket, refusals)
            if batch and not self._stopping:
                answers = self._inference.answer(batch)
                self._router.count(answers)
                self._send(self._socket, answers)

    def stop(self) -> None:
        """Make `main_loop` return after the inference in progress."""
        self._stopping = True
        if self.wake_fd >= 0:
            with contextlib.suppress(BlockingIOError):  # full: it wakes anyway
                os.write(self.wake_fd, b"\0")

    def shutdown(self) -> None:
        """Refuse what waits, flush the answers and close; safe to call twice."""
        if self._socket is not None:
            self._send(self._socket, self._router.close())
            self._socket.close(linger=_FLUSH_MS)
            self._socket = None
        if self._context is not None:
            self._context.term()
            self._context = None
        if self.wake_fd >= 0:
            os.close(self.wake_fd)
            os.close(self._wake_read_fd)
            self.wake_fd = -1

    def __enter__(self) -> Self:
        """Start."""
        try:
            self.startup()
        except BaseException:
            self.shutdown()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Shut down."""
        self.shutdown()

    def _bind(self, router: "zmq.Socket[bytes]") -> None:
        try:
            router.bind(self._endpoint)
        except zmq.ZMQError as error:
            if error.errno == zmq.EADDRINUSE:
                raise _busy(self._endpoint) from error
            raise ConfigError(
                "command line",
                "endpoint",
                got=repr(self._endpoint),
                expected="an address that this process may bind",
                hint=str(error.strerror),
            ) from error
        if self._endpoint.startswith("ipc://"):
            os.chmod(self._endpoint.removeprefix("ipc://"), 0o600)
        self._endpoint = router.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")

    def _receive_all(self, router: "zmq.Socket[bytes]") -> None:
        for _ in range(_MAX_DRAIN_N):
            try:
                identity, *frames = router.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            buffers = [frame.buffer for frame in frames]
            self._send(router, self._router.receive(identity.bytes, buffers, self._now_ns()))

    def _send(self, router: "zmq.Socket[bytes]", outgoing: Sequence[Outgoing]) -> None:
        """Send each reply, or drop it: a client that is gone or does not read asks again."""
        for each in outgoing:
            message = [each.identity, *wire.encode(each.reply, each.arrays)]
            try:
                router.send_multipart(message, zmq.NOBLOCK)
            except zmq.ZMQError as error:
                if error.errno not in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                    raise
                _log.debug("reply %d dropped: %s", each.reply.id, error)


def _busy(endpoint: str) -> BusyError:
    return BusyError(
        f"{endpoint}: another process listens there; stop it, or choose another --endpoint"
    )


def _refuse_taken(endpoint: str) -> None:
    """Refuse an address in use before the slow warm-up.

    ZeroMQ would silently take an `ipc` path away from the process that listens on it, and would
    delete whatever file is there.
    """
    family, address = _socket_address(endpoint)
    if address is None:
        return
    if isinstance(address, str) and os.path.exists(address) and not _is_socket(address):
        raise ConfigError(
            "command line", "endpoint", got=repr(endpoint), expected="a path that is not a file"
        )
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        if probe.connect_ex(address) == 0:
            raise _busy(endpoint)


def _is_socket(path: str) -> bool:
    return stat.S_ISSOCK(os.stat(path).st_mode)


def _socket_address(endpoint: str) -> tuple[int, str | tuple[str, int] | None]:
    if endpoint.startswith("ipc://"):
        return socket.AF_UNIX, endpoint.removeprefix("ipc://")
    host, port = endpoint.removeprefix("tcp://").rsplit(":", 1)
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    return family, None if port == "*" else (host.strip("[]"), int(port))
