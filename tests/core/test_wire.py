"""The wire format: what goes in comes out, and each limit holds just inside and just outside."""

import dataclasses

import msgpack
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from robotd.core import wire
from robotd.core.errors import WireError
from robotd.core.image import ImageSpec
from robotd.core.spec import ObsFeature, PolicySpec, SamplerSpec
from robotd.core.wire_arrays import (
    ArrayLayout,
    action_layouts,
    describe_arrays,
    observation_layouts,
)
from robotd.core.wire_structs import (
    ArrayHeader,
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

SPEC = PolicySpec(
    name="pusht",
    observation=(
        ObsFeature(key="agent_xy", shape=(2,), dtype="float32", unit="px"),
        ObsFeature(
            key="top",
            shape=(8, 8, 3),
            dtype="uint8",
            unit="RGB",
            image=ImageSpec(height=8, width=8),
        ),
    ),
    n_obs_steps=2,
    dt_s=0.1,
    horizon=15,
    n_action_steps=8,
    action_dim=2,
    action_space="board_xy",
    action_unit="px",
    meaning="command",
    samplers=(SamplerSpec(name="ddim", steps=10),),
)
LAYOUTS = observation_layouts(SPEC)
IDS = st.integers(0, 2**63 - 1)
ROBOTS = st.from_regex(r"\A[a-z0-9][a-z0-9_-]{0,31}\Z")
FLOATS = hnp.arrays(np.float32, (2, 2), elements=st.floats(-1e6, 1e6, width=32))
IMAGES = hnp.arrays(np.uint8, (2, 8, 8, 3))


def infer_frames(agent_xy, top, **changes):
    headers, arrays = describe_arrays({"agent_xy": agent_xy, "top": top}, LAYOUTS)
    values = {
        "id": 1,
        "robot": "mock",
        "session": 2,
        "policy": "abc",
        "t_obs_ns": 3,
        "deadline_s": 0.4,
        "seed": 5,
        "arrays": headers,
    }
    return wire.encode(InferRequest(**{**values, **changes}), arrays)


def blank_frames(**changes):
    return infer_frames(np.zeros((2, 2), np.float32), np.zeros((2, 8, 8, 3), np.uint8), **changes)


def packed(**fields):
    return msgpack.packb({"v": 1, "op": "hello", "id": 1, "robot": "a", "session": 1, **fields})


@given(FLOATS, IMAGES, IDS, IDS, ROBOTS, st.floats(1e-6, 60.0))
def test_a_request_survives_the_round_trip(agent_xy, top, request_id, seed, robot, deadline_s):
    frames = infer_frames(
        agent_xy, top, id=request_id, seed=seed, robot=robot, deadline_s=deadline_s
    )

    request = wire.decode_request([bytes(frame) for frame in frames])
    arrays = wire.read_arrays(request.arrays, frames[1:], LAYOUTS)

    assert (request.id, request.seed, request.robot) == (request_id, seed, robot)
    assert request.deadline_s == deadline_s
    np.testing.assert_array_equal(arrays["agent_xy"], agent_xy)
    np.testing.assert_array_equal(arrays["top"], top)


@given(hnp.arrays(np.float32, (15, 2), elements=st.floats(-1e6, 1e6, width=32)), IDS)
def test_an_answer_survives_the_round_trip(actions, reply_id):
    headers, arrays = describe_arrays({"actions": actions}, action_layouts(SPEC))
    stages = Stages(queue_s=0.1, decode_s=0.0, infer_s=0.2, total_s=0.3)
    frames = wire.encode(InferReply(id=reply_id, t_obs_ns=7, stages=stages, arrays=headers), arrays)

    reply = wire.decode_reply(frames)

    assert reply == InferReply(id=reply_id, t_obs_ns=7, stages=stages, arrays=headers)
    read = wire.read_arrays(reply.arrays, frames[1:], action_layouts(SPEC))
    np.testing.assert_array_equal(read["actions"], actions)


@pytest.mark.parametrize(
    "header",
    [HelloRequest(id=1, robot="a", session=2), HealthRequest(id=2**63 - 1, robot="b-1", session=0)],
)
def test_small_requests_survive_the_round_trip(header):
    assert wire.decode_request(wire.encode(header)) == header


@pytest.mark.parametrize(
    "header",
    [
        HelloReply(id=1, spec=SPEC),
        HealthReply(id=1, policy="p", uptime_s=1.5, served_n=1, refused_n=2, waiting_n=3),
        ErrorReply(id=1, code="expired", message="too late"),
    ],
)
def test_small_replies_survive_the_round_trip(header):
    assert wire.decode_reply(wire.encode(header)) == header


def test_arrays_are_read_only_views_of_the_frames():
    frames = blank_frames()

    arrays = wire.read_arrays(wire.decode_request(frames).arrays, frames[1:], LAYOUTS)

    assert not arrays["top"].flags.writeable
    assert np.shares_memory(arrays["top"], np.frombuffer(frames[2], np.uint8))


def test_a_strided_array_is_sent_in_its_logical_order():
    agent_xy = np.arange(8, dtype=np.float32).reshape(2, 4)[:, ::2]

    frames = infer_frames(agent_xy, np.zeros((2, 8, 8, 3), np.uint8))

    arrays = wire.read_arrays(wire.decode_request(frames).arrays, frames[1:], LAYOUTS)
    np.testing.assert_array_equal(arrays["agent_xy"], [[0, 2], [4, 6]])


@pytest.mark.parametrize("op", ["cancel", "reload"])
def test_reserved_operations_are_unsupported_rather_than_malformed(op):
    with pytest.raises(WireError, match=op) as caught:
        wire.decode_request([packed(op=op)])
    assert caught.value.code == "unsupported"


def test_another_protocol_version_is_named_with_both_versions():
    with pytest.raises(WireError, match="got 2, expected 1") as caught:
        wire.decode_request([packed(v=2)])
    assert caught.value.code == "version"


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"op": "secret"}, r"\$\.op"),
        ({"secret": 1}, r"\$"),
        ({"id": -1}, r"\$\.id"),
        ({"id": 2**63}, r"\$\.id"),
        ({"id": 1.0}, r"\$\.id"),
        ({"id": True}, r"\$\.id"),
        ({"robot": "UPPER secret"}, r"\$\.robot"),
        ({"robot": ""}, r"\$\.robot"),
        ({"robot": b"a"}, "limits"),
        ({"v": True}, r"\$\.v"),
        ({"v": "1"}, r"\$\.v"),
        ({"op": ["hello"]}, r"\$\.op"),
    ],
)
def test_a_header_off_the_schema_is_refused_without_repeating_it(fields, where):
    with pytest.raises(WireError, match=where) as caught:
        wire.decode_request([packed(**fields)])
    assert caught.value.code == "malformed"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("deadline_s", [0.0, -1.0, 60.1, float("nan"), float("inf")])
