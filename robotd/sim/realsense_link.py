"""An emulated RealSense camera with its trackers, looking at the world's ring of a run."""

from pathlib import Path
from zlib import crc32

from robotd.core.config import CellConfig
from robotd.core.protocols import Tracker
from robotd.sim.camera_link import block_trackers, sim_camera
from robotd.sim.realsense_device import EmulatedRealsense
from robotd.sim.realsense_faults import FaultsFile, faults_file


def emulated_serial(name: str, configured: str) -> str:
    """Return the number of a mock's camera: as configured, or one that its name gives."""
    return configured or f"{crc32(name.encode()):012d}"


def emulated_realsense(
    run_dir: Path, name: str, cell: CellConfig
) -> tuple[EmulatedRealsense, list[Tracker]]:
    """Build camera `name` of a mock cell, and the trackers that its driver is to feed.

    Raises:
        ConfigError: The cell has no such camera or no world, or no such tracker exists.
    """
    feed, _ = sim_camera(run_dir, name, cell)
    config = cell.cameras[name]
    device = EmulatedRealsense(
        emulated_serial(name, config.serial),
        config,
        feed,
        faults=FaultsFile(faults_file(run_dir, name)),
        seed=crc32(name.encode()),
    )
    return device, block_trackers(name, cell, feed.state_near)
