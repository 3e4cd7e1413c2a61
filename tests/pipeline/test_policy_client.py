"""The client against servers that are away, slow, silent or mad: it counts, and never raises."""

import threading
import time

import msgpack
import numpy as np
import pytest

from robotd.core import wire
from robotd.core.clock import MS, FakeClock, MonoNs, SystemClock
from robotd.core.errors import ConfigError, WireError
from robotd.core.types import PolicyRequest
from robotd.core.wire_structs import ErrorReply
from robotd.pipeline.fake_policy_server import FakePolicyServer, answer_with, stay_silent
from robotd.pipeline.policy_client import PolicyClient

PATIENCE_S = 10.0


def until(condition):
    """Poll until the condition holds, for a bounded time; return what it gave."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        value = condition()
        if value:
            return value
        time.sleep(0.002)
    raise AssertionError("waited in vain")


@pytest.fixture
def start_rogue(make_spec):
    rogues = []

    def start(behave, **options):
        rogues.append(FakePolicyServer(make_spec(), behave, **options))
        return rogues[-1]

    yield start
    for rogue in rogues:
        rogue.stop()


@pytest.fixture
def connect():
    clients = []

    def start(endpoint, clock=None):
        clients.append(PolicyClient(endpoint, "mock", clock or SystemClock()))
        return clients[-1]

    yield start
    for client in clients:
        client.close()


@pytest.fixture
def greeted(start_rogue, connect):
    """Return a maker of a client that greeted a rogue server."""

    def make(behave):
        rogue = start_rogue(behave)
        client = connect(rogue.endpoint)
        client.hello(PATIENCE_S)
        return client, rogue

    return make


def ask(client, *, seed=0, t_obs_ns=5, deadline_s=PATIENCE_S):
    arrays = {"agent_xy": np.ones((2, 2), np.float32), "block_pose": np.ones((2, 3), np.float32)}
    request = PolicyRequest(arrays=arrays, seed=seed)
    return client.request(request, t_obs_ns=MonoNs(t_obs_ns), deadline_s=deadline_s)


def good(request, actions=None, **changes):
    actions = np.full((15, 2), request.seed, np.float32) if actions is None else actions
    return answer_with(request, actions, **changes)


def answer_well(request):
    return [good(request)]


def nan_at(row):
    actions = np.zeros((15, 2), np.float32)
    actions[row, 1] = np.nan
    return actions


UNUSABLE = {
    "no msgpack": lambda _: [[b"\xc1\xc1"]],
    "an empty frame": lambda _: [[b""]],
    "another structure": lambda request: [[msgpack.packb({"v": 1, "id": request.id})]],
    "another version": lambda request: [[msgpack.packb({"v": 9, "id": request.id})]],
    "a bomb": lambda _: [[b"\x91" * 60_000]],
    "too many frames": lambda _: [[b"x"] * 40],
    "no array": lambda request: [good(request)[:1]],
    "truncated array": lambda request: [[good(request)[0], b"\0" * 119]],
    "one row less": lambda request: [good(request, np.zeros((14, 2), np.float32))],
    "one column more": lambda request: [good(request, np.zeros((15, 3), np.float32))],
    "another dtype": lambda request: [good(request, np.zeros((15, 2), np.uint8))],
    "NaN first": lambda request: [good(request, nan_at(0))],
    "NaN last": lambda request: [good(request, nan_at(-1))],
    "another observation": lambda request: [good(request, t_obs_ns=6)],
}


def test_a_chunk_comes_with_the_specs_timing_and_the_request_s_time(greeted):
    client, _ = greeted(answer_well)

    request_id = ask(client, seed=3, t_obs_ns=77)
    chunk = until(client.newest_chunk)

    assert (chunk.request_id, chunk.seed, chunk.t_obs_ns) == (request_id, 3, 77)
    assert (chunk.dt_s, chunk.meaning) == (0.1, "command")
    assert chunk.actions.dtype == np.float64
    assert (chunk.actions == 3).all()


def test_each_request_leaves_its_times_by_stage(greeted):
    client, _ = greeted(answer_well)
    ask(client)
    until(client.newest_chunk)

    (stats,) = client.take_stats()

    assert stats.outcome == "answered"
    assert 0 < stats.round_trip_s < PATIENCE_S
    assert stats.infer_s == 0.001


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_answer_is_one_failure_and_the_client_goes_on(greeted, name):
    client, rogue = greeted(UNUSABLE[name])
    ask(client)
    until(lambda: client.failures.total_n)
    assert client.failures.consecutive_n == 1
    assert client.newest_chunk() is None

    rogue.behave = answer_well
    ask(client, seed=4)

    assert until(client.newest_chunk).seed == 4
    assert client.failures.consecutive_n == 0
    assert client.failures.total_n == 1


def test_failures_without_a_chunk_between_are_counted_in_a_row(greeted):
    client, _ = greeted(UNUSABLE["NaN last"])

    for count in (1, 2, 3):
        ask(client)
        until(lambda count=count: client.failures.consecutive_n == count)

    assert "not finite" in client.failures.reason


def test_a_refusal_is_a_failure_in_the_servers_words(greeted):
    client, _ = greeted(
        lambda request: [
            wire.encode(ErrorReply(id=request.id, code="policy_failed", message="too warm"))
        ]
    )

    ask(client)

    until(lambda: client.failures.total_n)
    assert "too warm" in client.failures.reason


def test_a_repeated_answer_gives_one_chunk(greeted):
    client, _ = greeted(lambda request: [good(request)] * 3)
    ask(client)

    assert until(client.newest_chunk)
    until(lambda: client.late_n == 2)
    assert client.newest_chunk() is None
    assert client.failures.total_n == 0


def test_an_answer_with_an_unknown_id_is_ignored(greeted):
    client, _ = greeted(lambda request: [good(request, id=request.id + 9), good(request)])

    request_id = ask(client)

    assert until(client.newest_chunk).request_id == request_id
    assert client.late_n == 1
    assert client.failures.total_n == 0


def test_an_answer_to_what_was_asked_before_a_reset_is_discarded(greeted):
    held = []
    client, rogue = greeted(lambda request: held.append(request) or [])
    ask(client, seed=1)
    until(lambda: held)

    client.reset()
    rogue.behave = lambda request: [good(held[0]), good(request)]
    ask(client, seed=2)

    assert until(client.newest_chunk).seed == 2
    assert client.late_n == 1


def test_a_server_that_hangs_fails_at_the_deadline_and_is_connected_to_anew(greeted):
    client, rogue = greeted(stay_silent)
    ask(client, deadline_s=0.1)
    until(lambda: client.failures.consecutive_n == 1)
    assert "no answer within 0.100 s" in client.failures.reason

    rogue.behave = answer_well
    ask(client, seed=2)

    assert until(client.newest_chunk).seed == 2
    assert len(rogue.peers) == 2


def test_asking_never_waits_for_a_server_that_hangs(greeted):
    client, _ = greeted(stay_silent)
    longest_s = 0.0

    for seed in range(200):
        start_s = time.perf_counter()
        ask(client, seed=seed)
        client.newest_chunk()
        longest_s = max(longest_s, time.perf_counter() - start_s)

    assert longest_s < 0.5


def test_a_late_answer_is_discarded_by_its_deadline(greeted):
    held = []
    client, rogue = greeted(lambda request: held.append(request) or [])
    ask(client, seed=1, deadline_s=0.1)
    until(lambda: client.failures.total_n == 1)

    rogue.behave = lambda request: [good(held[0]), good(request)]
    ask(client, seed=2)

    assert until(client.newest_chunk).seed == 2


def test_a_server_killed_in_the_middle_and_started_again_is_found(greeted, start_rogue):
    client, rogue = greeted(stay_silent)
    ask(client, deadline_s=0.2)
    until(lambda: rogue.requests)
    rogue.stop()
    until(lambda: client.failures.consecutive_n == 1)

    start_rogue(answer_well, endpoint=rogue.endpoint)
    ask(client, seed=7)

    assert until(client.newest_chunk).seed == 7


def test_a_server_that_is_away_fails_every_request(connect, greeted):
    client, rogue = greeted(answer_well)
    rogue.stop()

    for count in (1, 2, 3):
        ask(client, deadline_s=0.05)
        until(lambda count=count: client.failures.consecutive_n == count)


def test_a_request_before_hello_is_refused(connect, tmp_path):
    with pytest.raises(WireError, match="hello"):
        ask(connect(f"ipc://{tmp_path}/nobody"))


def test_arrays_off_the_spec_are_the_callers_fault(greeted):
    client, _ = greeted(answer_well)

    with pytest.raises(WireError, match="agent_xy"):
        client.request(PolicyRequest(arrays={}, seed=0), t_obs_ns=MonoNs(0), deadline_s=1.0)


@pytest.mark.parametrize("robot_id", ["", "Cell", "a b", "-x", "x" * 33])
def test_a_name_that_is_none_is_refused(robot_id):
    with pytest.raises(ConfigError, match="robot_id"):
        PolicyClient("ipc:///tmp/x", robot_id, SystemClock())


def test_an_address_off_this_machine_is_refused():
    with pytest.raises(ConfigError, match="tunnel"):
        PolicyClient("tcp://192.168.0.2:5555", "mock", SystemClock())


@pytest.mark.parametrize("port", ["0", "*"])
def test_a_port_that_is_nobodys_is_refused(port):
    with pytest.raises(ConfigError, match="port"):
        PolicyClient(f"tcp://127.0.0.1:{port}", "cell-1", SystemClock())


def test_close_is_prompt_and_may_come_twice(greeted):
    client, _ = greeted(stay_silent)
    ask(client)
    start_s = time.monotonic()

    client.close()
    client.close()

    assert time.monotonic() - start_s < 2.0
    assert all(thread.name != "policy-client" for thread in threading.enumerate())


def test_deadlines_are_those_of_the_callers_clock(start_rogue, connect):
    clock = FakeClock(MonoNs(1))
    rogue = start_rogue(stay_silent)
    client = connect(rogue.endpoint, clock)
    client.hello(PATIENCE_S)
    ask(client, deadline_s=5.0)
    until(lambda: rogue.requests)
    assert client.failures.total_n == 0

    clock.advance(5000 * MS)

    assert client.failures.total_n == 1


def test_the_request_carries_what_decides_the_answer(greeted):
    client, rogue = greeted(answer_well)
    request_id = ask(client, seed=9, t_obs_ns=123)
    until(client.newest_chunk)

    (request,) = rogue.requests
    assert (request.id, request.seed, request.t_obs_ns, request.robot) == (
        request_id,
        9,
        123,
        "mock",
    )
    assert 0 < request.deadline_s <= PATIENCE_S
    assert [header.name for header in request.arrays] == ["agent_xy", "block_pose"]
