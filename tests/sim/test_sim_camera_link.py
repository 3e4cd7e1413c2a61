"""Cameras of a mock cell, built from its configuration onto the world's ring."""

import time

import msgspec
import numpy as np
import pytest

from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MS, MonoNs, SystemClock
from robotd.core.config import CellConfig
from robotd.core.config_load import load_toml
from robotd.core.data_files import data_file
from robotd.core.errors import ConfigError, CorruptRecordError
from robotd.core.ring import RingWriter
from robotd.core.run_files import WORLD_RING
from robotd.core.world_state import WORLD_STATE_BYTES, pack_world_state
from robotd.modes.drivers import direct
from robotd.sim.camera_link import NewestState, sim_camera
from robotd.sim.world import World

CELL = direct(load_toml(data_file("configs/mock/cell.toml"), CellConfig))
WORLD = World(BoardFrame.of_task(CELL.task), CELL.task.tip_height_m, 100_000)


def world_ring(run_dir):
    return RingWriter.create(run_dir / WORLD_RING, WORLD_STATE_BYTES, 8)


def soon():
    """An instant that is still fresh when a busy machine opens the camera."""
    return MonoNs(SystemClock().now() + 200 * MS)


def test_the_newest_state_stays_and_follows_a_restarted_world(tmp_path):
    newest = NewestState(tmp_path / WORLD_RING)
    assert newest() is None
    with world_ring(tmp_path) as ring:
        ring.write(pack_world_state(WORLD.state(MonoNs(1))))
        ring.write(pack_world_state(WORLD.state(MonoNs(2))))
        assert newest().t_ns == 2
    assert newest().t_ns == 2
    time.sleep(0.001)  # indexes of a new ring count from the microseconds since boot
    with world_ring(tmp_path) as ring:
        ring.write(pack_world_state(WORLD.state(MonoNs(3))))
        assert newest().t_ns == 3


def test_a_ring_of_something_else_is_an_error(tmp_path):
    with world_ring(tmp_path) as ring:
        ring.write(b"not a state")
        with pytest.raises(CorruptRecordError, match="world state"):
            NewestState(tmp_path / WORLD_RING)()


def test_a_camera_of_the_mock_cell_sees_and_tracks(tmp_path):
    camera, trackers = sim_camera(tmp_path, "top", CELL)
    with world_ring(tmp_path) as ring:
        ring.write(pack_world_state(WORLD.state(soon())))
        with camera:
            frame = camera.read(2.0)
    assert frame.rgb.shape == (96, 96, 3)
    (tracker,) = trackers
    board = BoardFrame.of_task(CELL.task)
    truth = board.pose_to_table(WORLD.state(MonoNs(0)).block_pose_px)
    assert tracker.measure(frame) == pytest.approx(truth, abs=1e-9)


def test_a_camera_that_tracks_nothing_has_no_tracker(tmp_path):
    camera, trackers = sim_camera(tmp_path, "side", CELL)
    assert camera.name == "camera side"
    assert trackers == []


def test_the_noise_is_the_configured_one_by_the_worlds_seed(tmp_path):
    world = msgspec.structs.replace(CELL.world, tracker_noise_m=0.01)
    cell = msgspec.structs.replace(CELL, world=world)
    rows = []
    for _ in range(2):
        camera, (tracker,) = sim_camera(tmp_path, "top", cell)
        with world_ring(tmp_path) as ring:
            ring.write(pack_world_state(WORLD.state(soon())))
            with camera:
                rows.append(tracker.measure(camera.read(2.0)))
        time.sleep(0.001)
    truth = BoardFrame.of_task(CELL.task).pose_to_table(WORLD.state(MonoNs(0)).block_pose_px)
    assert np.array_equal(rows[0], rows[1])
    assert 1e-5 < np.abs(rows[0] - truth)[:2].max() < 0.06


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("none", {}, "cameras.none: got nothing"),
        ("top", {"world": None}, "world: got nothing, expected a table; mock cells only"),
    ],
)
def test_refuses_what_a_mock_cell_does_not_have(tmp_path, name, changes, says):
    cell = msgspec.structs.replace(CELL, **changes)
    with pytest.raises(ConfigError, match=says):
        sim_camera(tmp_path, name, cell)


def test_refuses_a_tracker_that_does_not_exist(tmp_path):
    top = msgspec.structs.replace(CELL.cameras["top"], tracks=("hand",))
    cell = msgspec.structs.replace(CELL, cameras={"top": top})
    with pytest.raises(ConfigError, match=r"cameras.top.tracks: got 'hand', expected only"):
        sim_camera(tmp_path, "top", cell)
