"""A run of the mock cell with one camera that tracks the block, for tests of its processes."""

import time
from contextlib import contextmanager

import msgspec

from robotd.core.config import CameraConfig, CellConfig
from robotd.core.config_load import load_toml
from robotd.core.data_files import data_file
from robotd.core.ring import RingReader
from robotd.core.run_files import CELL_FILE
from robotd.core.rundir import RunDir
from robotd.modes.drivers import direct


@contextmanager
def camera_run(base, kind, rate_hz):
    """The run's folder below `base`."""
    cell = load_toml(data_file("configs/mock/cell.toml"), CellConfig)
    camera = CameraConfig(
        kind=kind,
        view="board",
        width_px=96,
        height_px=96,
        rate_hz=rate_hz,
        latency_s=0.03,
        tracks=("block_pose",),
    )
    cell = msgspec.structs.replace(cell, cameras={"top": camera})
    if kind == "sim":
        cell = direct(cell)
    with RunDir.create("cameratest", base=base) as run:
        (run.path / CELL_FILE).write_bytes(msgspec.json.encode(cell))
        yield run.path


def read_all(path, unpack):
    """What a ring holds."""
    with RingReader(path) as ring:
        return [unpack(record.payload) for record in ring.since(-1).records]


def wait_for(condition, timeout_s=20.0):
    """Until it holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
