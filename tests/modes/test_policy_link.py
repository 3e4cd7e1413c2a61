"""The daemon's link to a server: asked beside the loop, refused with a sentence, replaced."""

import threading
import time

import msgspec
import pytest

from robotd.core import wire
from robotd.core.clock import SystemClock
from robotd.core.errors import ConfigError
from robotd.core.wire_structs import ErrorReply
from robotd.modes.daemon.policy_link import PolicyLink
from robotd.pipeline.fake_policy_server import FakePolicyServer, stay_silent


@pytest.fixture
def link(cell):
    link = PolicyLink(cell, SystemClock())
    yield link
    link.close()


def settled(link):
    deadline = time.monotonic() + 10.0
    while link.spec is None and not link.failure:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    return link


def test_it_knows_nothing_before_it_connects(link):
    assert (link.endpoint, link.spec, link.failure, link.source) == ("", None, "", None)


def test_a_server_that_fits_is_ready_to_be_asked(link, spec):
    with FakePolicyServer(spec) as server:
        link.connect(server.endpoint)

        assert settled(link).spec == spec
        assert link.endpoint == server.endpoint
        assert link.source is not None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"action_space": "tcp_pose", "action_dim": 9}, "tcp_pose"),
        ({"action_unit": "m"}, "unit"),
        ({"meaning": "reached"}, "reached"),
    ],
)
def test_a_policy_that_does_not_fit_the_cell_is_refused_in_one_line(
    link, spec, cell, changes, words
):
    with FakePolicyServer(msgspec.structs.replace(spec, **changes)) as server:
        link.connect(server.endpoint)

        failure = settled(link).failure
    assert words in failure
    assert spec.name in failure
    assert cell.name in failure
    assert "\n" not in failure
    assert link.spec is None


def test_a_server_that_refuses_is_quoted(link, spec):
    refusal = ErrorReply(id=0, code="unsupported", message="no robots today")
    with FakePolicyServer(spec) as server:
        server.greet = lambda _: [wire.encode(refusal)]
        link.connect(server.endpoint)

        assert "unsupported: no robots today" in settled(link).failure


def test_an_address_outside_this_machine_is_refused_at_once(link):
    with pytest.raises(ConfigError):
        link.connect("tcp://192.0.2.1:5555")

    assert link.endpoint == ""


@pytest.mark.parametrize("away", [True, False])
def test_a_server_that_is_away_or_silent_is_named_in_time(cell, spec, away):
    link = PolicyLink(cell, SystemClock(), hello_s=0.3)
    with FakePolicyServer(spec) as server:
        server.greet = lambda _: []
        if away:
            server.stop()
        link.connect(server.endpoint)

        assert f"{server.endpoint}: no answer within 0.3 s; is it running?" in settled(link).failure
        link.close()


def test_connecting_returns_at_once_and_the_next_server_replaces_a_silent_one(link, spec):
    with FakePolicyServer(spec) as silent, FakePolicyServer(spec) as server:
        silent.greet = lambda _: []
        begun = time.monotonic()
        link.connect(silent.endpoint)
        link.connect(server.endpoint)
        assert time.monotonic() - begun < 1.0

        assert settled(link).endpoint == server.endpoint
        assert link.spec == spec


def test_closing_forgets_the_server(link, spec):
    with FakePolicyServer(spec) as server:
        link.connect(server.endpoint)
        settled(link)
        link.close()

    assert (link.endpoint, link.spec, link.failure, link.source) == ("", None, "", None)


def test_a_server_that_answers_hello_alone_is_found_out_before_anything_is_armed(cell, spec):
    quick = msgspec.structs.replace(
        cell, policy=msgspec.structs.replace(cell.policy, deadline_s=0.05)
    )
    link = PolicyLink(quick, SystemClock())
    with FakePolicyServer(spec, stay_silent) as server:
        link.connect(server.endpoint)

        failure = settled(link).failure
    link.close()
    assert failure.startswith(f"policy {spec.name}: 3 trial requests failed, the last: ")
    assert "policy.deadline_s" in failure


def test_a_first_answer_that_is_late_is_forgiven(link, spec, cell):
    with FakePolicyServer(spec) as server:
        answer, late = server.behave, threading.Event()

        def behave(request):
            if not late.is_set():
                late.set()
                return []
            return answer(request)

        server.behave = behave
        link.connect(server.endpoint)

        assert settled(link).spec == spec
        assert link.source.newest_chunk() is None
