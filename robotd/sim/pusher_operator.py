"""The scripted operator that pushes the T into its goal by itself."""

from pathlib import Path

from robotd.core.config import CellConfig
from robotd.core.protocols import Clock
from robotd.core.world_state import WorldState
from robotd.sim.operator import ScriptedOperator
from robotd.sim.pusher import Pusher
from robotd.sim.pusher_plan import PushPlanner


class PushingMover:
    """Implements `Mover` with a `Pusher` an episode; it thinks ahead before the episode begins."""

    def __init__(self) -> None:
        self._planner = PushPlanner()
        self._pusher = Pusher(self._planner)
        self._won = False

    @property
    def done(self) -> bool:
        """Whether the block lies in its goal."""
        return self._won

    def begin(self, world: WorldState) -> None:
        """Forget the last episode."""
        self._pusher = Pusher(self._planner)
        self._won = world.success

    def step(self, target: complex, world: WorldState, dt_s: float, *, moves: bool) -> complex:
        """Return the velocity of the tool's target [px/s]."""
        self._won = world.success
        return self._pusher.step(target, world.block_pose_px, dt_s, moves=moves)


def build(run_dir: Path, cell: CellConfig, clock: Clock | None = None) -> ScriptedOperator:
    """Return the operator of a mock cell.

    Args:
        run_dir: Of the cell's daemon.
        cell: The cell.
        clock: Default: the system's.
    """
    return ScriptedOperator(run_dir, cell, PushingMover(), clock)
