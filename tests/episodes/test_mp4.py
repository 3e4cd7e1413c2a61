"""A recorded camera as an mp4: the same pictures at the same times, whatever the codec."""

import av
import numpy as np
import pytest

from robotd.core.errors import DatasetError
from robotd.episodes.episode_file import CameraInfo
from robotd.episodes.mp4 import export_mp4
from robotd.episodes.reader import Episode
from robotd.episodes.video import make_encoder, write_mp4
from tests.episodes.made_episode import Made, write_episode

MS_NS = 1_000_000


def moving_bar(camera, number, t_s):
    del camera, t_s
    rgb = np.full((48, 64, 3), 60, np.uint8)
    rgb[10:38, number % 50 : number % 50 + 12] = (220, 180, 40)
    return rgb


def recorded(tmp_path, codec, width_px=64):
    info = CameraInfo(codec=codec, width_px=width_px, height_px=48, fps=30.0)
    made = Made(seconds=1.5, cameras={"side": info}, picture=moving_bar if width_px == 64 else None)
    return Episode(write_episode(tmp_path / "d", made))


def played(path):
    with av.open(str(path)) as video:
        frames = list(video.decode(video=0))
        return [frame.to_ndarray(format="rgb24") for frame in frames], [f.time for f in frames]


@pytest.mark.parametrize("codec", ["h264", "jpeg", "png"])
def test_every_picture_is_shown_at_its_capture_time(tmp_path, codec):
    episode = recorded(tmp_path, codec)

    count = export_mp4(episode, "side", tmp_path / "run.mp4")

    rgb, times_s = played(tmp_path / "run.mp4")
    captured_ns = episode.times_of("side").t_capture_ns
    assert count == len(rgb) == len(captured_ns)
    np.testing.assert_allclose(times_s, (captured_ns - captured_ns[0]) / 1e9, atol=1e-3)
    for shown, number in ((rgb[0], 0), (rgb[-1], len(rgb) - 1)):
        wanted = moving_bar("side", number, 0.0).astype(float)
        assert np.abs(shown - wanted).mean() < 6.0


def test_recorded_video_is_not_compressed_again(tmp_path):
    episode = recorded(tmp_path, "h264")
    export_mp4(episode, "side", tmp_path / "run.mp4")

    with av.open(str(tmp_path / "run.mp4")) as video:
        packets = [packet for packet in video.demux(video=0) if packet.size]
        keys = [packet.is_keyframe for packet in packets]
    assert keys == episode.times_of("side").key.tolist()
    shown = np.array(played(tmp_path / "run.mp4")[0], float)
    own = np.array(list(episode.frames("side")), float)
    assert np.abs(shown - own).mean() < 2.0  # colours are converted by another library


def test_pictures_before_the_first_key_frame_are_left_out(tmp_path):
    encoder = make_encoder("h264", width_px=64, height_px=48, fps=30.0)
    pictures = [encoder.encode(moving_bar("side", n, 0.0))[0] for n in range(40)]
    timed = [(data, 33 * n * MS_NS) for n, data in enumerate(pictures)]

    assert write_mp4(tmp_path / "v.mp4", timed[5:]) == 40 - 15
    assert len(played(tmp_path / "v.mp4")[0]) == 25


def test_times_that_do_not_grow_lose_no_picture(tmp_path):
    encoder = make_encoder("h264", width_px=64, height_px=48, fps=30.0)
    pictures = [(encoder.encode(moving_bar("side", n, 0.0))[0], 0) for n in range(10)]

    write_mp4(tmp_path / "v.mp4", pictures)

    assert len(played(tmp_path / "v.mp4")[0]) == 10


def test_an_unknown_camera_or_none_of_its_pictures_is_an_error_that_leaves_no_file(tmp_path):
    episode = recorded(tmp_path, "h264")

    with pytest.raises(DatasetError, match="no camera top; it has side"):
        export_mp4(episode, "top", tmp_path / "run.mp4")
    with pytest.raises(DatasetError, match="no picture to begin with"):
        write_mp4(tmp_path / "run.mp4", [])
    odd = recorded(tmp_path / "odd", "png", width_px=63)
    with pytest.raises(DatasetError, match="odd sides, 63 x 48 px"):
        export_mp4(odd, "side", tmp_path / "run.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "odd"]


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        export_mp4(recorded(tmp_path, "h264"), "side", tmp_path / "nowhere" / "run.mp4")
