"""The server behind real sockets: with its own client, and with peers that know no manners."""

import socket
import threading
import time

import msgpack
import numpy as np
import pytest
import zmq

from policy_server.constant import ConstantPolicy
from policy_server.server import PolicyServer
from robotd.core import wire
from robotd.core.clock import MonoNs, SystemClock
from robotd.core.errors import BusyError, CheckpointError, ConfigError
from robotd.core.pusht_spec import pusht_spec
from robotd.core.types import PolicyRequest
from robotd.core.wire_arrays import describe_arrays, observation_layouts
from robotd.core.wire_structs import (
    HealthRequest,
    HelloRequest,
    InferReply,
    InferRequest,
    policy_digest,
)
from robotd.pipeline.policy_client import PolicyClient

PATIENCE_MS = 10_000
ARRAYS = {"agent_xy": np.ones((2, 2), np.float32), "block_pose": np.ones((2, 3), np.float32)}


class GatedPolicy(ConstantPolicy):
    """Waits in every inference after the warm-up until it is let go."""

    def __init__(self):
        super().__init__()
        self.begun, self.go = threading.Event(), threading.Event()
        self.seeds = []

    def infer(self, requests):
        if requests[0].seed:
            self.begun.set()
            assert self.go.wait(PATIENCE_MS / 1e3)
            self.seeds.append(sorted(request.seed for request in requests))
        return super().infer(requests)


@pytest.fixture
def start():
    running = []

    def start(policy=None, endpoint="tcp://127.0.0.1:0", **options):
        server = PolicyServer(policy or ConstantPolicy(), endpoint, warm_up_n=1, **options)
        server.startup()
        thread = threading.Thread(target=server.main_loop)
        thread.start()
        running.append((server, thread))
        return server

    yield start
    for server, thread in running:
        server.stop()
        thread.join()
        server.shutdown()


@pytest.fixture
def dial():
    """Return a maker of bare DEALER sockets: peers that send whatever they like."""
    context = zmq.Context()
    sockets = []

    def dial(endpoint):
        dealer = context.socket(zmq.DEALER)
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.connect(endpoint)
        sockets.append(dealer)
        return dealer

    yield dial
    for dealer in sockets:
        dealer.close()
    context.term()


def infer(request_id, *, robot="a", seed=0, deadline_s=10.0):
    spec = pusht_spec("constant")
    headers, arrays = describe_arrays(ARRAYS, observation_layouts(spec))
    header = InferRequest(
        id=request_id,
        robot=robot,
        session=1,
        policy=policy_digest(spec),
        t_obs_ns=0,
        deadline_s=deadline_s,
        seed=seed,
        arrays=headers,
    )
    return wire.encode(header, arrays)


def hello(robot="a", session=1):
    return wire.encode(HelloRequest(id=0, robot=robot, session=session))


def reply_to(dealer):
    assert dealer.poll(PATIENCE_MS), "no reply"
    return wire.decode_reply(dealer.recv_multipart())


def code_of(dealer):
    return reply_to(dealer).code


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_a_client_gets_chunks_with_times_by_stage(start, tmp_path, transport):
    endpoint = "tcp://127.0.0.1:0" if transport == "tcp" else f"ipc://{tmp_path}/policy"
    server = start(endpoint=endpoint)
    client = PolicyClient(server.endpoint, "mock", SystemClock())
    try:
        assert client.hello(10.0) == server.spec
        client.request(PolicyRequest(arrays=ARRAYS, seed=1), t_obs_ns=MonoNs(9), deadline_s=10.0)
        deadline_s = time.monotonic() + 10.0
        while (chunk := client.newest_chunk()) is None and time.monotonic() < deadline_s:
            time.sleep(0.001)
        (stats,) = client.take_stats()
    finally:
        client.close()

    assert chunk.t_obs_ns == 9
    assert (chunk.actions == 1.0).all()
    assert 0 < stats.infer_s <= stats.total_s < stats.round_trip_s


def test_the_spec_at_hello_has_measured_latencies(start, dial):
    dealer = dial(start().endpoint)
    dealer.send_multipart(hello())

    assert reply_to(dealer).spec.samplers[0].latency_s > 0


def test_rude_peers_get_a_code_and_the_server_goes_on(start, dial):
    server = start()
    rude = dial(server.endpoint)
    for frames in (
        [b""],
        [b"\xc1" * 100],
        [b"\x91" * 60_000],
        [msgpack.packb({"v": 1, "op": "reload", "id": 1})],
        [b"x"] * 30,
        infer(1)[:2],
    ):
        rude.send_multipart(frames)

    codes = [code_of(rude) for _ in range(6)]
    polite = dial(server.endpoint)
    polite.send_multipart(infer(1, robot="b"))

    assert codes == ["malformed", "malformed", "malformed", "unsupported", "malformed", "malformed"]
    assert isinstance(reply_to(polite), InferReply)


def test_a_frame_over_the_limit_is_dropped_and_the_server_goes_on(start, dial):
    server = start()
    rude = dial(server.endpoint)
    rude.send_multipart([infer(1)[0], bytes(wire.MAX_FRAME_BYTES + 1), b""])
    polite = dial(server.endpoint)
    polite.send_multipart(infer(1, robot="b"))

    assert isinstance(reply_to(polite), InferReply)
    assert not rude.poll(50)


