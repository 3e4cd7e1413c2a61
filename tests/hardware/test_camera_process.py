"""What a camera's process publishes, counts and refuses."""

import logging
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robotd.core.clock import MS, MonoNs
from robotd.core.config import CameraConfig
from robotd.core.errors import DeviceError, StaleDataError
from robotd.core.ring import RingReader
from robotd.core.run_files import camera_ring, signal_ring
from robotd.core.sample_records import unpack_frame, unpack_signal
from robotd.core.types import Frame
from robotd.hardware.camera_process import CameraPublisher, publish_frames

CONFIG = CameraConfig(kind="sim", width_px=32, height_px=24, rate_hz=20.0)


def frame(t_ms, width_px=32, height_px=24):
    rgb = np.full((height_px, width_px, 3), t_ms % 256, np.uint8)
    return Frame(t_ns=MonoNs(t_ms * MS), t_arrival_ns=MonoNs(t_ms * MS), rgb=rgb)


class MeanTracker:
    """Sees the mean of a picture; blind where it is black."""

    key = "mean"
    width = 2

    def measure(self, frame):
        mean = float(frame.rgb.mean())
        return np.array([mean, -mean]) if mean else None


@pytest.fixture
def publisher(tmp_path):
    with CameraPublisher(tmp_path, "top", CONFIG, [MeanTracker()]) as publisher:
        yield publisher


def test_frames_and_signals_carry_the_capture_time(publisher, tmp_path):
    for t_ms in (50, 100):
        publisher.publish(frame(t_ms))
    with RingReader(tmp_path / camera_ring("top")) as ring:
        frames = [unpack_frame(record.payload) for record in ring.since(-1).records]
    with RingReader(tmp_path / signal_ring("mean")) as ring:
        samples = [unpack_signal(record.payload) for record in ring.since(-1).records]
    assert [f.t_ns for f in frames] == [50 * MS, 100 * MS]
    assert np.array_equal(frames[1].rgb, frame(100).rgb)
    assert [s.t_ns.tolist() for s in samples] == [[50 * MS], [100 * MS]]
    assert [s.value.tolist() for s in samples] == [[[50.0, -50.0]], [[100.0, -100.0]]]


def test_half_a_second_of_frames_stays_in_the_ring(publisher, tmp_path):
    for t_ms in range(50, 5050, 50):
        publisher.publish(frame(t_ms))
    with RingReader(tmp_path / camera_ring("top")) as ring:
        records = ring.since(-1).records
    first, last = (unpack_frame(records[i].payload).t_ns for i in (0, -1))
    assert last - first >= 500 * MS


@pytest.mark.parametrize(("gap_ms", "dropped"), [(74, 0), (76, 1), (124, 1), (126, 2)])
def test_counts_the_frames_that_should_have_come_between(publisher, gap_ms, dropped, caplog):
    publisher.publish(frame(1000))
    with caplog.at_level(logging.WARNING):
        publisher.publish(frame(1000 + gap_ms))
    assert publisher.dropped_n == dropped
    assert len(caplog.records) == (1 if dropped else 0)


@pytest.mark.parametrize(
    ("number", "gap_ms", "dropped"), [(6, 50, 0), (8, 50, 2), (6, 150, 2), (9, 150, 3), (1, 50, 0)]
)
def test_counts_by_the_device_s_numbers_too(publisher, number, gap_ms, dropped):
    publisher.publish(replace(frame(100), frame_number=5))
    publisher.publish(replace(frame(100 + gap_ms), frame_number=number))
    assert publisher.dropped_n == dropped


def test_a_sample_that_cannot_be_taken_leaves_the_signal_to_age(publisher, tmp_path):
    publisher.publish(frame(256))
    assert publisher.unseen_n == 1
    with RingReader(tmp_path / signal_ring("mean")) as ring:
        assert ring.newest() is None


@pytest.mark.parametrize(("width_px", "height_px"), [(31, 24), (32, 25), (24, 32)])
def test_refuses_another_size_than_configured(publisher, width_px, height_px):
    wanted = rf"top: got a frame of {width_px}x{height_px} px, expected 32x24"
    with pytest.raises(DeviceError, match=wanted):
        publisher.publish(frame(50, width_px, height_px))
    assert publisher.frames_n == 0


@pytest.mark.parametrize("t_ms", [100, 99])
def test_refuses_a_capture_time_that_does_not_grow(publisher, t_ms):
    publisher.publish(frame(100))
    with pytest.raises(DeviceError, match="capture times that grow"):
        publisher.publish(frame(t_ms))


class ScriptedCamera:
    """Gives the frames of a list, then falls silent."""

    def __init__(self, frames):
        self.frames = list(frames)

    def read(self, timeout_s):
        if not self.frames:
            raise StaleDataError("camera top", age_s=9.0, limit_s=timeout_s)
        return self.frames.pop(0)


def test_publishes_until_stopped(publisher):
    camera = ScriptedCamera([frame(50 * i) for i in range(1, 10)])
    publish_frames(camera, publisher, lambda: publisher.frames_n == 3)
    assert publisher.frames_n == 3
    assert len(camera.frames) == 6


def test_a_silent_camera_ends_the_loop_with_an_error(publisher):
    with pytest.raises(StaleDataError, match="camera top: newest sample is 9000 ms old"):
        publish_frames(ScriptedCamera([frame(50)]), publisher, lambda: False)
    assert publisher.frames_n == 1


BODY = """
import sys, time
import numpy as np
from pathlib import Path
from robotd.core.clock import MonoNs, SystemClock
from robotd.core.config import CameraConfig
from robotd.core.types import Frame
from robotd.hardware.camera_process import main

class Camera:
    def __enter__(self): return self
    def __exit__(self, *error): pass
    def read(self, timeout_s):
        time.sleep(0.01)
        now = SystemClock().now()
        return Frame(t_ns=now, t_arrival_ns=now, rgb=np.zeros((24, 32, 3), np.uint8))

main(Path(sys.argv[1]), "top", CameraConfig(kind="sim", width_px=32, height_px=24), Camera())
"""


def test_the_process_says_that_it_is_ready_after_a_frame_and_ends_on_sigterm(tmp_path):
    root = Path(__file__).parents[2]
    process = subprocess.Popen([sys.executable, "-c", BODY, str(tmp_path)], cwd=root)
    deadline = time.monotonic() + 20
    while not (tmp_path / "camera@top.ready").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with RingReader(tmp_path / camera_ring("top")) as ring:
        assert ring.newest() is not None
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
