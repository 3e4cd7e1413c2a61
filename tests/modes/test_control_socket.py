"""The control socket: whatever comes in, the daemon answers or goes on, and never waits."""

import threading

import msgspec
import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from robotd.core.errors import BusyError, ProcessDiedError, SupervisorError
from robotd.core.rundir import RunDir
from robotd.modes.daemon.control import (
    REQUESTS_PER_CYCLE_N,
    ControlClient,
    ControlServer,
    endpoint_of,
)
from robotd.modes.daemon.messages import (
    CONTROL_VERSION,
    MAX_CONTROL_BYTES,
    ControlReply,
    ControlRequest,
    DaemonStatus,
)

STATUS = DaemonStatus(
    cell="c",
    mock=True,
    pid=1,
    state="DISARMED",
    reason="",
    session=0,
    owner="",
    policy="",
    policy_failure="",
    realtime=False,
    logs="/l",
)


@pytest.fixture
def server(run_dir):
    server = ControlServer(run_dir)
    yield server
    server.close()


@pytest.fixture
def peer(run_dir, server):
    """A socket that says what it likes."""
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVTIMEO, 2000)
    socket.connect(endpoint_of(run_dir))
    yield socket
    socket.close()
    context.term()


def drain(server, peer):
    """Let the server look until it has answered."""
    for _ in range(200):
        requests = list(server.requests())
        if requests or peer.poll(10):
            return requests
    return []


def reply_to(peer):
    return msgspec.msgpack.decode(peer.recv(), type=ControlReply)


def request(**changes):
    return msgspec.msgpack.encode(
        {"version": CONTROL_VERSION, "id": 7, "client": "x", "op": "status", "t_ns": 0, **changes}
    )


def deep(levels):
    return b"\x91" * levels + b"\xc0"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xff\xff",
        b"\xc1",
        deep(20_000),
        b"\x81\xa3run" + deep(20_000),
        b"\x81\xa6client\xa2\xff\xfe",
        msgspec.msgpack.encode([1, 2]),
        request(op="fly"),
        request(id="seven"),
        request(client="x" * 65),
        request(endpoint="e" * 257),
        request(run={"seed": -1}),
        request(run={"seed": 2**32}),
        request(run={"max_episode_s": 0}),
        request(run={"max_episode_s": 3601}),
        request(surprise=1),
    ],
)
def test_malformed_bytes_are_refused_with_a_sentence(server, peer, body):
    peer.send(body)

    assert drain(server, peer) == []
    reply = reply_to(peer)
    assert not reply.ok
    assert reply.message.startswith("malformed: ")


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(body=st.binary(max_size=200))
def test_no_bytes_bring_the_server_down(server, peer, body):
    peer.send(body)
    drain(server, peer)
    while peer.poll(0):
        peer.recv()

    peer.send(request())
    [(_, understood)] = drain(server, peer)
    assert understood.op == "status"


def test_another_version_is_named_whatever_else_it_says(server, peer):
    for body in (request(version=7), request(version=7, new_field=1)):
        peer.send(body)

        assert drain(server, peer) == []
        wanted = f"client speaks 7, daemon {CONTROL_VERSION}; restart the older one"
        assert wanted in reply_to(peer).message


def test_messages_of_another_number_of_frames_are_left_out(server, peer):
    peer.send_multipart([b"", request()])
    peer.send(request(id=8))

    [(_, understood)] = drain(server, peer)
    assert understood.id == 8


def test_a_message_that_is_too_large_ends_its_connection_alone(server, peer, run_dir):
    peer.send(b"x" * (MAX_CONTROL_BYTES + 1))
    context = zmq.Context()
    other = context.socket(zmq.DEALER)
    other.connect(endpoint_of(run_dir))
    other.send(request(id=9))

    [(_, understood)] = drain(server, other)

    assert understood.id == 9
    other.close(linger=0)
    context.term()


