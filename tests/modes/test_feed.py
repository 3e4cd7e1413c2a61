"""The conductor's view of its rings, which the test writes."""

import numpy as np
import pytest

from robotd.core.arm_records import TICK_BYTES, pack_tick, unpack_tick
from robotd.core.clock import MS, MonoNs, S
from robotd.core.ring import RingWriter
from robotd.core.run_files import ARM_RING, WORLD_RING, camera_ring, signal_ring
from robotd.core.sample_records import pack_frame, pack_signal
from robotd.core.types import Frame, Signal
from robotd.core.world_state import WORLD_STATE_BYTES, pack_world_state
from robotd.modes.daemon.feed import Feed, Tail
from robotd.pipeline.recent import KEPT_NS
from robotd.pipeline.request import TOOL_STREAM

BLOCK = "block_pose"


@pytest.fixture
def feed(cell, tmp_path):
    feed = Feed(cell, tmp_path)
    yield feed
    feed.close()


@pytest.fixture
def rings(tmp_path):
    """The rings that the cell's processes would write."""
    writers = {
        "arm": RingWriter.create(tmp_path / ARM_RING, TICK_BYTES, 64),
        "world": RingWriter.create(tmp_path / WORLD_RING, WORLD_STATE_BYTES, 64),
        "block": RingWriter.create(tmp_path / signal_ring(BLOCK), 1024, 64),
        "top": RingWriter.create(tmp_path / camera_ring("top"), 1024, 8),
    }
    yield writers
    for writer in writers.values():
        writer.close()


def block(t_ns, x=0.0):
    return Signal(t_ns=np.array([t_ns]), value=np.array([[x, 0.0, 0.0]]))


def picture(t_ns):
    return Frame(t_ns=MonoNs(t_ns), t_arrival_ns=MonoNs(t_ns), rgb=np.zeros((4, 4, 3), np.uint8))


def test_a_feed_without_any_ring_knows_nothing(feed):
    assert feed.read(MonoNs(0)) == ([], [])
    assert feed.tick is None
    assert feed.world is None
    assert feed.streams() == {}


def test_every_record_comes_once_and_in_order(feed, rings, make_tick, make_world):
    for n in range(5):
        rings["arm"].write(pack_tick(make_tick((n + 1) * MS, late_ns=n)))
        rings["world"].write(pack_world_state(make_world((n + 1) * MS)))

    ticks, worlds = feed.read(MonoNs(5 * MS))

    assert [tick.t_ns for tick in ticks] == [n * MS for n in range(1, 6)]
    assert [state.t_ns for state in worlds] == [n * MS for n in range(1, 6)]
    assert feed.tick.t_ns == feed.world.t_ns == 5 * MS
    assert list(feed.late_ns) == [0, 1, 2, 3, 4]
    assert feed.read(MonoNs(6 * MS)) == ([], [])
    assert feed.tick.t_ns == 5 * MS


def test_states_of_one_controller_cycle_count_once(feed, rings, make_tick):
    for t_ns in (1 * MS, 1 * MS, 2 * MS):
        rings["arm"].write(pack_tick(make_tick(t_ns)))

    feed.read(MonoNs(2 * MS))

    assert feed.streams()[TOOL_STREAM].t_ns.tolist() == [1 * MS, 2 * MS]


def test_signals_of_a_stream_are_joined_in_time(feed, rings):
    for t_ns, x in [(10, 1.0), (20, 2.0), (20, 9.0), (15, 9.0), (30, 3.0)]:
        rings["block"].write(pack_signal(block(t_ns, x)))

    feed.read(MonoNs(30))

    signal = feed.streams()[BLOCK]
    assert signal.t_ns.tolist() == [10, 20, 30]
    assert signal.value[:, 0].tolist() == [1.0, 2.0, 3.0]


def test_pictures_are_read_for_the_watched_cameras_alone(feed, rings):
    rings["top"].write(*pack_frame(picture(1)))
    feed.read(MonoNs(1))
    assert "top" not in feed.streams()

    feed.watch_cameras(frozenset({"top"}))
    feed.read(MonoNs(2))
    assert feed.streams()["top"].rgb.shape == (1, 4, 4, 3)

    feed.watch_cameras(frozenset())
    feed.read(MonoNs(3))
    assert "top" not in feed.streams()


def test_what_is_older_than_any_window_is_forgotten(feed, rings, make_tick):
    feed.watch_cameras(frozenset({"top"}))
    for t_ns in (1 * S, 2 * S):
        rings["arm"].write(pack_tick(make_tick(t_ns)))
        rings["block"].write(pack_signal(block(t_ns)))
        rings["top"].write(*pack_frame(picture(t_ns)))

    feed.read(MonoNs(1 * S + KEPT_NS))
    assert {len(stream.t_ns) for stream in feed.streams().values()} == {2}
    feed.read(MonoNs(1 * S + KEPT_NS + 1))
    assert {len(stream.t_ns) for stream in feed.streams().values()} == {1}
    feed.read(MonoNs(10 * S))
    assert feed.streams() == {}


def test_a_record_that_is_none_is_left_out_and_counted(tmp_path, make_tick):
    with RingWriter.create(tmp_path / "r", TICK_BYTES, 8) as ring:
        tail = Tail(tmp_path / "r", unpack_tick)
        ring.write(b"no tick")
        ring.write(pack_tick(make_tick(5)))

        assert [tick.t_ns for tick in tail.read()] == [5]
        assert (tail.damaged_n, tail.lost_n) == (1, 0)
        tail.close()


def test_what_the_ring_overwrote_is_counted_as_lost(tmp_path, make_tick):
    with RingWriter.create(tmp_path / "r", TICK_BYTES, 4) as ring:
        tail = Tail(tmp_path / "r", unpack_tick)
        for t_ns in range(10):
            ring.write(pack_tick(make_tick(t_ns)))

        assert [tick.t_ns for tick in tail.read()] == [6, 7, 8, 9]
        assert tail.lost_n == 6
        tail.close()


def test_the_ring_of_a_restarted_process_is_followed(feed, rings, tmp_path, make_tick):
    rings["arm"].write(pack_tick(make_tick(1)))
    feed.read(MonoNs(1))
    rings["arm"].close()
    rings["arm"] = RingWriter.create(tmp_path / ARM_RING, TICK_BYTES, 64)
    rings["arm"].write(pack_tick(make_tick(2)))

    ticks, _ = feed.read(MonoNs(2))

    assert [tick.t_ns for tick in ticks] == [2]


def test_a_real_cell_has_no_world(real_cell, tmp_path):
    feed = Feed(real_cell, tmp_path)

    assert feed.read(MonoNs(0)) == ([], [])
    feed.close()
