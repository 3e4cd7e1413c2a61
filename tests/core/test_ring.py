"""The ring by one process: order, losses, damage found and survived."""

import random
import struct
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotd.core.errors import CorruptRecordError, RobotdError
from robotd.core.ring import RingReader, RingWriter
from robotd.core.ring_layout import COUNT, HEADER_BYTES, Geometry, checksum, require_x86

SLOTS = 4
SLOT_BYTES = 64
STRIDE = Geometry(slot_bytes=SLOT_BYTES, slots=SLOTS).stride


@pytest.fixture
def path(tmp_path):
    return tmp_path / "arm.ring"


@pytest.fixture
def writer(path):
    with RingWriter.create(path, SLOT_BYTES, SLOTS, first_index=0) as writer:
        yield writer


@pytest.fixture
def reader(path):
    with RingReader(path) as reader:
        yield reader


def poke(path, offset, data):
    """Change bytes of a ring file behind everybody's back."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def slot_offset(index):
    return HEADER_BYTES + index % SLOTS * STRIDE


def test_a_reader_that_is_early_finds_nothing_and_attaches_later(path, reader):
    assert reader.newest() is None
    assert reader.since(-1).records == ()
    assert reader.alive_ns() is None

    with RingWriter.create(path, SLOT_BYTES, SLOTS) as writer:
        index = writer.write(b"first")

        record = reader.newest()
        assert (record.index, record.payload) == (index, b"first")
        assert reader.reopened_n == 0


def test_parts_are_joined(writer, reader):
    writer.write(b"ab", np.arange(4, dtype=np.uint8).reshape(2, 2), b"", np.zeros((0, 3)))

    assert reader.newest().payload == b"ab\x00\x01\x02\x03"


def test_an_empty_record_is_a_record(writer, reader):
    writer.write()

    assert reader.newest().payload == b""


def test_newest_after_the_one_seen_is_none_until_the_next(writer, reader):
    writer.write(b"a")
    seen = reader.newest().index

    assert reader.newest(after=seen) is None

    writer.write(b"b")
    assert reader.newest(after=seen).payload == b"b"


def test_a_record_of_the_slots_size_fits_and_one_byte_more_is_refused(writer, reader):
    writer.write(b"x" * SLOT_BYTES)

    with pytest.raises(ValueError, match=r"arm\.ring: got a record of 65 bytes"):
        writer.write(b"x" * (SLOT_BYTES + 1))

    assert reader.newest().payload == b"x" * SLOT_BYTES


@pytest.mark.parametrize(("slot_bytes", "slots"), [(0, 4), (1 << 29, 4), (64, 1), (64, 1 << 17)])
def test_sizes_out_of_range_are_refused(path, slot_bytes, slots):
    with pytest.raises(ValueError, match="ring: got"):
        RingWriter.create(path, slot_bytes, slots)

    assert list(path.parent.iterdir()) == []


def test_no_half_made_file_stays_where_the_folder_cannot_take_it(tmp_path):
    (tmp_path / "taken").mkdir()

    with pytest.raises(OSError, match="taken"):
        RingWriter.create(tmp_path / "taken", SLOT_BYTES, SLOTS)

    assert [entry.name for entry in tmp_path.iterdir()] == ["taken"]


def test_a_full_memory_is_one_clear_line_and_leaves_nothing():
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    try:
        with pytest.raises(RobotdError, match=r"no room for .* MB .*free some in /dev/shm/"):
            RingWriter.create(folder / "huge.ring", 1 << 28, 1 << 16)

        assert list(folder.iterdir()) == []
    finally:
        folder.rmdir()


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.one_of(st.binary(max_size=SLOT_BYTES), st.none()), max_size=40),
    slots=st.integers(2, 5),
)
def test_since_gives_every_record_once_in_order_or_counts_it_lost(tmp_path_factory, steps, slots):
    """None stands for a look by the reader, bytes for a write."""
    path = tmp_path_factory.mktemp("ring") / "r"
    written, seen, last, lost_n = [], [], -1, 0
    with (
        RingWriter.create(path, SLOT_BYTES, slots, first_index=7) as writer,
        RingReader(path) as reader,
    ):
        for step in [*steps, None]:
            if step is not None:
                written.append((writer.write(step), step))
                continue
            backlog = reader.since(last)
            lost_n += backlog.lost_n
            seen += [(r.index, r.payload) for r in backlog.records]
            last = seen[-1][0] if seen else last

    assert [index for index, _ in seen] == sorted({index for index, _ in seen})
    assert set(seen) <= set(written)
    assert len(seen) + lost_n == len(written)
    assert seen[-slots:] == written[-slots:]


def test_a_restarted_writer_is_followed_and_indexes_keep_growing(path, reader):
    with RingWriter.create(path, SLOT_BYTES, SLOTS) as first:
        first.write(b"old")
        old = reader.newest()
    time.sleep(2e-6)  # indexes start at the microseconds since boot

    with RingWriter.create(path, 2 * SLOT_BYTES, 2 * SLOTS) as second:
        assert reader.newest(after=old.index) is None
        second.write(b"new" * 30)
        new = reader.newest(after=old.index)
        backlog = reader.since(old.index)

    assert new.index > old.index
    assert new.payload == b"new" * 30
    assert (backlog.records, backlog.lost_n) == ((new,), 0)
    assert reader.reopened_n == 1


def test_what_the_old_writer_left_is_read_before_the_new_file(path, reader):
    with RingWriter.create(path, SLOT_BYTES, SLOTS, first_index=0) as first:
        first.write(b"a")
        reader.newest()
        first.write(b"b")
    with RingWriter.create(path, SLOT_BYTES, SLOTS, first_index=100) as second:
        second.write(b"c")

        first_look = reader.since(0)
        second_look = reader.since(1)

    assert [r.payload for r in first_look.records] == [b"b"]
    assert [r.payload for r in second_look.records] == [b"c"]


def test_the_last_record_stays_readable_when_the_file_is_gone(path, writer, reader):
    writer.write(b"last")
    reader.newest()
    path.unlink()

    assert reader.newest().payload == b"last"
    assert reader.newest(after=0) is None


def test_a_writer_killed_while_writing_leaves_the_record_before(path, writer, reader):
    writer.write(b"whole")
    poke(path, slot_offset(1), struct.pack("=Q", 2 * 1 + 1) + b"\xff" * 20)

    assert reader.newest().payload == b"whole"
    assert [r.payload for r in reader.since(-1).records] == [b"whole"]


@pytest.mark.parametrize("byte", [8, 12, 16, 20])  # length, CRC, payload
def test_a_damaged_record_is_counted_once_and_the_one_before_returned(path, writer, reader, byte):
    writer.write(b"good")
    writer.write(b"spoilt")
    poke(path, slot_offset(1) + byte, b"\xa5")

    assert [reader.newest().payload, reader.newest().payload] == [b"good", b"good"]
    assert reader.corrupt_n == 1
    backlog = reader.since(-1)
    assert ([r.payload for r in backlog.records], backlog.lost_n) == ([b"good"], 1)


def test_who_asks_after_what_was_looked_at_counts_a_damaged_record_once(path, writer, reader):
    for payload in (b"good", b"spoilt"):
        writer.write(payload)
    poke(path, slot_offset(1) + 16, b"\xa5")

    first = reader.since(-1)
    writer.write(b"next")
    second = reader.since(first.upto)

    assert (first.lost_n, first.upto) == (1, 1)
    assert ([r.payload for r in second.records], second.lost_n, second.upto) == ([b"next"], 0, 2)


def test_the_newest_index_is_known_without_reading_and_follows_a_restart(path, reader):
    assert reader.newest_index() == -1
    with RingWriter.create(path, SLOT_BYTES, SLOTS, first_index=5) as first:
        assert reader.newest_index() == 4
        first.write(b"a")
        assert reader.newest_index() == 5
    with RingWriter.create(path, SLOT_BYTES, SLOTS, first_index=90) as second:
        second.write(b"b")

        assert reader.newest_index() == 90


@pytest.mark.parametrize("count", [0, 3, 999, (1 << 64) - 1])
def test_a_damaged_count_hides_nothing_for_longer_than_one_record(path, writer, reader, count):
    for payload in (b"a", b"b", b"c", b"d", b"e"):
        writer.write(payload)
    poke(path, COUNT * 8, struct.pack("=Q", count))

    record, backlog = reader.newest(), reader.since(3)
    writer.write(b"f")

    assert record is None or record.payload in (b"c", b"e")
    assert [r.payload for r in backlog.records] in ([], [b"e"])
    assert reader.newest().payload == b"f"


def test_a_replaced_file_is_followed_even_where_the_old_one_was_damaged(path, reader):
    with RingWriter.create(path, SLOT_BYTES, SLOTS, first_index=0) as first:
        first.write(b"a")
        reader.newest()
    poke(path, COUNT * 8, struct.pack("=Q", 1 << 60))
    with RingWriter.create(path, SLOT_BYTES, SLOTS, first_index=50) as second:
        second.write(b"b")

        assert reader.newest(after=0).payload == b"b"


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_random_damage_never_brings_up_bytes_that_were_not_written(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("ring") / "r"
    payloads = [bytes([i]) * (10 + i) for i in range(7)]
    with (
        RingWriter.create(path, SLOT_BYTES, SLOTS, first_index=0) as writer,
        RingReader(path) as reader,
    ):
        for payload in payloads:
            writer.write(payload)
        reader.newest()
        size = path.stat().st_size
        for _ in range(data.draw(st.integers(1, 4))):
            junk = data.draw(st.binary(min_size=1, max_size=24))
            poke(path, data.draw(st.integers(0, size - len(junk))), junk)

        newest, backlog = reader.newest(), reader.since(-1)

    for record in [*backlog.records, *([newest] if newest else [])]:
        assert record.payload == payloads[record.index]


@pytest.mark.parametrize("content", [b"", b"junk", b"\0" * 4096, b"robotd-r" + b"\xff" * 200])
def test_a_foreign_file_is_refused_with_its_name(path, reader, content):
    path.write_bytes(content)

    with pytest.raises(CorruptRecordError, match=r"arm\.ring"):
        reader.newest()


def test_a_file_cut_short_is_refused(path, writer, reader):
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 64)

    with pytest.raises(CorruptRecordError, match="expected 640; restart its writer"):
        reader.newest()


def test_a_header_with_a_flipped_bit_is_refused(path, writer, reader):
    poke(path, 3 * 8, b"\x05")

    with pytest.raises(CorruptRecordError, match="header is damaged"):
        reader.newest()


def test_a_sign_of_life_comes_across_without_a_record(path, writer, reader):
    writer.beat(123_456_789)

    assert reader.alive_ns() == 123_456_789
    assert reader.newest() is None


def test_a_torn_sign_of_life_is_none(path, writer, reader):
    writer.beat(123_456_789)
    poke(path, 9 * 8, struct.pack("=Q", 5))

    assert reader.alive_ns() is None


def test_a_picture_damaged_over_half_its_rows_is_found():
    rng = random.Random(3)
    picture = bytearray(rng.randbytes(921_600))
    before = checksum(bytes(picture), 5)

    for cut in (1, 100_000, 460_800, 900_000, 921_599):
        half_written = bytes(picture[:cut]) + bytes(len(picture) - cut)
        assert checksum(half_written, 5) != before
    assert checksum(bytes(picture), 6) != before
    assert checksum(bytes(picture), 5 + (1 << 40)) != before


def test_other_machines_than_x86_are_refused():
    require_x86("x86_64")

    with pytest.raises(RobotdError, match="needs x86_64, got aarch64"):
        require_x86("aarch64")
