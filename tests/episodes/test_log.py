import contextlib
import errno
import os
import subprocess
import sys

import numpy as np
import pytest
from mcap.reader import make_reader
from mcap_protobuf.decoder import DecoderFactory

from robotd.core.clock import MonoNs
from robotd.core.errors import DatasetError
from robotd.core.journal import EventNote
from robotd.episodes import topics
from robotd.episodes.episode_file import Origin, sha256_of
from robotd.episodes.items import pack_event, pack_tick
from robotd.episodes.log import EpisodeLog, LogReader
from robotd.episodes.mcap_file import cut
from robotd.episodes.salvage import Salvage
from robotd.episodes.unpack import unpack
from tests.episodes.small_episode import T0_NS, arm_tick, origin, write_log

ID = "20260101-000000-abcd"


def begin(path, **settings):
    return EpisodeLog.create(path, about={"id": ID}, attachments={}, t_ns=MonoNs(T0_NS), **settings)


def test_what_was_written_is_read_in_that_order(tmp_path):
    path = tmp_path / "episode.mcap"

    log = write_log(path, ID, ticks=8, frames=3)

    reader = LogReader(path)
    found = list(reader.messages())
    counts = {topic: sum(m.topic == topic for m in found) for topic in log.counts}
    assert counts == log.counts
    assert counts["/arm"] == 8
    assert [m.t_log_ns for m in found] == sorted(m.t_log_ns for m in found)
    ticks = [unpack(m.schema, m.data) for m in found if m.topic == topics.ARM]
    assert [tick.t_ns for tick in ticks] == [m.t_log_ns for m in found if m.topic == topics.ARM]


def test_one_topic_is_read_alone(tmp_path):
    path = tmp_path / "episode.mcap"
    write_log(path, ID)

    found = list(LogReader(path).messages([topics.ARM]))

    assert {m.topic for m in found} == {topics.ARM}
    assert {m.schema for m in found} == {"robotd.ArmTick"}


def test_topics_without_a_message_are_known_too(tmp_path):
    path = tmp_path / "episode.mcap"
    write_log(path, ID)

    assert LogReader(path).topics()[topics.TELEOP] == "robotd.TeleopSample"


def test_the_beginning_says_which_episode_it_is(tmp_path):
    path = tmp_path / "episode.mcap"
    write_log(path, ID)

    opening = LogReader(path).opening

    assert Origin.from_metadata(opening.about) == origin(ID)
    assert opening.attachments == {"cell.json": b'{"name": "mock"}'}


