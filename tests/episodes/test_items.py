import contextlib
import dataclasses
import timeit

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from robotd.core.arm_codes import ArmFault, ArmPhase, Limit, PauseCause, Source, Verdict
from robotd.core.errors import DatasetError
from robotd.core.journal import ChunkNote, ChunkUse, EventNote, RequestNote
from robotd.core.types import ArmState, ArmTick, Orders, Plan, Signal, TeleopSample
from robotd.core.world_state import WorldState
from robotd.episodes import items, schemas
from robotd.episodes.unpack import unpack
from tests.episodes.small_episode import arm_tick

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64)
TIMES = st.integers(0, 2**62)
TEXT = st.text(max_size=20)


def arrays(*shape):
    return hnp.arrays(np.float64, shape, elements=FINITE)


STATES = st.builds(
    ArmState,
    t_ns=TIMES,
    q_rad=arrays(6),
    qd_rad_s=arrays(6),
    T_base_tcp=arrays(4, 4),
    safety_bits=st.integers(0, 2047),
    program_running=st.booleans(),
    speed_scaling=FINITE,
    robot_mode=st.integers(-1, 8),
    runtime_state=st.integers(0, 5),
    force_n=arrays(6),
    current_a=arrays(6),
)
TICKS = st.builds(
    ArmTick,
    t_ns=TIMES,
    state=STATES,
    q_cmd_rad=arrays(6),
    T_base_cmd=arrays(4, 4),
    verdict=st.builds(
        Verdict, accepted=st.booleans(), limit=st.sampled_from(Limit), braking=st.booleans()
    ),
    phase=st.sampled_from(ArmPhase),
    fault=st.sampled_from(ArmFault),
    hold=st.sampled_from(PauseCause),
    session=TIMES,
    plan_epoch=st.integers(-1, 2**40),
    source=st.sampled_from(Source),
    refused_epoch=st.integers(-1, 2**40),
    late_ns=st.integers(-(2**40), 2**40),
    skipped_n=st.integers(0, 1000),
)


@st.composite
def orders(draw):
    if draw(st.booleans()):
        return Orders(t_ns=draw(TIMES), session=draw(TIMES), plan=None)
    rows = draw(st.integers(1, 5))
    plan = Plan(
        epoch=draw(st.integers(0, 2**40)),
        t_ns=np.arange(rows, dtype=np.int64) * 1000 + draw(st.integers(0, 2**60)),
        T_base_tcp=draw(arrays(rows, 4, 4)),
        valid_until_ns=draw(TIMES),
        source=draw(st.sampled_from(Source)),
    )
    return Orders(t_ns=draw(TIMES), session=draw(TIMES), plan=plan)


@st.composite
def chunks(draw):
    rows, dim = draw(st.integers(0, 4)), draw(st.integers(1, 4))
    return ChunkNote(
        t_ns=draw(TIMES),
        request_id=draw(TIMES),
        seed=draw(TIMES),
        t_obs_ns=draw(TIMES),
        dt_s=draw(FINITE),
        i0=draw(st.integers(-20, 20)),
        meaning=draw(st.sampled_from(["command", "reached"])),
        dim=dim,
        actions=draw(arrays(rows, dim)).tobytes(),
    )


@st.composite
def signals(draw):
    rows, columns = draw(st.integers(0, 4)), draw(st.integers(1, 4))
    t_ns = np.array(draw(st.lists(TIMES, min_size=rows, max_size=rows)), np.int64)
    return Signal(t_ns=t_ns, value=draw(arrays(rows, columns)))


