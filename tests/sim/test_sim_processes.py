"""World and camera as processes of a run: frames and signal flow, and stop when the world dies."""

import numpy as np
import pytest

from robotd.core.clock import SystemClock
from robotd.core.process import spawn
from robotd.core.run_files import WORLD_RING, camera_ring, signal_ring
from robotd.core.sample_records import unpack_frame, unpack_signal
from robotd.core.world_state import unpack_world_state
from tests.sim.camera_run import camera_run, read_all, wait_for


@pytest.fixture
def run_dir(tmp_path):
    with camera_run(tmp_path, "sim", 20.0) as folder:
        yield folder


def test_frames_and_signal_flow_and_end_with_the_world(run_dir):
    world, camera = spawn("world", run_dir), spawn("camera@top", run_dir)
    try:
        world.wait_ready(20.0)
        camera.wait_ready(20.0)
        wait_for(lambda: len(read_all(run_dir / camera_ring("top"), unpack_frame)) >= 8)

        frames = read_all(run_dir / camera_ring("top"), unpack_frame)
        samples = read_all(run_dir / signal_ring("block_pose"), unpack_signal)
        states = read_all(run_dir / WORLD_RING, unpack_world_state)
        age_ns = SystemClock().now() - frames[-1].t_ns
        assert age_ns < 0.5e9
        sampled = {int(sample.t_ns[0]): sample.value[0] for sample in samples}
        known = {state.t_ns: state for state in states}
        for frame in frames[:8]:
            block = known[frame.t_ns].block_pose_px
            assert sampled[frame.t_ns][2] == pytest.approx(block[2])
        assert np.diff([frame.t_ns for frame in frames]).min() >= 30e6

        world.kill()
        wait_for(lambda: not camera.alive)
        assert camera.poll() == 1
        (line,) = camera.last_lines(1)
        assert line.startswith("robotd camera@top: camera top: newest sample is ")
        last_ns = read_all(run_dir / WORLD_RING, unpack_world_state)[-1].t_ns
        assert read_all(run_dir / signal_ring("block_pose"), unpack_signal)[-1].t_ns[0] <= last_ns
    finally:
        world.kill()
        camera.kill()