def test_messages_that_belong_together_are_in_one_chunk(tmp_path):
    path = tmp_path / "episode.mcap"
    log = begin(path)
    log.add_topic("/a", "robotd.Event")
    log.add_topic("/b", "robotd.Event")
    for n in range(300):
        log.write_together([("/a", b"x" * (9000 + n)), ("/b", b"y" * 9000)], T0_NS + n, T0_NS + n)
    log.finish()

    blocks = [[message.topic for message in block] for block in Salvage(path)]

    assert len(blocks) >= 5
    assert all(block == ["/a", "/b"] * (len(block) // 2) for block in blocks)
    assert sum(len(block) for block in blocks) == 600


def test_size_and_checksum_are_those_of_the_file(tmp_path):
    path = tmp_path / "episode.mcap"

    log = write_log(path, ID)

    assert log.size_bytes == path.stat().st_size
    assert log.sha256 == sha256_of(path)


def test_the_public_reader_reads_everything(tmp_path):
    path = tmp_path / "episode.mcap"
    log = write_log(path, ID, ticks=8, frames=3)

    with path.open("rb") as file:
        reader = make_reader(file, validate_crcs=True, decoder_factories=[DecoderFactory()])
        found = list(reader.iter_decoded_messages())
        summary = reader.get_summary()
        (attachment,) = reader.iter_attachments()
        metadata = {record.name: record.metadata for record in reader.iter_metadata()}

    assert summary.statistics.message_count == sum(log.counts.values())
    assert attachment.name == "cell.json"
    assert metadata["episode"]["kind"] == "collect"
    ticks = [message for _, channel, _, message in found if channel.topic == "/arm"]
    np.testing.assert_array_equal(ticks[0].q_rad, np.linspace(-1, 1, 6))
    (first, *_) = [
        (schema, message) for schema, channel, _, message in found if channel.topic == "/camera/top"
    ]
    assert first[0].name == "foxglove.CompressedVideo"
    assert first[1].format == "h264"
    assert first[1].data.startswith(b"\x00\x00\x00\x01")
    assert first[1].timestamp.ToNanoseconds() == T0_NS - 500


def test_images_are_of_foxglove_s_type(tmp_path):
    path = tmp_path / "episode.mcap"
    write_log(path, ID, codec="jpeg")

    assert LogReader(path).topics()["/camera/top"] == "foxglove.CompressedImage"


def test_an_existing_file_is_never_overwritten(tmp_path):
    path = tmp_path / "episode.mcap"
    path.write_bytes(b"something")

    with pytest.raises(DatasetError, match="exists"):
        begin(path)

    assert path.read_bytes() == b"something"


def test_everything_up_to_a_flush_is_in_the_file(tmp_path):
    path = tmp_path / "episode.mcap"
    log = begin(path)
    log.add_topic(topics.ARM, "robotd.ArmTick")
    for n in range(3):
        log.write(topics.ARM, pack_tick(arm_tick(T0_NS + n)), T0_NS + n, T0_NS + n)
    log.flush()
    log.write(topics.ARM, pack_tick(arm_tick(T0_NS + 3)), T0_NS + 3, T0_NS + 3)

    assert [len(messages) for messages in Salvage(path)] == [3]
    log.abandon()


def test_a_flush_syncs_the_file(tmp_path):
    synced = []
    log = begin(tmp_path / "episode.mcap", sync=synced.append)
    before = len(synced)

    log.flush()

    assert len(synced) == before + 1
    log.abandon()


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_after_a_failed_sync_the_log_is_dead(tmp_path, code):
    fails = []

    def sync(fd):
        if fails:
            raise OSError(code, os.strerror(code))

    log = begin(tmp_path / "episode.mcap", sync=sync)
    log.add_topic(topics.ARM, "robotd.ArmTick")
    fails.append(True)
    with pytest.raises(DatasetError, match=os.strerror(code)):
        log.flush()
    fails.clear()

    for act in (
        log.flush,
        log.finish,
        lambda: log.add_topic("/event", "robotd.Event"),
        lambda: log.write(topics.ARM, b"", 0, 0),
    ):
        with pytest.raises(DatasetError, match=os.strerror(code)):
            act()


FILL = """
import resource, signal, sys
from pathlib import Path
from robotd.core.clock import MonoNs
from robotd.core.errors import DatasetError
from robotd.episodes.log import EpisodeLog
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit = int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
log = EpisodeLog.create(Path(sys.argv[1]), about={"id": "x"}, attachments={}, t_ns=MonoNs(0))
log.add_topic("/event", "robotd.Event")
try:
    for n in range(100_000):
        log.write("/event", bytes(range(256)) * 16 + n.to_bytes(8, "big") * 64, n, n)
        if n % 16 == 15:
            log.flush()
except DatasetError as error:
    print(error)
    try:
        log.flush()
    except DatasetError as again:
        print(again is error)
"""


def test_a_full_disk_is_one_clear_line_and_what_was_flushed_stays(tmp_path):
    path = tmp_path / "episode.mcap"

    done = subprocess.run(
        [sys.executable, "-c", FILL, str(path), str(256 * 1024)],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.stderr == ""
    line, same = done.stdout.splitlines()
    assert "episode.mcap: writing failed: File too large" in line
    assert same == "True"
    assert sum(len(messages) for messages in Salvage(path)) >= 16


def test_a_file_without_an_index_is_read_to_its_end(tmp_path):
    path = tmp_path / "episode.mcap"
    log = write_log(path, ID, finish=False)
    log.abandon()
    found = Salvage(path)
    expected = [m for messages in found for m in messages]
    assert not found.complete

    cut(path, found.end_bytes)

    again = Salvage(path)
    assert [m for messages in again for m in messages] == expected
    assert again.complete
    with path.open("rb") as file:
        assert len(list(make_reader(file, validate_crcs=True).iter_messages())) == len(expected)


def test_a_file_cut_at_any_length_gives_all_whole_chunks_before(memory_path):
    path = memory_path / "episode.mcap"
    log = begin(path)
    log.add_topic(topics.EVENT, "robotd.Event")
    for n in range(3):
        log.write(topics.EVENT, pack_event(EventNote(t_ns=n, name="mark")), n, n)
        log.flush()
    log.finish()
    data = path.read_bytes()
    ends, counts = [0], [0]
    for messages in (found := Salvage(path)):
        ends.append(found.end_bytes)
        counts.append(counts[-1] + len(messages))
    part = memory_path / "part.mcap"
    assert len(ends) == 4

    for length in range(len(data)):
        part.write_bytes(data[:length])
        found = Salvage(part)
        got = sum(len(messages) for messages in found)
        whole = max(n for n, end in enumerate(ends) if end <= length)
        assert got == counts[whole]
        assert not found.complete
        assert found.damage


@pytest.mark.parametrize("tail", [bytes(5000), bytes(range(256)) * 20, b"\x06" + b"\xff" * 40])
def test_garbage_behind_the_last_chunk_costs_nothing(tmp_path, tail):
    path = tmp_path / "episode.mcap"
    log = write_log(path, ID, finish=False)
    log.abandon()
    expected = sum(log.counts.values())
    path.write_bytes(path.read_bytes() + tail)

    found = Salvage(path)

    assert sum(len(messages) for messages in found) == expected


def test_reading_a_damaged_file_is_a_dataset_error_never_more(memory_path):
    path = memory_path / "episode.mcap"
    write_log(path, ID, ticks=4, frames=1)
    data = path.read_bytes()
    rng = np.random.default_rng(3)
    for at in range(0, len(data), 7):
        damaged = bytearray(data)
        damaged[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with contextlib.suppress(DatasetError):
            for message in LogReader(path).messages():
                unpack(message.schema, message.data)
        list(Salvage(path))


def test_a_missing_file_is_one_clear_line(tmp_path):
    with pytest.raises(DatasetError, match="No such file"):
        LogReader(tmp_path / "episode.mcap")


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "episode.mcap"
    path.write_bytes(b"something else, and longer than the magic of eight bytes")

    with pytest.raises(DatasetError, match="magic"):
        LogReader(path)