WORLDS = st.builds(
    WorldState,
    t_ns=TIMES,
    episode=TIMES,
    seed=TIMES,
    step_n=TIMES,
    start_xy_px=arrays(2),
    agent_xy_px=arrays(2),
    tool_height_m=FINITE | st.just(float("inf")),
    block_pose_px=arrays(3),
    coverage=FINITE,
    best_coverage=FINITE,
    best_score=FINITE,
    success=st.booleans(),
)
CASES = {
    "ArmTick": (items.pack_tick, TICKS),
    "Plan": (items.pack_orders, orders()),
    "Chunk": (items.pack_chunk, chunks()),
    "ChunkUse": (
        items.pack_chunk_use,
        st.builds(
            ChunkUse,
            t_ns=TIMES,
            request_id=TIMES,
            rows_n=TIMES,
            first_row=TIMES,
            first_sent_ns=TIMES,
            plan_epoch=st.integers(-1, 2**40),
            dropped=TEXT,
        ),
    ),
    "Request": (
        items.pack_request,
        st.builds(
            RequestNote,
            t_ns=TIMES,
            request_id=TIMES,
            t_obs_ns=TIMES,
            outcome=TEXT,
            round_trip_s=FINITE,
            queue_s=FINITE,
        ),
    ),
    "TeleopSample": (
        items.pack_teleop,
        st.builds(
            TeleopSample,
            t_ns=TIMES,
            deflection=arrays(6),
            buttons=st.frozensets(st.integers(0, 62), max_size=4),
        ),
    ),
    "Signal": (items.pack_signal, signals()),
    "WorldState": (items.pack_world, WORLDS),
    "Event": (items.pack_event, st.builds(EventNote, t_ns=TIMES, name=TEXT, text=TEXT)),
    "Gap": (
        items.pack_gap,
        st.builds(items.Gap, stream=TEXT, count=TIMES, t_from_ns=TIMES, t_to_ns=TIMES, reason=TEXT),
    ),
    "FrameTimes": (
        items.pack_times,
        st.builds(
            items.FrameTimes,
            t_capture_ns=TIMES,
            t_arrival_ns=TIMES,
            t_device_ns=TIMES,
            ring_index=TIMES,
            key=st.booleans(),
            frame_number=TIMES,
        ),
    ),
}


def plain(item):
    """Return an item as plain values, so that arrays compare."""
    if dataclasses.is_dataclass(item):
        return {f.name: plain(getattr(item, f.name)) for f in dataclasses.fields(item)}
    if isinstance(item, np.ndarray):
        return item.shape, item.dtype.str, item.tobytes()
    return item


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_an_item_comes_back_as_it_was(name, data):
    pack, strategy = CASES[name]
    item = data.draw(strategy)

    back = unpack(f"robotd.{name}", pack(item))

    assert type(back) is type(item)
    assert plain(back) == plain(item)


@pytest.mark.parametrize("codec", ["h264", "jpeg", "png"])
@settings(max_examples=20, deadline=None)
@given(t_ns=TIMES, data=st.binary(max_size=40))
def test_a_picture_comes_back_as_it_was(codec, t_ns, data):
    picture = items.Picture(t_capture_ns=t_ns, camera="top", data=data, codec=codec)

    back = unpack(items.picture_schema(codec), items.pack_picture(picture))

    assert back == picture


def test_every_type_of_the_table_is_among_the_cases():
    named = {name for name in schemas.schema_names() if name.startswith("robotd.")}

    assert named == {f"robotd.{name}" for name in CASES}


@pytest.mark.parametrize("schema", schemas.schema_names())
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=80))
def test_whatever_the_bytes_the_answer_is_an_item_or_a_dataset_error(schema, data):
    with contextlib.suppress(DatasetError):
        assert isinstance(unpack(schema, data), items.Item)


@settings(max_examples=100, deadline=None)
@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_changed_bit_of_a_tick_gives_a_tick_or_a_dataset_error(at, bit):
    data = bytearray(items.pack_tick(arm_tick(5_000)))
    data[at % len(data)] ^= 1 << bit
    with contextlib.suppress(DatasetError):
        assert isinstance(unpack("robotd.ArmTick", bytes(data)), ArmTick)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused(value):
    tick = schemas.message_class("robotd.ArmTick").FromString(items.pack_tick(arm_tick(5_000)))
    tick.q_rad[2] = value

    with pytest.raises(DatasetError, match="not finite"):
        unpack("robotd.ArmTick", tick.SerializeToString())


def test_a_type_that_no_episode_holds_is_refused():
    with pytest.raises(DatasetError, match=r"robotd\.Nothing"):
        unpack("robotd.Nothing", b"")


def test_a_foreign_reader_sees_names_of_codes():
    enum = schemas.message_class("robotd.ArmTick").DESCRIPTOR.fields_by_name["phase"].enum_type

    assert enum.values_by_number[ArmPhase.FOLLOWING].name == "ARM_PHASE_FOLLOWING"


def test_a_tick_is_packed_in_less_than_50_microseconds():
    tick = arm_tick(5_000)

    seconds = min(timeit.repeat(lambda: items.pack_tick(tick), number=500, repeat=5)) / 500

    assert seconds < 50e-6