def test_a_peer_that_leaves_before_its_answer_harms_nobody(start, dial):
    policy = GatedPolicy()
    server = start(policy)
    leaving = dial(server.endpoint)
    leaving.send_multipart(infer(1, seed=1))
    assert policy.begun.wait(10)
    leaving.close()
    policy.go.set()

    staying = dial(server.endpoint)
    staying.send_multipart(infer(1, robot="b"))

    assert isinstance(reply_to(staying), InferReply)


def test_what_comes_during_an_inference_waits_for_the_next(start, dial):
    policy = GatedPolicy()
    server = start(policy)
    a, b = dial(server.endpoint), dial(server.endpoint)
    a.send_multipart(infer(1, seed=1))
    assert policy.begun.wait(10)
    a.send_multipart(infer(2, seed=2))
    b.send_multipart(infer(1, robot="b", seed=9))

    policy.go.set()

    assert [reply_to(a).id for _ in range(2)] == [1, 2]
    assert isinstance(reply_to(b), InferReply)


def test_health_is_answered(start, dial):
    dealer = dial(start().endpoint)
    dealer.send_multipart(infer(1))
    reply_to(dealer)
    dealer.send_multipart(wire.encode(HealthRequest(id=3, robot="x", session=0)))

    health = reply_to(dealer)

    assert (health.id, health.policy, health.served_n, health.waiting_n) == (3, "constant", 1, 0)


def test_a_second_client_of_the_same_robot_is_refused(start, dial):
    server = start(lease_s=60.0)
    first, second = dial(server.endpoint), dial(server.endpoint)
    first.send_multipart(hello(session=1))
    reply_to(first)

    second.send_multipart(hello(session=2))

    assert code_of(second) == "in_use"


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_a_taken_address_is_refused_in_one_line(start, tmp_path, transport):
    endpoint = "tcp://127.0.0.1:0" if transport == "tcp" else f"ipc://{tmp_path}/policy"
    taken = start(endpoint=endpoint).endpoint

    with pytest.raises(BusyError, match="another process listens") as caught:
        PolicyServer(ConstantPolicy(), taken).startup()
    assert taken in str(caught.value)


def test_the_first_server_outlives_the_refusal_of_a_second(start, dial, tmp_path):
    server = start(endpoint=f"ipc://{tmp_path}/policy")
    second = PolicyServer(ConstantPolicy(), server.endpoint)
    with pytest.raises(BusyError), second:
        pass

    dealer = dial(server.endpoint)
    dealer.send_multipart(infer(1))

    assert isinstance(reply_to(dealer), InferReply)


def test_a_socket_file_left_by_a_killed_server_is_taken_over(start, dial, tmp_path):
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(f"{tmp_path}/policy")
    stale.close()

    server = start(endpoint=f"ipc://{tmp_path}/policy")
    dealer = dial(server.endpoint)
    dealer.send_multipart(infer(1))

    assert isinstance(reply_to(dealer), InferReply)


def test_a_file_in_the_way_is_refused_and_kept(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(ConfigError, match="not a file"):
        PolicyServer(ConstantPolicy(), f"ipc://{tmp_path}/thesis.txt").startup()
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    server = PolicyServer(ConstantPolicy(), f"ipc://{tmp_path}/nowhere/policy", warm_up_n=1)

    with pytest.raises(ConfigError, match="bind"), server:
        pass


def test_the_ipc_socket_belongs_to_its_user_alone(start, tmp_path):
    start(endpoint=f"ipc://{tmp_path}/policy")

    assert (tmp_path / "policy").stat().st_mode & 0o077 == 0


def test_tcp_off_loopback_is_refused_before_anything_is_loaded():
    with pytest.raises(ConfigError, match="tunnel"):
        PolicyServer(ConstantPolicy(), "tcp://0.0.0.0:5555")


def test_nobody_can_connect_before_the_warm_up_succeeded(tmp_path):
    class Broken(ConstantPolicy):
        def infer(self, requests):
            assert not (tmp_path / "policy").exists()
            raise RuntimeError("no memory")

    server = PolicyServer(Broken(), f"ipc://{tmp_path}/policy")

    with pytest.raises(CheckpointError, match="no memory"), server:
        pass
    assert not (tmp_path / "policy").exists()


def test_shutdown_refuses_what_waits_and_frees_the_address(dial, tmp_path):
    policy = GatedPolicy()
    endpoint = f"ipc://{tmp_path}/policy"
    server = PolicyServer(policy, endpoint, warm_up_n=1)
    server.startup()
    thread = threading.Thread(target=server.main_loop)
    thread.start()
    dealer = dial(endpoint)
    dealer.send_multipart(infer(1, seed=1))
    assert policy.begun.wait(10)
    server.stop()
    policy.go.set()
    thread.join()
    server.shutdown()
    server.shutdown()

    assert isinstance(reply_to(dealer), InferReply)
    with PolicyServer(ConstantPolicy(), endpoint, warm_up_n=1):
        pass
