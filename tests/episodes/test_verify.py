import hashlib
import os

import msgspec
import numpy as np
import pytest

from robotd.core.journal import EventNote
from robotd.episodes import topics
from robotd.episodes.dataset import Dataset
from robotd.episodes.episode_file import FILE_NAME, LOG_NAME, encode, read_episode_file
from robotd.episodes.items import Gap, Picture, pack_event, pack_gap, pack_picture, pack_tick
from robotd.episodes.schemas import message_class
from robotd.episodes.verify import EXIT_CODES, Verified, verify, worst
from robotd.episodes.video import make_encoder
from tests.episodes.small_episode import T0_NS, arm_tick, describe, record, write_log

ID = "20260101-000000-abcd"
LAST_NS = T0_NS + 10**9


@pytest.fixture
def held(memory_path):
    with Dataset.open(memory_path) as dataset:
        yield dataset


def rewrite(folder, **changes):
    """Change what `episode.json` says, checksum and all."""
    path = folder / FILE_NAME
    file = msgspec.structs.replace(read_episode_file(folder), **changes)
    path.chmod(0o644)
    path.write_bytes(encode(file))


def record_with(dataset, write, **changes):
    """Record an episode with something more in its log."""
    opened = dataset.create(ID)
    log = write_log(opened.log_path, ID, finish=False)
    write(log)
    log.finish()
    last = {"t_last_ns": LAST_NS, **changes}
    return opened.commit(msgspec.structs.replace(describe(log, ID), **last))


@pytest.mark.parametrize("codec", ["h264", "jpeg", "png"])
def test_a_good_episode_is_ok(held, codec):
    folder = record(held, ID, codec=codec)

    assert verify(folder) == Verified(episode=ID, health="ok")
    assert verify(folder, deep=True) == Verified(episode=ID, health="ok")


def test_every_flipped_bit_of_the_description_is_found(held):
    folder = record(held, ID)
    path = folder / FILE_NAME
    data = path.read_bytes()
    path.chmod(0o644)
    for at in range(len(data)):
        for bit in range(8):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
            found = verify(folder)
            assert found.health == "bad", (at, bit)
            assert "\n" not in found.reasons[0]


@pytest.mark.parametrize("change", [b"", b"\n", b" ", b"{}"])
def test_anything_appended_to_the_description_is_found(held, change):
    folder = record(held, ID)
    path = folder / FILE_NAME
    data = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(data + change)

    assert verify(folder).health == ("ok" if not change else "bad")


def test_every_flipped_byte_of_the_log_is_found(held):
    folder = record(held, ID, ticks=2, frames=1)
    path = folder / LOG_NAME
    data = path.read_bytes()
    path.chmod(0o644)
    rng = np.random.default_rng(11)
    flips = 1 << rng.integers(8, size=len(data))
    fd = os.open(path, os.O_RDWR)
    try:
        for at, flip in enumerate(flips.tolist()):
            os.pwrite(fd, bytes([data[at] ^ flip]), at)
            assert verify(folder).health == "bad", at
            os.pwrite(fd, data[at : at + 1], at)
    finally:
        os.close(fd)
    assert verify(folder).health == "ok"


def test_a_log_of_another_length_is_found(held):
    folder = record(held, ID)
    path = folder / LOG_NAME
    path.chmod(0o644)
    with path.open("ab") as file:
        file.write(b"\0")

    assert "bytes" in verify(folder).reasons[0]


@pytest.mark.parametrize("missing", [FILE_NAME, LOG_NAME])
def test_a_missing_file_is_found(held, missing):
    folder = record(held, ID)
    (folder / missing).unlink()

    (reason,) = verify(folder).reasons

    assert missing in reason
    assert "No such file" in reason


def test_a_folder_under_another_name_is_found(held):
    folder = record(held, ID)

    other = folder.rename(folder.with_name("20260101-000000-ffff"))

    assert "is of episode" in verify(other).reasons[0]


def test_an_episode_with_gaps_is_lossy(held):
    gap = Gap(stream="/arm", count=5, t_from_ns=0, t_to_ns=1, reason="queue full")

    def lose(log):
        log.add_topic(topics.GAP, "robotd.Gap")
        log.write(topics.GAP, pack_gap(gap), LAST_NS, LAST_NS)

    folder = record_with(held, lose, dropped={"/arm": 5})

    found = verify(folder, deep=True)
    assert (found.health, found.reasons) == ("lossy", ("/arm: 5 lost while recording",))