def test_a_deadline_outside_its_range_is_refused(deadline_s):
    with pytest.raises(WireError, match="deadline_s"):
        wire.decode_request(blank_frames(deadline_s=deadline_s))


@pytest.mark.parametrize("size", [wire.MAX_HEADER_BYTES, wire.MAX_HEADER_BYTES + 1])
def test_the_header_limit_is_checked_before_unpacking(size):
    junk = b"\xc1" * size  # 0xc1 is never valid msgpack

    with pytest.raises(WireError) as caught:
        wire.unpack_header(junk)

    assert caught.value.code == ("malformed" if size == wire.MAX_HEADER_BYTES else "too_large")


def test_the_frame_limit_holds_just_inside_and_just_outside():
    frames = blank_frames()
    inside = [frames[0], bytes(wire.MAX_FRAME_BYTES), frames[2]]
    outside = [frames[0], bytes(wire.MAX_FRAME_BYTES + 1), frames[2]]

    assert isinstance(wire.decode_request(inside), InferRequest)
    with pytest.raises(WireError) as caught:
        wire.decode_request(outside)
    assert caught.value.code == "too_large"


@pytest.mark.parametrize("frames", [[], [b""] * 18])
def test_the_number_of_frames_is_limited(frames):
    with pytest.raises(WireError, match="frames") as caught:
        wire.decode_request(frames)
    assert caught.value.code == "malformed"


