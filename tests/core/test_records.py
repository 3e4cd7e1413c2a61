"""Bytes of records: what goes in comes out, and no other bytes come through."""

import math
import struct
from dataclasses import fields, is_dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from robotd.core import arm_records, sample_records
from robotd.core.arm_codes import ArmFault, ArmPhase, Limit, PauseCause, Source, Verdict
from robotd.core.errors import CorruptRecordError
from robotd.core.types import (
    MAX_PLAN_ROWS,
    ArmState,
    ArmTick,
    Frame,
    Orders,
    Plan,
    Signal,
    TeleopSample,
)

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def doubles(*shape):
    return hnp.arrays(np.float64, shape, elements=FINITE)


STATES = st.builds(
    ArmState,
    t_ns=INT64,
    q_rad=doubles(6),
    qd_rad_s=doubles(6),
    T_base_tcp=doubles(4, 4),
    safety_bits=INT64,
    program_running=st.booleans(),
    speed_scaling=FINITE,
    robot_mode=INT64,
    runtime_state=INT64,
    force_n=doubles(6),
    current_a=doubles(6),
)
VERDICTS = st.builds(
    Verdict, accepted=st.booleans(), limit=st.sampled_from(Limit), braking=st.booleans()
)
TICKS = st.builds(
    ArmTick,
    t_ns=INT64,
    state=STATES,
    q_cmd_rad=doubles(6),
    T_base_cmd=doubles(4, 4),
    verdict=VERDICTS,
    phase=st.sampled_from(ArmPhase),
    fault=st.sampled_from(ArmFault),
    hold=st.sampled_from(PauseCause),
    session=INT64,
    plan_epoch=INT64,
    late_ns=INT64,
    skipped_n=INT64,
)


@st.composite
def plans(draw):
    times = draw(st.sets(INT64, min_size=1, max_size=12))
    return Plan(
        epoch=draw(INT64),
        t_ns=np.array(sorted(times), np.int64),
        T_base_tcp=draw(doubles(len(times), 4, 4)),
        valid_until_ns=draw(INT64),
        source=Source.POLICY,
    )


ORDERS = st.builds(Orders, t_ns=INT64, session=INT64, plan=st.none() | plans())


@st.composite
def signals(draw):
    rows, columns = draw(st.integers(0, 4)), draw(st.integers(1, 5))
    times = draw(hnp.arrays(np.int64, (rows,)))
    return Signal(t_ns=times, value=draw(doubles(rows, columns)))


@st.composite
def frames(draw):
    shape = draw(st.integers(1, 5)), draw(st.integers(1, 5)), 3
    return Frame(
        t_ns=draw(INT64),
        t_arrival_ns=draw(INT64),
        frame_number=draw(INT64),
        rgb=draw(hnp.arrays(np.uint8, shape)),
    )


TELEOPS = st.builds(
    TeleopSample,
    t_ns=INT64,
    deflection=doubles(6),
    buttons=st.frozensets(st.integers(0, 62)),
)


def pack_frame(frame):
    return b"".join(bytes(part) for part in sample_records.pack_frame(frame))


CODECS = {
    "tick": (TICKS, arm_records.pack_tick, arm_records.unpack_tick),
    "orders": (ORDERS, arm_records.pack_orders, arm_records.unpack_orders),
    "frame": (frames(), pack_frame, sample_records.unpack_frame),
    "signal": (signals(), sample_records.pack_signal, sample_records.unpack_signal),
    "teleop": (TELEOPS, sample_records.pack_teleop, sample_records.unpack_teleop),
}
ALL = pytest.mark.parametrize("kind", CODECS)


def same(a, b):
    """Whether two items are equal, arrays bit by bit."""
    if is_dataclass(a):
        return type(a) is type(b) and all(
            same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a)
        )
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return type(a) is type(b) and a == b


def all_finite(item):
    if is_dataclass(item):
        return all(all_finite(getattr(item, f.name)) for f in fields(item))
    if isinstance(item, np.ndarray):
        return bool(np.isfinite(item).all())
    return not isinstance(item, float) or math.isfinite(item)


@ALL
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_is_packed_comes_back_equal(kind, data):
    items, pack, unpack = CODECS[kind]
    item = data.draw(items)

    assert same(unpack(pack(item)), item)


@ALL
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_changed_bytes_give_a_finite_item_or_one_error(kind, data):
    items, pack, unpack = CODECS[kind]
    raw = bytearray(pack(data.draw(items)))
    for _ in range(data.draw(st.integers(1, 4))):
        junk = data.draw(
            st.binary(min_size=1, max_size=8)
            | st.sampled_from([math.nan, math.inf, -math.inf]).map(lambda x: struct.pack("<d", x))
        )
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + len(junk)] = junk

    try:
        item = unpack(bytes(raw))
    except CorruptRecordError:
        return
    assert all_finite(item)


