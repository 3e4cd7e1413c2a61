"""The process of an emulated camera in a mock cell: what flows, and how it ends and comes back."""

import os
import subprocess
import sys
from itertools import pairwise

import pytest

pytest.importorskip("pyrealsense2", exc_type=ImportError)

from robotd.core.clock import MS, S
from robotd.core.process import spawn
from robotd.core.run_files import camera_ring, signal_ring
from robotd.core.sample_records import unpack_frame, unpack_signal
from robotd.sim.realsense_faults import CameraFaults, faults_file, write_faults
from tests.sim.camera_run import camera_run, read_all, wait_for


@pytest.fixture
def run_dir(tmp_path):
    with camera_run(tmp_path, "realsense", 30.0) as folder:
        yield folder


def test_frames_and_signal_flow_and_an_unplugged_camera_ends_until_it_is_back(run_dir):
    world, camera = spawn("world", run_dir), spawn("camera@top", run_dir)
    children = [world, camera]
    try:
        for child in children:
            child.wait_ready(20.0)
        wait_for(lambda: len(read_all(run_dir / camera_ring("top"), unpack_frame)) >= 15)
        frames = read_all(run_dir / camera_ring("top"), unpack_frame)
        samples = read_all(run_dir / signal_ring("block_pose"), unpack_signal)

        write_faults(faults_file(run_dir, "top"), CameraFaults(unplugged=True))
        wait_for(lambda: not camera.alive)
        last_line = camera.last_lines(1)[0]
        again = spawn("camera@top", run_dir)
        children.append(again)
        faults_file(run_dir, "top").unlink()
        again.wait_ready(20.0)
        after = read_all(run_dir / camera_ring("top"), unpack_frame)
    finally:
        for child in reversed(children):
            child.terminate(3.0)
    periods = [b.t_ns - a.t_ns for a, b in pairwise(frames)]
    assert sum(periods) / len(periods) == pytest.approx(S / 30, abs=5 * MS)
    assert all(frame.t_arrival_ns - frame.t_ns >= 29 * MS for frame in frames)
    assert {s.t_ns[0] for s in samples} <= {frame.t_ns for frame in frames}
    assert len(samples) >= len(frames) - 1
    assert last_line.startswith("robotd camera@top: camera top: unplugged (serial ")
    assert after[0].frame_number >= 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            "libusb-1.0.so.0: cannot open shared object file",
            "run: sudo apt-get install libusb-1.0-0",
        ),
        ("", "cameras: pyrealsense2 is not installed; run: pip install 'robotd[robot]'"),
    ],
)
def test_without_the_library_the_process_ends_with_one_line(run_dir, tmp_path, words, says):
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    kind = f"ImportError({words!r})" if words else "ModuleNotFoundError('pyrealsense2')"
    (shadow / "pyrealsense2.py").write_text(f"raise {kind}\n")
    done = subprocess.run(
        [sys.executable, "-m", "robotd.proc", "camera@top", "--run-dir", str(run_dir)],
        env={**os.environ, "PYTHONPATH": str(shadow)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("robotd camera@top: cameras: ")
    assert says in done.stderr
    assert "Traceback" not in done.stderr
