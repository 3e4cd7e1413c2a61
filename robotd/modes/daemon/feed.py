"""What the conductor knows of its cell: the newest part of every ring, read once a cycle."""

from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from robotd.core.arm_records import unpack_tick
from robotd.core.clock import MonoNs
from robotd.core.config import CellConfig
from robotd.core.errors import CorruptRecordError
from robotd.core.ring import RingReader
from robotd.core.run_files import ARM_RING, WORLD_RING, camera_ring, signal_ring
from robotd.core.sample_records import unpack_frame, unpack_signal
from robotd.core.types import ArmTick, Frame
from robotd.core.world_state import WorldState, unpack_world_state
from robotd.pipeline.observe import Stream
from robotd.pipeline.recent import Recent

LATE_KEPT_N = 5000
"""Ticks whose lateness `status` shows."""

T = TypeVar("T")


class Tail(Generic[T]):
    """The newest records of one ring as items; damaged ones are counted and left out."""

    def __init__(self, path: Path, unpack: Callable[[bytes], T]) -> None:
        self._ring, self._unpack = RingReader(path), unpack
        self._index = -1
        self.damaged_n = 0
        self.lost_n = 0

    def read(self) -> list[T]:
        """Return what came since the last call, oldest first; nothing from a file that is no ring.

        Whoever waits for items sees them stop.
        """
        try:
            backlog = self._ring.since(self._index)
        except CorruptRecordError:
            self.damaged_n += 1
            return []
        self.lost_n += backlog.lost_n
        items: list[T] = []
        for record in backlog.records:
            self._index = record.index
            try:
                items.append(self._unpack(record.payload))
            except CorruptRecordError:
                self.damaged_n += 1
        return items

    def close(self) -> None:
        """Unmap the ring."""
        self._ring.close()


class Feed:
    """Reads the rings of a cell. Pictures are read only for the cameras that a policy observes.

    Attributes:
        tick: The arm's newest; None before the first.
        world: The simulated world's newest; None before the first and in a real cell.
    """

    def __init__(self, cell: CellConfig, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._ticks = Tail(run_dir / ARM_RING, unpack_tick)
        self._worlds = Tail(run_dir / WORLD_RING, unpack_world_state) if cell.mock else None
        keys = {key for camera in cell.cameras.values() for key in camera.tracks}
        self._signals = {
            key: Tail(run_dir / signal_ring(key), unpack_signal) for key in sorted(keys)
        }
        self._cameras: dict[str, Tail[Frame]] = {}
        self._recent = Recent()
        self.late_ns: deque[int] = deque(maxlen=LATE_KEPT_N)
        self.tick: ArmTick | None = None
        self.world: WorldState | None = None

    def watch_cameras(self, names: frozenset[str]) -> None:
        """Read the pictures of these cameras from now on, and of no others."""
        for name in set(self._cameras) - names:
            self._cameras.pop(name).close()
            self._recent.drop_camera(name)
        for name in names - set(self._cameras):
            self._cameras[name] = Tail(self._run_dir / camera_ring(name), unpack_frame)

    def read(self, now: MonoNs) -> tuple[list[ArmTick], list[WorldState]]:
        """Read all rings; return the arm's ticks and the world's states since the last call."""
        ticks = self._ticks.read()
        for tick in ticks:
            self.tick = tick
            self.late_ns.append(tick.late_ns)
        self._recent.add_states(tick.state for tick in ticks)
        worlds = self._worlds.read() if self._worlds else []
        self.world = worlds[-1] if worlds else self.world
        for key, tail in self._signals.items():
            self._recent.add_signals(key, tail.read())
        for name, tail in self._cameras.items():
            self._recent.add_frames(name, tail.read())
        self._recent.forget(now)
        return ticks, worlds

    def streams(self) -> Mapping[str, Stream]:
        """Return the newest part of every stream under the names that `observe` knows."""
        return self._recent.streams()

    def close(self) -> None:
        """Unmap all rings."""
        tails = [self._ticks, *self._signals.values(), *self._cameras.values()]
        for tail in [*tails, *([self._worlds] if self._worlds else [])]:
            tail.close()
