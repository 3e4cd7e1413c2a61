import numpy as np
import pytest

from robotd.core.arm_codes import Source
from robotd.core.board_frame import BoardFrame
from robotd.core.errors import DatasetError
from robotd.core.types import ArmTick, TeleopSample
from robotd.episodes.episode_file import LOG_NAME, CameraInfo
from robotd.episodes.items import Gap
from robotd.episodes.reader import Episode
from robotd.episodes.schemas import message_class
from robotd.episodes.streams import Ticks
from robotd.episodes.tick_columns import ARM_TICK, columns_of
from tests.episodes.made_episode import BEGIN_NS, CELL, SMALL, Made, circle, write_episode

H264 = CameraInfo(codec="h264", width_px=64, height_px=48, fps=30.0)


def grey(camera, n, t_s):
    return np.full((24, 32, 3) if camera == "top" else (48, 64, 3), n % 200, np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = Made(cameras={"top": SMALL, "side": H264}, picture=grey, policy=True)
    gap = Gap(stream="/arm", count=3, t_from_ns=BEGIN_NS, t_to_ns=BEGIN_NS + 5, reason="too slow")
    return write_episode(tmp_path_factory.mktemp("data"), made, gaps=(gap,))


@pytest.fixture(scope="module")
def episode(folder):
    return Episode(folder)


def test_the_arm_comes_back_as_columns(episode):
    ticks = episode.streams.ticks
    board = BoardFrame.of_task(CELL.task)

    assert len(ticks) == 688
    assert ticks.t_ns[:2].tolist() == [BEGIN_NS, BEGIN_NS + 8_000_000]
    t_s = (ticks.t_ns - BEGIN_NS) / 1e9
    assert board.to_px(ticks.T_base_tcp[:, :3, 3]) == pytest.approx(circle(t_s), abs=1e-6)
    assert set(ticks.source) == {Source.HOLD, Source.APPROACH, Source.HUMAN}
    assert ticks.q_rad.shape == (688, 6)
    assert ticks.accepted.dtype == np.bool_
    assert not ticks.q_rad.flags.writeable


def test_columns_are_those_of_the_items_one_by_one(episode):
    one_by_one = Ticks.of([item for _, item in episode.items(("/arm",))])

    for name in Ticks.__slots__:
        column = getattr(episode.streams.ticks, name)
        assert np.array_equal(column, getattr(one_by_one, name)), name
        assert column.dtype == getattr(one_by_one, name).dtype


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("q_rad", [0.0] * 5, "q_rad: expected 6 numbers"),
        ("T_base_cmd", [float("nan")] * 16, "T_base_cmd: a value that is not finite"),
        ("speed_scaling", float("inf"), "speed_scaling: a value that is not finite"),
        ("source", 77, "source: got the code 77"),
    ],
)
def test_a_tick_that_cannot_be_is_refused(field, value, says):
    good = {"q_rad": [0.0] * 6, "qd_rad_s": [0.0] * 6, "q_cmd_rad": [0.0] * 6}
    poses = {"T_base_tcp": np.eye(4).ravel(), "T_base_cmd": np.eye(4).ravel()}
    message = message_class(ARM_TICK)(**(good | poses | {field: value}))

    with pytest.raises(ValueError, match=says):
        columns_of([message])


def test_every_other_stream_is_there(episode):
    streams = episode.streams

    assert streams.signals["block_pose"].value.shape == (164, 3)
    assert len(streams.world) == 275
    assert len(streams.teleop) == 490
    assert [note.name for note in streams.events] == ["stage"]
    assert [gap.count for gap in streams.gaps] == [3]
    assert len(streams.plans) == 49
    assert len(streams.chunks) == len(streams.uses) == len(streams.requests) == 7
    assert streams.chunks[0].request_id == 1
    assert episode.cell == CELL
    assert episode.about.id == "20260101-120000-0001"


@pytest.mark.parametrize(("camera", "off"), [("top", 0), ("side", 3)])
def test_pictures_are_decoded_by_their_numbers(episode, camera, off):
    times = episode.streams.cameras[camera]

    chosen = [3, 4, 40, 2]
    pictures = list(episode.frames(camera, chosen))

    assert len(times) == 164
    assert [abs(int(p.mean()) - n) <= off for p, n in zip(pictures, chosen, strict=True)] == [
        True
    ] * 4
    assert len(list(episode.frames(camera))) == 164
    assert (times.t_arrival_ns - times.t_capture_ns).tolist() == [40_000_000] * 164


def test_streams_are_iterated_in_the_order_of_the_log(episode):
    messages = list(episode.items(("/arm", "/teleop")))

    times = [message.t_log_ns for message, _ in messages]
    assert times == sorted(times)
    assert {type(item) for _, item in messages} == {ArmTick, TeleopSample}


def test_what_is_not_there_is_one_clear_line(episode):
    with pytest.raises(DatasetError, match="no camera wrist; it has side, top"):
        next(episode.frames("wrist"))
    with pytest.raises(DatasetError, match="has 164 pictures, not a number 164"):
        next(episode.frames("top", [164]))
    with pytest.raises(DatasetError, match=r"no attachment x; it has cell.json"):
        episode.attachment("x")


@pytest.mark.parametrize("part", [LOG_NAME, "episode.json"])
def test_a_changed_byte_is_refused_and_never_crashes(folder, tmp_path, part):
    copy = tmp_path / folder.name
    copy.mkdir()
    for file in folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    whole = (copy / part).read_bytes()
    random = np.random.default_rng(0)
    for at in random.integers(0, len(whole), 25).tolist():
        damaged = bytearray(whole)
        damaged[at] ^= 1 << int(random.integers(8))
        (copy / part).write_bytes(damaged)

        with pytest.raises(DatasetError):
            Episode(copy)


def test_without_the_hash_a_damaged_file_reads_or_is_refused(folder, tmp_path):
    copy = tmp_path / folder.name
    copy.mkdir()
    for file in folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    whole = (copy / LOG_NAME).read_bytes()
    random = np.random.default_rng(1)
    refused = 0
    for at in random.integers(0, len(whole), 40).tolist():
        (copy / LOG_NAME).write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        try:
            found = Episode(copy, check_hash=False)
            for camera in found.streams.cameras:
                list(found.frames(camera))
        except DatasetError:
            refused += 1

    assert refused > 30


def test_a_missing_episode_is_one_line(tmp_path):
    with pytest.raises(DatasetError, match=r"episode.json: cannot be read"):
        Episode(tmp_path / "nothing")
