import multiprocessing

import numpy as np
import pytest

from robotd.core.errors import DatasetError
from robotd.core.image import ImageSpec, to_policy
from robotd.episodes.episode_file import LOG_NAME
from robotd.episodes.frames import cache_folder, policy_frames
from robotd.episodes.reader import Episode
from robotd.episodes.views import nearest
from tests.episodes.made_episode import SMALL, Made, write_episode

SPEC = ImageSpec(height=12, width=12)


def gradient(camera, n, t_s):
    rgb = np.zeros((24, 32, 3), np.uint8)
    rgb[..., 0], rgb[..., 1] = n, np.arange(32)
    return rgb


@pytest.fixture(scope="module")
def episode(tmp_path_factory):
    made = Made(seconds=2.0, human=(0.3, 1.8), cameras={"top": SMALL}, picture=gradient)
    return Episode(write_episode(tmp_path_factory.mktemp("data"), made))


def in_another_process(folder, home, answer):
    told = []
    frames = policy_frames(
        Episode(folder), "top", SPEC, folder=home, on_progress=lambda *now: told.append(now)
    )
    answer.put((int(frames.astype(np.int64).sum()), len(told)))


def test_frames_are_what_the_robot_shows_a_policy(episode, tmp_path):
    frames = policy_frames(episode, "top", SPEC, folder=tmp_path)

    assert frames.shape == (len(episode.streams.cameras["top"]), 12, 12, 3)
    for n in (0, 17, 30):
        assert np.array_equal(frames[n], to_policy(gradient("top", n, 0.0), SPEC))
    assert not frames.flags.writeable


def test_they_are_decoded_once(episode, tmp_path):
    told = []

    first = policy_frames(
        episode, "top", SPEC, folder=tmp_path, on_progress=lambda *now: told.append(now)
    )
    again = policy_frames(
        episode, "top", SPEC, folder=tmp_path, on_progress=lambda *now: told.append(now)
    )

    assert told == [(n, len(first)) for n in range(1, len(first) + 1)]
    assert np.array_equal(first, again)
    assert isinstance(again, np.memmap)
    assert len(list(tmp_path.glob("*.npy"))) == 1


def test_processes_that_want_them_at_once_share_the_work(episode, tmp_path):
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    workers = [
        context.Process(target=in_another_process, args=(episode.folder, tmp_path, answer))
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    answers = [answer.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()

    count = len(episode.streams.cameras["top"])
    assert len({total for total, _ in answers}) == 1
    assert sorted(told for _, told in answers) == [0, count]


def test_another_size_is_another_file(episode, tmp_path):
    policy_frames(episode, "top", SPEC, folder=tmp_path)
    policy_frames(episode, "top", ImageSpec(height=6, width=8), folder=tmp_path)

    assert len(list(tmp_path.glob("*.npy"))) == 2


def test_a_file_that_a_kill_cut_short_is_made_again(episode, tmp_path):
    whole = policy_frames(episode, "top", SPEC, folder=tmp_path).copy()
    (path,) = tmp_path.glob("*.npy")
    path.write_bytes(path.read_bytes()[:1000])

    again = policy_frames(episode, "top", SPEC, folder=tmp_path)

    assert np.array_equal(again, whole)


def test_no_room_is_one_clear_line(episode, tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(DatasetError, match=r"pictures cannot be kept.*XDG_CACHE_HOME"):
        policy_frames(episode, "top", SPEC, folder=tmp_path / "file" / "below")


def test_a_failed_decoding_leaves_nothing(tmp_path):
    made = Made(seconds=1.0, human=(0.3, 0.9), cameras={"top": SMALL}, picture=gradient)
    folder = write_episode(tmp_path / "data", made)
    data = bytearray((folder / LOG_NAME).read_bytes())
    broken = Episode(folder)
    at = data.rindex(b"\x89PNG")
    data[at : at + 8] = bytes(8)
    (folder / LOG_NAME).write_bytes(data)

    with pytest.raises(DatasetError, match="damaged"):
        policy_frames(broken, "top", SPEC, folder=tmp_path / "cache")
    assert list((tmp_path / "cache").glob("*npy*")) == []


def test_the_nearest_frame_of_a_row_is_found_by_capture_time(episode, tmp_path):
    frames = policy_frames(episode, "top", SPEC, folder=tmp_path)
    captured_ns = episode.streams.cameras["top"].t_capture_ns

    choice = nearest(captured_ns, captured_ns[[5, 9]] + 10_000_000, max_skew_s=0.06)

    assert frames[choice.index][:, 0, 0, 0].tolist() == [5, 9]


def test_the_cache_lies_where_the_desktop_says(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "robotd" / "frames"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder().parts[-3:] == (".cache", "robotd", "frames")
