"""Following rings: nothing twice, nothing silently lost, from any instant of the last seconds."""

import struct
import threading

import pytest

from robotd.core.clock import MS, FakeClock, MonoNs, S
from robotd.core.errors import CorruptRecordError
from robotd.core.ring import RingWriter
from robotd.core.ring_layout import HEADER_BYTES, Geometry
from robotd.episodes.recorder.follow import KEPT_NS, Follower, Place

SLOTS = 8
STREAM = "/arm"


def unpack(data):
    if len(data) != 8:
        raise CorruptRecordError("not a number")
    return struct.unpack("<q", data)[0]


def log_ns(value):
    return MonoNs(value)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "arm.ring"


@pytest.fixture
def ring(path):
    with RingWriter.create(path, 8, SLOTS, first_index=100) as ring:
        yield ring


def write(ring, *values):
    for value in values:
        ring.write(struct.pack("<q", value))


def keep(place, t_ns):
    place.keep(FakeClock(MonoNs(t_ns)))


def follow(place, begin_ns, log_ns=log_ns, **more):
    return Follower(STREAM, place, unpack, log_ns, begin_ns=MonoNs(begin_ns), **more)


def values(arrivals):
    return [arrival.item for arrival in arrivals]


def test_an_episode_that_began_a_moment_ago_has_what_came_since(path, ring):
    place = Place(path)
    for now in range(0, 60, 10):
        write(ring, now + 1, now + 2)
        keep(place, now + 9)

    arrivals, gap = follow(place, 31).read(MonoNs(60))

    assert values(arrivals) == [31, 32, 41, 42, 51, 52]
    assert gap is None


def test_what_comes_later_comes_once(path, ring):
    place = Place(path)
    keep(place, 0)
    follower = follow(place, 1)
    write(ring, 1, 2)
    assert values(follower.read(MonoNs(3))[0]) == [1, 2]

    assert follower.read(MonoNs(4)) == ([], None)
    write(ring, 5)
    assert values(follower.read(MonoNs(6))[0]) == [5]


def test_what_the_ring_lost_is_counted_exactly_and_placed_between_its_neighbours(path, ring):
    place = Place(path)
    keep(place, 0)
    follower = follow(place, 1)
    write(ring, 1, 2)
    follower.read(MonoNs(2))
    write(ring, *range(3, 3 + SLOTS + 5))

    arrivals, gap = follower.read(MonoNs(50))

    assert values(arrivals) == list(range(8, 16))
    assert (gap.stream, gap.count, gap.t_from_ns, gap.t_to_ns) == (STREAM, 5, 2, 8)
    assert "overwritten" in gap.reason


def test_what_was_lost_before_the_episode_began_is_no_gap(path, ring):
    place = Place(path)
    write(ring, *range(1, 50))
    keep(place, 50)

    arrivals, gap = follow(place, 51).read(MonoNs(52))

    assert (arrivals, gap) == ([], None)


def test_a_damaged_record_is_a_gap_of_one_told_once(path, ring):
    place = Place(path)
    keep(place, 0)
    follower = follow(place, 1)
    write(ring, 1, 2)
    stride = Geometry(slot_bytes=8, slots=SLOTS).stride
    with path.open("r+b") as file:
        file.seek(HEADER_BYTES + 101 % SLOTS * stride + 16)
        file.write(b"\xa5")

    arrivals, gap = follower.read(MonoNs(3))

    assert (values(arrivals), gap.count) == ([1], 1)
    assert follower.read(MonoNs(4)) == ([], None)


def test_a_record_that_is_no_item_is_a_gap(path, ring):
    place = Place(path)
    keep(place, 0)
    follower = follow(place, 1)
    ring.write(b"no")
    write(ring, 7)

    arrivals, gap = follower.read(MonoNs(8))

    assert (values(arrivals), gap.count) == ([7], 1)


