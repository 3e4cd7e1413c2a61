"""The mp4 of a run keeps capture times, and its faults stay its own."""

import resource
import signal
import time

import av
import numpy as np
import pytest

from robotd.core.clock import MS, MonoNs
from robotd.core.records import frame_bytes, pack_frame
from robotd.core.ring import RingWriter
from robotd.core.types import Frame
from robotd.modes.video import Mp4, RingVideo

SHAPE = (48, 64, 3)


def frame(t_ns, seed=0):
    rgb = np.random.default_rng(seed).integers(0, 255, SHAPE, dtype=np.uint8)
    return Frame(t_ns=MonoNs(t_ns), rgb=rgb)


@pytest.fixture
def ring(tmp_path):
    with RingWriter.create(tmp_path / "ring", frame_bytes(*SHAPE[:2]), 8) as ring:
        yield ring


@pytest.fixture
def small_files():
    """Files grow to 2000 bytes, no further: a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, before)


def times_ms(path):
    with av.open(str(path)) as video:
        return [round(float(f.pts * f.time_base) * 1e3) for f in video.decode(video=0)]


def test_frames_keep_their_times(tmp_path):
    mp4 = Mp4(tmp_path / "v.mp4")
    for t_ms in (500, 533, 567, 567, 550, 700):
        mp4.add(frame(t_ms * MS, seed=t_ms))
    mp4.close()

    assert times_ms(tmp_path / "v.mp4") == [0, 33, 67, 200]


def test_without_a_frame_there_is_no_file(tmp_path):
    Mp4(tmp_path / "v.mp4").close()

    assert not (tmp_path / "v.mp4").exists()


def test_only_what_came_after_the_start_is_copied(ring, tmp_path):
    ring.write(*pack_frame(frame(1 * MS)))
    video = RingVideo(tmp_path / "ring", tmp_path / "v.mp4")
    video.start()
    for t_ms in (100, 150):
        ring.write(*pack_frame(frame(t_ms * MS, seed=t_ms)))
    deadline = time.monotonic() + 10.0
    while video.frames_n < 2:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    video.stop()

    assert video.failure == ""
    assert times_ms(tmp_path / "v.mp4") == [0, 50]


def test_frames_that_came_just_before_the_end_are_in_it(ring, tmp_path):
    video = RingVideo(tmp_path / "ring", tmp_path / "v.mp4")
    video.start()
    ring.write(*pack_frame(frame(100 * MS)))
    video.stop()

    assert times_ms(tmp_path / "v.mp4") == [0]


@pytest.mark.parametrize("obstacle", ["folder", "disk"])
def test_a_video_that_cannot_be_written_is_one_warning(ring, tmp_path, caplog, request, obstacle):
    if obstacle == "folder":
        (tmp_path / "v.mp4").mkdir()
    else:
        request.getfixturevalue("small_files")
    video = RingVideo(tmp_path / "ring", tmp_path / "v.mp4")
    video.start()
    for n in range(20):
        ring.write(*pack_frame(frame((1 + n) * 33 * MS, seed=n)))
        time.sleep(0.005)
    video.stop()

    assert video.failure.startswith(f"{tmp_path}/v.mp4: no video (")
    assert [record.getMessage() for record in caplog.records] == [video.failure]
