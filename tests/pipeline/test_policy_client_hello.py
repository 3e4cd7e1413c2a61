"""The first words between client and server: patience with one that starts, none with nonsense."""

import threading

import pytest

from robotd.core import wire
from robotd.core.clock import SystemClock
from robotd.core.errors import PolicyRefusedError, WireError
from robotd.core.wire_structs import ErrorReply, HelloReply
from robotd.pipeline.fake_policy_server import INSTANT, FakePolicyServer
from robotd.pipeline.policy_client import PolicyClient

PATIENCE_S = 10.0


@pytest.fixture
def start_rogue(make_spec):
    rogues = []

    def start(greet=None, **options):
        rogue = FakePolicyServer(make_spec(), **options)
        rogue.greet = greet or rogue.greet
        rogues.append(rogue)
        return rogue

    yield start
    for rogue in rogues:
        rogue.stop()


@pytest.fixture
def connect():
    clients = []

    def start(endpoint):
        clients.append(PolicyClient(endpoint, "mock", SystemClock()))
        return clients[-1]

    yield start
    for client in clients:
        client.close()


def test_hello_waits_for_a_server_that_starts_later(start_rogue, connect, tmp_path):
    endpoint = f"ipc://{tmp_path}/policy"
    client = connect(endpoint)
    spec = []
    waiter = threading.Thread(target=lambda: spec.append(client.hello(PATIENCE_S)))
    waiter.start()

    start_rogue(endpoint=endpoint)
    waiter.join()

    assert spec[0].name == "test"


def test_hello_to_nobody_ends_in_time_with_what_to_do(connect, tmp_path):
    client = connect(f"ipc://{tmp_path}/nobody")

    with pytest.raises(WireError, match="robotd serve") as caught:
        client.hello(0.1)
    assert caught.value.code == "no_answer"


def test_hello_that_is_refused_for_good_does_not_wait(start_rogue, connect):
    refusal = ErrorReply(id=0, code="version", message="got 1, expected 2")
    rogue = start_rogue(greet=lambda _: [wire.encode(refusal)])

    with pytest.raises(PolicyRefusedError, match="expected 2") as caught:
        connect(rogue.endpoint).hello(60.0)
    assert caught.value.code == "version"


def test_hello_asks_again_while_another_client_has_the_robot(start_rogue, connect):
    refusal = ErrorReply(id=0, code="in_use", message="taken")
    answers = iter([refusal, refusal])
    rogue = start_rogue(
        greet=lambda spec: [wire.encode(next(answers, HelloReply(id=0, spec=spec)))]
    )

    assert connect(rogue.endpoint).hello(PATIENCE_S).name == "test"


def test_hello_gives_up_while_another_client_keeps_the_robot(start_rogue, connect):
    refusal = ErrorReply(id=0, code="in_use", message="taken")
    rogue = start_rogue(greet=lambda _: [wire.encode(refusal)])

    with pytest.raises(PolicyRefusedError, match="taken"):
        connect(rogue.endpoint).hello(0.3)


def test_a_garbled_hello_is_no_spec(start_rogue, connect):
    rogue = start_rogue(greet=lambda _: [wire.encode(INSTANT)])
    client = connect(rogue.endpoint)

    with pytest.raises(WireError, match="no answer"):
        client.hello(0.2)