def test_a_restarted_writer_is_followed_without_a_gap(path, ring):
    place = Place(path)
    keep(place, 0)
    follower = follow(place, 1)
    write(ring, 1)
    follower.read(MonoNs(1))
    write(ring, 2)
    with RingWriter.create(path, 8, SLOTS, first_index=10_000) as second:
        write(second, 3, 4)

        read = [follower.read(MonoNs(5)) for _ in range(3)]

    assert [values(arrivals) for arrivals, _ in read] == [[2], [3, 4], []]
    assert [gap for _, gap in read] == [None] * 3


def test_a_writer_that_starts_in_the_middle_is_followed_from_its_first_record(path):
    place = Place(path)
    keep(place, 0)
    follower = follow(place, 1)
    assert follower.read(MonoNs(1)) == ([], None)
    with RingWriter.create(path, 8, SLOTS) as ring:
        write(ring, 2, 3)

        assert values(follower.read(MonoNs(4))[0]) == [2, 3]


def test_a_file_that_is_no_ring_gives_nothing_until_it_is_one(path):
    path.write_bytes(b"x" * 4096)
    place = Place(path)
    keep(place, 0)
    follower = follow(place, 1)
    assert follower.read(MonoNs(1)) == ([], None)

    with RingWriter.create(path, 8, SLOTS) as ring:
        write(ring, 2)

        assert values(follower.read(MonoNs(3))[0]) == [2]


def test_an_item_without_its_own_arrival_has_the_instant_at_which_it_was_seen(path, ring):
    place = Place(path)
    for now in (10, 20, 30):
        write(ring, now)
        keep(place, now)
    follower = follow(place, 20, log_ns=None)

    assert [a.t_ns for a in follower.read(MonoNs(40))[0]] == [20, 30]
    write(ring, 41)
    assert [a.t_ns for a in follower.read(MonoNs(44))[0]] == [44]


def test_the_instants_at_which_items_were_seen_never_go_back(path, ring):
    place = Place(path)
    keep(place, 10)
    follower = follow(place, 10, log_ns=None)
    write(ring, 1)
    [first], _ = follower.read(MonoNs(30))
    write(ring, 2)
    keep(place, 20)  # looked at before the follower did, and noted after
    [second], _ = follower.read(MonoNs(40))

    assert (first.t_ns, second.t_ns) == (30, 30)


def test_the_journal_is_followed_behind_a_note_whatever_its_times(path, ring):
    place = Place(path)
    write(ring, 50, 40, 30)

    arrivals, _ = follow(place, 45, after=100).read(MonoNs(60))

    assert values(arrivals) == [40, 30]


def test_places_are_kept_for_some_seconds_and_cost_no_more(path, ring):
    place = Place(path)
    for step in range(1000):
        write(ring, step)
        keep(place, step * 10 * MS)

    assert place.before(MonoNs(10 * S - KEPT_NS)) == 100 + 599
    assert len(place._marks) <= KEPT_NS // (10 * MS) + 2


def test_a_place_is_kept_by_one_thread_while_another_asks(tmp_path):
    path = tmp_path / "ring"
    with RingWriter.create(path, 16, 8):
        place = Place(path)
        stop = threading.Event()

        def keep_on():
            now = 0
            while not stop.is_set():
                now += KEPT_NS // 100
                keep(place, now)

        keeper = threading.Thread(target=keep_on)
        keeper.start()
        try:
            for _ in range(20_000):
                place.seen_ns(1 << 60)
        finally:
            stop.set()
            keeper.join()
        place.close()


def test_what_comes_while_a_place_is_looked_at_is_not_skipped(path, ring):
    class HeldUp:
        def now(self):
            write(ring, 25)
            return MonoNs(20)

    place = Place(path)
    place.keep(HeldUp())

    assert values(follow(place, 21).read(MonoNs(30))[0]) == [25]


def test_what_is_read_no_more_is_one_gap(path, ring):
    place = Place(path)
    keep(place, 0)
    follower = follow(place, 1)
    write(ring, 1, 2)
    follower.read(MonoNs(3))
    write(ring, *range(3, 3 + SLOTS + 5))

    gap = follower.unread(MonoNs(50), "broken")

    assert (gap.count, gap.t_from_ns, gap.t_to_ns, gap.reason) == (SLOTS + 5, 2, 50, "broken")
    assert follower.unread(MonoNs(60), "broken") is None
