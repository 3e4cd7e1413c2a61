"""A simulated camera with its trackers, looking at the world's ring of a run."""

from pathlib import Path

from robotd.core.board_frame import BoardFrame
from robotd.core.clock import SystemClock
from robotd.core.config import CellConfig
from robotd.core.errors import ConfigError
from robotd.core.protocols import Tracker
from robotd.core.pusht_spec import BLOCK_POSE
from robotd.core.ring import RingReader
from robotd.core.run_files import WORLD_RING
from robotd.core.world_state import WorldState, unpack_world_state
from robotd.sim.camera import SimCamera, drawing
from robotd.sim.tracker import BlockTracker, StateAt


class NewestState:
    """Gives the newest state in a world's ring; survives the world's restarts."""

    def __init__(self, path: Path) -> None:
        self._ring = RingReader(path)
        self._index = -1
        self._state: WorldState | None = None

    def __call__(self) -> WorldState | None:
        """Return the newest state ever read, None before the first; never blocks.

        Raises:
            CorruptRecordError: The ring holds what is not a world's state.
        """
        if (record := self._ring.newest(self._index)) is not None:
            self._index = record.index
            self._state = unpack_world_state(record.payload)
        return self._state


def sim_camera(run_dir: Path, name: str, cell: CellConfig) -> tuple[SimCamera, list[Tracker]]:
    """Build camera `name` of a mock cell, not yet opened, and the trackers that it is to feed.

    Raises:
        ConfigError: The cell has no such camera or no world, or no such tracker exists.
    """
    config = cell.cameras.get(name)
    if config is None or cell.world is None:
        key = "world" if config is not None else f"cameras.{name}"
        raise ConfigError(cell.name, key, got="nothing", expected="a table", hint="mock cells only")
    source = NewestState(run_dir / WORLD_RING)
    draw = drawing(config, cell.task.board_m)
    camera = SimCamera(f"camera {name}", config, draw, source, SystemClock())
    return camera, block_trackers(name, cell, camera.state_at)


def block_trackers(name: str, cell: CellConfig, state_at: StateAt) -> list[Tracker]:
    """Build the trackers of camera `name` of a mock cell.

    Args:
        name: Of the camera.
        cell: A mock cell.
        state_at: What its frame of an instant shows.

    Raises:
        ConfigError: No such tracker exists.
    """
    config, world = cell.cameras[name], cell.world
    if world is None:
        return []
    trackers: list[Tracker] = []
    for key in config.tracks:
        if key != BLOCK_POSE:
            at = f"cameras.{name}.tracks"
            raise ConfigError(cell.name, at, got=f"{key!r}", expected=f"only {BLOCK_POSE!r}")
        tracker = BlockTracker(
            BoardFrame.of_task(cell.task),
            state_at,
            noise_m=world.tracker_noise_m,
            noise_rad=world.tracker_noise_rad,
            seed=world.seed,
        )
        trackers.append(tracker)
    return trackers