@ALL
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_random_bytes_behind_the_right_tag_never_crash(kind, data):
    items, pack, unpack = CODECS[kind]
    tag = pack(data.draw(items))[:8]
    raw = data.draw(st.sampled_from([b"", tag])) + data.draw(st.binary(max_size=700))

    try:
        item = unpack(raw)
    except CorruptRecordError:
        return
    assert all_finite(item)


@ALL
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_one_byte_more_or_less_is_refused(kind, data):
    items, pack, unpack = CODECS[kind]
    raw = pack(data.draw(items))

    for wrong in (raw[:-1], raw + b"\0", raw[:4], b""):
        with pytest.raises(CorruptRecordError):
            unpack(wrong)


@ALL
def test_every_record_is_refused_by_the_other_readers(kind):
    frame = pack_frame(Frame(t_ns=1, t_arrival_ns=1, rgb=np.zeros((30, 30, 3), np.uint8)))
    _, _, unpack = CODECS[kind]

    raw = (
        arm_records.pack_orders(Orders(t_ns=1, session=1, plan=None)) if kind == "frame" else frame
    )

    with pytest.raises(CorruptRecordError):
        unpack(raw)


def long_plan(rows):
    return Plan(
        epoch=1,
        t_ns=np.arange(rows),
        T_base_tcp=np.tile(np.eye(4), (rows, 1, 1)),
        valid_until_ns=1,
        source=Source.POLICY,
    )


def test_the_longest_plan_fits():
    raw = arm_records.pack_orders(Orders(t_ns=1, session=1, plan=long_plan(MAX_PLAN_ROWS)))

    assert len(raw) == arm_records.MAX_ORDERS_BYTES
    assert len(arm_records.unpack_orders(raw).plan.t_ns) == MAX_PLAN_ROWS


@pytest.mark.parametrize("rows", [0, -1, MAX_PLAN_ROWS + 1, 1 << 60])
def test_a_number_of_rows_out_of_range_is_refused(rows):
    raw = bytearray(arm_records.pack_orders(Orders(t_ns=1, session=1, plan=long_plan(2))))
    struct.pack_into("<q", raw, 56, rows)

    with pytest.raises(CorruptRecordError, match=r"expected 1 to 512"):
        arm_records.unpack_orders(bytes(raw))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_plan_with_a_value_that_is_not_finite_is_refused(value):
    raw = bytearray(arm_records.pack_orders(Orders(t_ns=1, session=1, plan=long_plan(2))))
    struct.pack_into("<d", raw, len(raw) - 8, value)

    with pytest.raises(CorruptRecordError, match="not finite"):
        arm_records.unpack_orders(bytes(raw))


def test_a_plan_whose_times_do_not_grow_is_refused():
    raw = bytearray(arm_records.pack_orders(Orders(t_ns=1, session=1, plan=long_plan(2))))
    struct.pack_into("<2q", raw, 64, (1 << 63) - 1, -(1 << 63))

    with pytest.raises(CorruptRecordError, match="times that do not increase"):
        arm_records.unpack_orders(bytes(raw))


@pytest.mark.parametrize(("rows", "columns"), [(-1, 1), (0, 0), (0, 1 << 60), (1, 1025)])
def test_a_signal_of_an_impossible_shape_is_refused(rows, columns):
    raw = struct.pack("<4s4x2q", b"SIG1", rows, columns)

    with pytest.raises(CorruptRecordError, match=r"expected \(N, 1 to 1024\)"):
        sample_records.unpack_signal(raw)


def test_sizes_are_those_of_the_bytes():
    frame = Frame(t_ns=1, t_arrival_ns=1, rgb=np.zeros((4, 5, 3), np.uint8))
    signal = Signal(t_ns=np.zeros(2, np.int64), value=np.zeros((2, 3)))

    assert len(pack_frame(frame)) == sample_records.frame_bytes(4, 5)
    assert len(sample_records.pack_signal(signal)) == sample_records.signal_bytes(2, 3)


def test_a_picture_is_handed_over_without_a_copy():
    frame = Frame(t_ns=1, t_arrival_ns=1, rgb=np.zeros((4, 5, 3), np.uint8))

    assert sample_records.pack_frame(frame)[1] is frame.rgb


def test_a_button_beyond_the_mask_is_refused():
    sample = TeleopSample(t_ns=1, deflection=np.zeros(6), buttons=frozenset({63}))

    with pytest.raises(ValueError, match="expected numbers below 63"):
        sample_records.pack_teleop(sample)
