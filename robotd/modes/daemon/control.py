"""The daemon's control socket: a ZMQ ROUTER in the run directory, and its client."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import zmq

from robotd.core.clock import MS, MonoNs, SystemClock
from robotd.core.config_teleop import SessionCommand
from robotd.core.errors import BusyError, ProcessDiedError, SupervisorError
from robotd.core.protocols import Clock
from robotd.core.recovery import RecoveryStep
from robotd.core.rundir import owner_pid, socket_path
from robotd.modes.collect.messages import CollectRequest
from robotd.modes.daemon.messages import (
    CONTROL_VERSION,
    MAX_CONTROL_BYTES,
    ControlReply,
    ControlRequest,
    DaemonStatus,
    Op,
    RunRequest,
)
from robotd.modes.jog.messages import JogRequest
from robotd.modes.replay.messages import ReplayRequest

SOCKET_NAME = "control"
ALIVE_EVERY_MS = 500
"""A client that waits looks so often whether there is still a daemon to wait for."""
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""All that decoding hostile bytes raises."""
REQUESTS_PER_CYCLE_N = 64
"""More wait for the next cycle: no client can keep the daemon from the arm."""


def endpoint_of(run_dir: Path) -> str:
    """Return the control socket's address within a run directory (which is 0700)."""
    return f"ipc://{socket_path(run_dir, SOCKET_NAME)}"


class ControlServer:
    """The daemon's end. Never blocks; used by one thread."""

    def __init__(self, run_dir: Path) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        for option, value in (
            (zmq.LINGER, 200),
            (zmq.SNDHWM, 100),
            (zmq.RCVHWM, 100),
            (zmq.MAXMSGSIZE, MAX_CONTROL_BYTES),
        ):
            self._socket.setsockopt(option, value)
        try:
            self._socket.bind(endpoint_of(run_dir))
        except zmq.ZMQError as error:
            self.close()
            raise BusyError(f"{endpoint_of(run_dir)}: cannot be bound ({error})") from error
        self._decoder = msgspec.msgpack.Decoder(ControlRequest)
        self._encoder = msgspec.msgpack.Encoder()

    def requests(self) -> Iterator[tuple[bytes, ControlRequest]]:
        """Yield what has come in, with whom to answer; refuses malformed ones by itself."""
        for _ in range(REQUESTS_PER_CYCLE_N):
            try:
                parts = self._socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            if len(parts) != 2:
                continue
            peer, body = parts
            try:
                request = self._decoder.decode(body)
            except UNREADABLE as error:
                message = _other_version(body) or f"malformed: {error}"
                self.reply(peer, ControlReply(id=0, ok=False, message=message))
                continue
            if message := _other_version(body):
                self.reply(peer, ControlReply(id=request.id, ok=False, message=message))
                continue
            yield peer, request

    def reply(self, peer: bytes, reply: ControlReply) -> None:
        """Answer; a client that has left is no error."""
        try:
            self._socket.send_multipart([peer, self._encoder.encode(reply)], zmq.DONTWAIT)
        except zmq.Again:
            return

    def close(self) -> None:
        """Close the socket and remove its file."""
        self._socket.close()
        self._context.term()


class _Versioned(msgspec.Struct):
    """The one field that every version of the protocol has."""

    version: int = 0


def _other_version(body: bytes) -> str:
    """Return the refusal of another version's client; empty for this version's and for garbage."""
    try:
        version = msgspec.msgpack.decode(body, type=_Versioned).version
    except UNREADABLE:
        return ""
    if version in (0, CONTROL_VERSION):
        return ""
    return (
        f"control protocol: client speaks {version}, daemon {CONTROL_VERSION}; "
        "restart the older one"
    )


class ControlClient:
    """A client's end: every call has a time limit; used by one thread."""

    def __init__(self, run_dir: Path, *, name: str, clock: Clock | None = None) -> None:
        self._run_dir, self._clock = run_dir, clock or SystemClock()
        self._name = f"{name}-{os.getpid()}"
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(endpoint_of(run_dir))
        self._decoder = msgspec.msgpack.Decoder(ControlReply)
        self._next_id = 1

    def call(
        self,
        op: Op,
        *,
        endpoint: str = "",
        dataset: str = "",
        run: RunRequest | None = None,
        collect: CollectRequest | None = None,
        replay: ReplayRequest | None = None,
        jog: JogRequest | None = None,
        command: SessionCommand | None = None,
        step: RecoveryStep | None = None,
        timeout_s: float = 5.0,
    ) -> DaemonStatus:
        """Send one command and return the daemon's status.

        Raises:
            SupervisorError: The daemon refused; its own sentence. Or it speaks another version.
            ProcessDiedError: No answer within `timeout_s`, or the daemon is gone.
        """
        request = ControlRequest(
            t_ns=self._clock.now(),
            id=self._next_id,
            client=self._name,
            op=op,
            endpoint=endpoint,
            dataset=dataset,
            run=run,
            collect=collect,
            replay=replay,
            jog=jog,
            command=command,
            step=step,
        )
        self._next_id += 1
        self._socket.send(msgspec.msgpack.encode(request))
        reply = self._await(request.id, timeout_s)
        if not reply.ok or reply.status is None:
            raise SupervisorError(reply.message or f"{op}: refused without a reason")
        return reply.status

    def _await(self, request_id: int, timeout_s: float) -> ControlReply:
        deadline_ns = MonoNs(self._clock.now() + round(timeout_s * 1e9))
        while (left_ms := (deadline_ns - self._clock.now()) // MS) > 0:
            if not self._socket.poll(min(left_ms, ALIVE_EVERY_MS)):
                if owner_pid(self._run_dir) is None:
                    raise ProcessDiedError(f"the daemon of {self._run_dir} is gone")
                continue
            try:
                reply = self._decoder.decode(self._socket.recv())
            except UNREADABLE as error:
                raise SupervisorError(
                    f"the daemon of {self._run_dir} answers in another version's words ({error}); "
                    "restart it"
                ) from error
            if reply.id in (request_id, 0):
                return reply
        raise ProcessDiedError(
            f"the daemon of {self._run_dir} did not answer within {timeout_s:.1f} s; it hangs"
        )

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        self._context.term()
