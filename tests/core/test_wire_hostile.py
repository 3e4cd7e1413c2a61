"""Whatever bytes come in, decoding ends in a value or a `WireError`, soon and in little memory."""

import time
import tracemalloc

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robotd.core import wire
from robotd.core.errors import WireError
from robotd.core.wire_arrays import ArrayLayout, describe_arrays
from robotd.core.wire_structs import InferReply, InferRequest, Stages

LAYOUTS = {"agent_xy": ArrayLayout(dtype="float32", shape=(2, 2))}
HEADERS, ARRAYS = describe_arrays({"agent_xy": np.ones((2, 2), np.float32)}, LAYOUTS)
REQUEST = wire.encode(
    InferRequest(
        id=1,
        robot="mock",
        session=2,
        policy="abc",
        t_obs_ns=3,
        deadline_s=0.4,
        seed=5,
        arrays=HEADERS,
    ),
    ARRAYS,
)
REPLY = wire.encode(
    InferReply(
        id=1,
        t_obs_ns=3,
        stages=Stages(queue_s=0.0, decode_s=0.0, infer_s=0.1, total_s=0.1),
        arrays=HEADERS,
    ),
    ARRAYS,
)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=9)
    | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=20,
)
FIELDS = st.sampled_from(
    ["v", "op", "id", "robot", "session", "policy", "t_obs_ns", "deadline_s", "seed", "arrays"]
)


def decode_wholly(frames):
    """Decode as both sides would; every fault has to be a `WireError` of one short line."""
    sentences = []
    for decode in (wire.decode_request, wire.decode_reply):
        try:
            header = decode(frames)
            if isinstance(header, InferRequest | InferReply):
                arrays = wire.read_arrays(header.arrays, frames[1:], LAYOUTS)
                assert all(np.isfinite(array).all() for array in arrays.values())
        except WireError as error:
            sentences.append(str(error))
    assert all("\n" not in sentence and len(sentence) < 250 for sentence in sentences)
    assert 0 <= wire.salvage_id(frames) < 2**63


@given(st.lists(st.binary(max_size=300), max_size=4))
def test_random_bytes_end_in_a_wire_error(frames):
    decode_wholly(frames)


@given(st.sampled_from([REQUEST, REPLY]), st.data())
def test_flipped_bits_end_in_a_value_or_a_wire_error(message, data):
    frames = [bytearray(frame) for frame in message]
    for _ in range(data.draw(st.integers(1, 4))):
        frame = data.draw(st.sampled_from(frames))
        bit = data.draw(st.integers(0, len(frame) * 8 - 1))
        frame[bit // 8] ^= 1 << bit % 8
    decode_wholly(frames)


@given(st.sampled_from([REQUEST, REPLY]), st.data())
def test_truncated_messages_end_in_a_wire_error(message, data):
    frames = [bytes(frame) for frame in message]
    index = data.draw(st.integers(0, len(frames) - 1))
    frames[index] = frames[index][: data.draw(st.integers(0, len(frames[index]) - 1))]
    decode_wholly(frames)


@given(FIELDS, PLAIN)
def test_any_value_in_any_field_ends_in_a_value_or_a_wire_error(field, value):
    fields = msgpack.unpackb(bytes(REQUEST[0]))
    fields[field] = value
    decode_wholly([msgpack.packb(fields), *REQUEST[1:]])


@given(PLAIN)
def test_any_msgpack_at_all_ends_in_a_value_or_a_wire_error(value):
    decode_wholly([msgpack.packb(value)])


BOMBS = {
    "deep arrays": b"\x91" * (wire.MAX_HEADER_BYTES - 1) + b"\xc0",
    "deep maps": b"\x81\xa1a" * (wire.MAX_HEADER_BYTES // 3),
    "a string of 4 GiB": b"\xdb\xff\xff\xff\xff",
    "an array of 4 billion": b"\xdd\xff\xff\xff\xff",
    "a map of 4 billion": b"\xdf\xff\xff\xff\xff",
    "bytes of 4 GiB": b"\xc6\xff\xff\xff\xff",
    "an extension of 4 GiB": b"\xc9\xff\xff\xff\xff\x01",
    "a timestamp": b"\xd6\xff\x00\x00\x00\x01",
    "an empty extension": b"\xc7\x00\x05",
    "many empty maps": b"\xdd\x00\x00\xff\xf0" + b"\x80" * 65_520,
    "nested full arrays": b"\xdc\x01\x00" + (b"\xdc\x00\xff" + b"\x80" * 255) * 253,
    "bytes as a key": b"\x81\xc4\x02op\xc0",
    "a number as a key": b"\x81\x01\xc0",
    "text that is not UTF-8": b"\x81\xa2op\xa1\xff",
    "trailing bytes": bytes(REQUEST[0]) + b"\x00",
    "never valid": b"\xc1",
    "nothing": b"",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_in_bounded_time_and_memory(name):
    start_s = time.thread_time()
    decode_wholly([BOMBS[name]])
    spent_s = time.thread_time() - start_s

    tracemalloc.start()
    decode_wholly([BOMBS[name]])
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert spent_s < 0.5  # of processor time; about 10 ms on an idle machine
    assert peak_bytes < 50 * 1024 * 1024


def test_a_shape_that_claims_much_reserves_nothing():
    fields = msgpack.unpackb(bytes(REQUEST[0]))
    fields["arrays"][0]["shape"] = [2**24] * 6
    frames = [msgpack.packb(fields), *REQUEST[1:]]
    header = wire.decode_request(frames)

    with pytest.raises(WireError) as caught:
        wire.read_arrays(header.arrays, frames[1:], LAYOUTS)
    assert caught.value.code == "mismatch"
