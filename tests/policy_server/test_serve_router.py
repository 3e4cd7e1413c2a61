"""Which request is inferred next, by numbers alone."""

import msgpack
import numpy as np
import pytest

from policy_server.router import Router
from robotd.core import wire
from robotd.core.clock import MS
from robotd.core.pusht_spec import pusht_spec
from robotd.core.spec import SamplerSpec
from robotd.core.wire_arrays import describe_arrays, observation_layouts
from robotd.core.wire_structs import (
    ErrorReply,
    HealthReply,
    HealthRequest,
    HelloReply,
    HelloRequest,
    InferReply,
    InferRequest,
    Stages,
    policy_digest,
)

SPEC = pusht_spec("constant")
HEADERS, ARRAYS = describe_arrays(
    {"agent_xy": np.zeros((2, 2), np.float32), "block_pose": np.zeros((2, 3), np.float32)},
    observation_layouts(SPEC),
)


@pytest.fixture
def router():
    return Router(SPEC, now_ns=0, lease_s=2.0, max_waiting=3, max_batch=2)


def infer(request_id, robot="a", **changes):
    values = {
        "id": request_id,
        "robot": robot,
        "session": 1,
        "policy": policy_digest(SPEC),
        "t_obs_ns": 0,
        "deadline_s": 0.4,
        "seed": 0,
        "arrays": HEADERS,
    }
    return wire.encode(InferRequest(**{**values, **changes}), ARRAYS)


def receive(router, frames, t_ms=0, identity=b"me"):
    return [out.reply for out in router.receive(identity, frames, t_ms * MS)]


def taken(router, t_ms=0):
    batch, refusals = router.take_batch(t_ms * MS)
    return [each.request.id for each in batch], [out.reply.code for out in refusals]


def only_code(replies):
    (reply,) = replies
    assert isinstance(reply, ErrorReply)
    return reply.code


def test_hello_is_answered_with_the_spec(router):
    (reply,) = receive(router, wire.encode(HelloRequest(id=4, robot="a", session=1)))

    assert reply == HelloReply(id=4, spec=SPEC)


def test_a_request_waits_for_its_batch(router):
    assert receive(router, infer(1)) == []

    assert taken(router) == ([1], [])
    assert taken(router) == ([], [])


def test_a_newer_request_of_the_same_robot_supersedes_the_waiting_one(router):
    receive(router, infer(1), identity=b"old")

    (out,) = router.receive(b"new", infer(2), 0)

    assert (out.identity, out.reply.id, out.reply.code) == (b"old", 1, "superseded")
    assert taken(router) == ([2], [])


def test_robots_do_not_supersede_each_other(router):
    receive(router, infer(1, "a"))

    assert receive(router, infer(2, "b")) == []

    assert taken(router) == ([1, 2], [])


def test_a_batch_is_limited_and_the_rest_waits(router):
    for request_id, robot in ((1, "a"), (2, "b"), (3, "c")):
        receive(router, infer(request_id, robot))

    assert taken(router) == ([1, 2], [])
    assert taken(router) == ([3], [])


@pytest.mark.parametrize("changes", [{"steps": 4}, {"sampler": "none"}])
def test_a_batch_has_one_way_to_sample(router, changes):
    receive(router, infer(1, "a"))
    receive(router, infer(2, "b", **changes))

    assert taken(router) == ([1], [])
    assert taken(router) == ([2], [])


@pytest.mark.parametrize(("t_ms", "expected"), [(399, ([1], [])), (400, ([], ["expired"]))])
def test_a_request_expires_by_the_time_since_receipt(router, t_ms, expected):
    receive(router, infer(1))

    assert taken(router, t_ms) == expected


def test_more_robots_than_there_is_room_for_are_refused(router):
    for request_id, robot in ((1, "a"), (2, "b"), (3, "c")):
        receive(router, infer(request_id, robot))

    assert only_code(receive(router, infer(4, "d"))) == "overloaded"
    assert only_code(receive(router, infer(5, "a"))) == "superseded"  # a waiting robot may renew


@pytest.mark.parametrize(("t_ms", "refused"), [(1999, True), (2000, False)])
def test_a_second_client_gets_the_robot_only_after_the_first_fell_silent(router, t_ms, refused):
    receive(router, infer(1, session=1))
    router.take_batch(0)

    replies = receive(router, infer(1, session=2), t_ms)

    assert (replies != []) == refused
    assert not refused or only_code(replies) == "in_use"


def test_the_same_client_keeps_its_robot_by_another_connection(router):
    receive(router, infer(1), identity=b"socket-1")

    (out,) = router.receive(b"socket-2", infer(2), 0)

    assert out.reply.code == "superseded"


def test_hello_takes_the_lease(router):
    receive(router, wire.encode(HelloRequest(id=1, robot="a", session=1)))

    replies = receive(router, wire.encode(HelloRequest(id=1, robot="a", session=2)), 10)

    assert only_code(replies) == "in_use"


def test_another_policy_than_greeted_is_refused(router):
    assert only_code(receive(router, infer(1, policy="0" * 16))) == "wrong_policy"
    assert taken(router) == ([], [])


def test_an_unknown_sampler_is_refused(router):
    assert only_code(receive(router, infer(1, sampler="flow"))) == "bad_request"


def test_a_refused_request_does_not_supersede_a_good_one(router):
    receive(router, infer(1))

    receive(router, infer(2, sampler="flow"))

    assert taken(router) == ([1], [])


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([], "malformed"),
        ([b"\xc1"], "malformed"),
        ([msgpack.packb({"v": 1, "op": "cancel", "id": 6})], "unsupported"),
        ([msgpack.packb({"v": 2, "op": "hello", "id": 6})], "version"),
        ([b"\0" * 70_000], "too_large"),
    ],
)
def test_what_breaks_the_protocol_is_answered_with_a_code(router, frames, code):
    assert only_code(receive(router, frames)) == code


def test_a_refusal_names_the_request_that_it_refuses(router):
    (reply,) = receive(router, [msgpack.packb({"v": 1, "op": "reload", "id": 6})])

    assert reply.id == 6


def test_health_needs_no_lease_and_counts(router):
    receive(router, infer(1))
    receive(router, infer(2))  # supersedes
    batch, _ = router.take_batch(0)
    stages = Stages(queue_s=0.0, decode_s=0.0, infer_s=0.0, total_s=0.0)
    reply = InferReply(id=2, t_obs_ns=0, stages=stages, arrays=())
    router.count([type("Out", (), {"reply": reply})() for _ in batch])
    receive(router, infer(3))

    (health,) = receive(router, wire.encode(HealthRequest(id=9, robot="z", session=5)), 1500)

    assert health == HealthReply(
        id=9, policy="constant", uptime_s=1.5, served_n=1, refused_n=1, waiting_n=1
    )


def test_closing_refuses_all_that_wait(router):
    receive(router, infer(1, "a"))
    receive(router, infer(2, "b"))

    assert [out.reply.code for out in router.close()] == ["shutting_down"] * 2
    assert router.waiting_n == 0


def test_invented_robots_are_forgotten():
    router = Router(SPEC, now_ns=0, lease_s=2.0)
    for number in range(100):
        receive(router, infer(1, f"r{number}"), t_ms=100 * number)

    assert len(router._leases) <= 21


def test_latency_does_not_change_the_policy():
    spec = pusht_spec("constant")
    measured = type(spec)(
        **{
            **{name: getattr(spec, name) for name in spec.__struct_fields__},
            "samplers": (SamplerSpec(name="none", steps=1, latency_s=0.3),),
        }
    )

    assert receive(Router(measured, now_ns=0), infer(1)) == []