def test_a_flood_does_not_keep_the_daemon_from_its_cycle(server, peer):
    for _ in range(3 * REQUESTS_PER_CYCLE_N):
        peer.send(request())
    first = drain(server, peer)

    assert len(first) <= REQUESTS_PER_CYCLE_N
    assert len(first) + sum(len(drain(server, peer)) for _ in range(2)) > len(first)


def test_an_answer_to_a_client_that_left_is_no_error(server, peer):
    peer.send(request())
    [(identity, _)] = drain(server, peer)
    peer.close()

    for _ in range(500):
        server.reply(identity, ControlReply(id=7, ok=True, status=STATUS))


def test_two_servers_cannot_share_a_socket(server, run_dir, tmp_path):
    (tmp_path / "control").mkdir()

    with pytest.raises(BusyError, match="cannot be bound"):
        ControlServer(tmp_path)


class Answering:
    """A daemon in a thread that answers by a function."""

    def __init__(self, run_dir, answer):
        self._server, self._answer = ControlServer(run_dir), answer
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._stop.wait(0.001):
            for identity, asked in self._server.requests():
                for reply in self._answer(asked):
                    self._server.reply(identity, reply)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._stop.set()
        self._thread.join()
        self._server.close()


@pytest.fixture
def client(run_dir):
    client = ControlClient(run_dir, name="run")
    yield client
    client.close()


def test_a_call_returns_the_status(run_dir, client):
    with Answering(run_dir, lambda asked: [ControlReply(id=asked.id, ok=True, status=STATUS)]):
        assert client.call("status") == STATUS


def test_several_clients_get_each_their_own_answer(run_dir):
    def answer(asked: ControlRequest):
        status = msgspec.structs.replace(STATUS, reason=asked.endpoint)
        return [ControlReply(id=asked.id, ok=True, status=status)]

    clients = [ControlClient(run_dir, name=f"c{n}") for n in range(4)]
    with Answering(run_dir, answer):
        for _ in range(3):
            for n, client in enumerate(clients):
                assert client.call("prepare", endpoint=f"e{n}").reason == f"e{n}"
    for client in clients:
        client.close()


def test_a_refusal_is_the_daemons_own_sentence(run_dir, client):
    def answer(asked):
        return [ControlReply(id=asked.id, ok=False, message="cannot arm while FAULT")]

    with (
        Answering(run_dir, answer),
        pytest.raises(SupervisorError, match=r"^cannot arm while FAULT$"),
    ):
        client.call("arm")


def test_answers_to_other_requests_are_left_out(run_dir, client):
    def answer(asked):
        old = msgspec.structs.replace(STATUS, reason="old")
        return [
            ControlReply(id=asked.id + 5, ok=True, status=old),
            ControlReply(id=asked.id, ok=True, status=STATUS),
        ]

    with Answering(run_dir, answer):
        assert client.call("status").reason == ""


def test_a_daemon_that_is_gone_is_named_at_once(client):
    with pytest.raises(ProcessDiedError, match="is gone"):
        client.call("status", timeout_s=60.0)


def test_a_daemon_that_hangs_is_named_in_time():
    with RunDir.create("hangs") as run:
        server = ControlServer(run.path)
        client = ControlClient(run.path, name="run")
        with pytest.raises(ProcessDiedError, match=r"did not answer within 0\.6 s; it hangs"):
            client.call("status", timeout_s=0.6)
        client.close()
        server.close()


def test_a_daemon_of_another_version_is_named(run_dir, client):
    context = zmq.Context()
    router = context.socket(zmq.ROUTER)
    router.bind(endpoint_of(run_dir))

    def garble():
        identity, _ = router.recv_multipart()
        router.send_multipart([identity, b"\xc1"])

    thread = threading.Thread(target=garble)
    thread.start()
    with pytest.raises(SupervisorError, match="another version's words"):
        client.call("status")
    thread.join()
    router.close(linger=0)
    context.term()