@pytest.mark.parametrize("change", [lambda frames: frames[:-1], lambda frames: [*frames, b"x"]])
def test_frames_and_descriptors_have_to_agree_in_number(change):
    with pytest.raises(WireError, match="array frames"):
        wire.decode_request(change(blank_frames()))


def test_a_hello_with_an_array_frame_is_refused():
    with pytest.raises(WireError, match="array frames"):
        wire.decode_request([packed(), b"extra"])


def header(name="agent_xy", dtype="float32", shape=(2, 2), codec="raw"):
    return ArrayHeader(name=name, dtype=dtype, shape=shape, codec=codec)


AGENT = {"agent_xy": ArrayLayout(dtype="float32", shape=(2, 2))}


@pytest.mark.parametrize(
    ("headers", "frames", "code"),
    [
        ([header(shape=(2, 3))], [bytes(24)], "mismatch"),
        ([header(shape=(4,))], [bytes(16)], "mismatch"),
        ([header(dtype="uint8")], [bytes(4)], "mismatch"),
        ([header()], [bytes(15)], "mismatch"),
        ([header()], [bytes(17)], "mismatch"),
        ([header(name="other")], [bytes(16)], "mismatch"),
        ([], [], "mismatch"),
        ([header(), header()], [bytes(16)] * 2, "mismatch"),
        ([header(), header(name="other")], [bytes(16)] * 2, "mismatch"),
        ([header()], [], "mismatch"),
        ([header(codec="jpeg")], [bytes(16)], "unsupported"),
        ([header()], [np.array([1, 2, np.nan, 4], "<f4").tobytes()], "not_finite"),
        ([header()], [np.array([1, 2, 3, -np.inf], "<f4").tobytes()], "not_finite"),
    ],
)
def test_arrays_off_the_spec_are_refused(headers, frames, code):
    with pytest.raises(WireError) as caught:
        wire.read_arrays(headers, frames, AGENT)
    assert caught.value.code == code


@pytest.mark.parametrize("index", list(np.ndindex(2, 2)))
def test_one_value_that_is_not_finite_is_not_even_sent(index):
    agent_xy = np.zeros((2, 2), np.float32)
    agent_xy[index] = np.nan

    with pytest.raises(WireError, match="agent_xy") as caught:
        describe_arrays({"agent_xy": agent_xy}, AGENT)
    assert caught.value.code == "not_finite"


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"agent_xy": np.zeros((2, 2), np.float64)},
        {"agent_xy": np.zeros((2, 3), np.float32)},
        {"agent_xy": np.zeros((2, 2), np.float32), "more": np.zeros(1, np.float32)},
    ],
)
def test_what_does_not_fit_the_spec_is_not_even_sent(arrays):
    with pytest.raises(WireError) as caught:
        describe_arrays(arrays, AGENT)
    assert caught.value.code == "mismatch"


def test_a_header_that_is_too_large_is_not_even_sent():
    with pytest.raises(WireError) as caught:
        wire.pack_header(ErrorReply(id=1, code="expired", message="x" * wire.MAX_HEADER_BYTES))
    assert caught.value.code == "too_large"


def test_the_id_of_a_refused_request_is_salvaged():
    assert wire.salvage_id([packed(op="secret", id=77)]) == 77


@pytest.mark.parametrize("frames", [[], [b"\xc1"], [packed(id="x")], [packed(id=-3)], [b"\x90"]])
def test_no_id_is_salvaged_from_garbage(frames):
    assert wire.salvage_id(frames) == 0


def test_the_digest_tells_policies_apart_but_ignores_latency():
    slower = msgspec.structs.replace(
        SPEC, samplers=(SamplerSpec(name="ddim", steps=10, latency_s=0.5),)
    )
    longer = msgspec.structs.replace(SPEC, horizon=16)

    assert policy_digest(slower) == policy_digest(SPEC)
    assert policy_digest(longer) != policy_digest(SPEC)


def test_layouts_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        AGENT["agent_xy"].shape = (1,)