FAULTS = {
    "messages": {"counts": {"/arm": 9}},
    "gaps": {"dropped": {"/arm": 5}},
    "begin and end": {"t_first_ns": T0_NS + 1},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_description_that_does_not_fit_the_log_is_found_by_reading(held, fault):
    folder = record(held, ID)
    rewrite(folder, **FAULTS[fault])

    assert verify(folder).health in ("ok", "lossy")
    found = verify(folder, deep=True)
    assert found.health == "bad"
    assert fault in " ".join(found.reasons)


def test_another_configuration_than_named_is_found_by_reading(held):
    folder = record(held, ID)
    right = hashlib.sha256(b'{"name": "mock"}').hexdigest()
    origin = read_episode_file(folder).origin
    rewrite(folder, origin=msgspec.structs.replace(origin, config_sha256=right))

    found = verify(folder, deep=True)

    assert found.reasons == ("the log's metadata and episode.json are not of the same episode",)


def write_backwards(log):
    log.write(topics.ARM, pack_tick(arm_tick(T0_NS)), LAST_NS, LAST_NS)
    log.write(topics.ARM, pack_tick(arm_tick(T0_NS)), LAST_NS - 1, LAST_NS - 1)


def write_nan(log):
    tick = message_class("robotd.ArmTick").FromString(pack_tick(arm_tick(T0_NS)))
    tick.q_cmd_rad[0] = float("nan")
    log.write(topics.ARM, tick.SerializeToString(), LAST_NS, LAST_NS)


def write_a_broken_picture(log):
    made = Picture(t_capture_ns=LAST_NS, camera="top", data=b"nothing", codec="h264")
    log.write("/camera/top", pack_picture(made), LAST_NS, LAST_NS)


def write_of_another_codec(log):
    made = Picture(t_capture_ns=LAST_NS, camera="top", data=b"nothing", codec="jpeg")
    log.write("/camera/top", pack_picture(made), LAST_NS, LAST_NS)


def write_of_an_unknown_camera(log):
    made = Picture(t_capture_ns=LAST_NS, camera="side", data=b"nothing", codec="h264")
    log.add_topic("/camera/side", "foxglove.CompressedVideo")
    log.write("/camera/side", pack_picture(made), LAST_NS, LAST_NS)


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (write_backwards, "go back"),
        (write_nan, "not finite"),
        (write_a_broken_picture, "damaged"),
        (write_of_another_codec, "expected h264"),
        (write_of_an_unknown_camera, "does not name"),
    ],
)
def test_what_was_recorded_wrongly_is_found_by_reading(held, write, says):
    folder = record_with(held, write)

    assert verify(folder).health == "ok"
    found = verify(folder, deep=True)
    assert found.health == "bad"
    assert says in " ".join(found.reasons)


def test_gaps_of_several_streams_are_told_in_any_order(held):
    def write(log):
        log.add_topic(topics.GAP, "robotd.Gap")
        for t_ns, stream in ((LAST_NS, topics.ARM), (LAST_NS - 5, topics.TELEOP)):
            gap = Gap(stream=stream, count=2, t_from_ns=T0_NS, t_to_ns=t_ns, reason="held up")
            log.write(topics.GAP, pack_gap(gap), t_ns, T0_NS)

    folder = record_with(held, write, dropped={topics.ARM: 2, topics.TELEOP: 2})

    assert verify(folder, deep=True).health == "lossy"


@pytest.mark.parametrize("status", ["complete", "recovered"])
def test_not_even_a_crash_may_cut_off_between_a_picture_and_its_times(held, status):
    def write(log):
        rgb = np.zeros((32, 32, 3), np.uint8)
        data, _ = make_encoder("h264", width_px=32, height_px=32, fps=4.0).encode(rgb)
        cut = Picture(t_capture_ns=LAST_NS, camera="top", data=data, codec="h264")
        log.write(topics.camera_topic("top"), pack_picture(cut), LAST_NS, LAST_NS)

    folder = record_with(held, write, status=status)

    assert verify(folder, deep=True).health == "bad"


def test_events_may_be_dated_in_any_order(held):
    def write(log):
        for published_ns in (LAST_NS, T0_NS):
            note = EventNote(t_ns=published_ns, name="mark")
            log.write(topics.EVENT, pack_event(note), LAST_NS, published_ns)

    assert verify(record_with(held, write), deep=True).health == "ok"


@pytest.mark.parametrize(
    ("healths", "expected"),
    [([], 0), (["ok"], 0), (["ok", "lossy"], 3), (["lossy", "bad", "ok"], 1)],
)
def test_many_are_as_good_as_the_worst(healths, expected):
    found = [Verified(episode=ID, health=health) for health in healths]

    assert EXIT_CODES[worst(found)] == expected
