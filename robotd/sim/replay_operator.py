"""The scripted operator that moves the tool as a person did in a recorded Push-T demonstration.

The demonstration's actions pulled a simulated agent; its path is what the tool follows. Where that
was faster than the device's full scale, the demonstration's own clock goes slower: the block has no
memory of speed, so the path alone decides what becomes of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.board_frame import BoardFrame
from robotd.core.config import CellConfig
from robotd.core.protocols import Clock
from robotd.core.pusht_agent import KP_S2, KV_S, PHYSICS_HZ
from robotd.core.world_state import WorldState
from robotd.sim.operator import ScriptedOperator
from robotd.sim.pusht_protocol import ACTION_HZ

Float = NDArray[np.float64]

GAIN_S: Final = 6.0
"""How fast a distance from the path is made up for [1/s]."""

DELAY_S: Final = 0.05
"""From a sample to the target's obeying it: the daemon's cycles, and its bound on jerk."""

_SHARE: Final = 0.9  # of full scale for the path; the rest is for what is missing
_NEAR_PX: Final = 4.0  # further away from the path its clock goes slower,
_LOST_PX: Final = 20.0  # and stands


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """What a person did, 10 rows a second.

    Attributes:
        start_xy_px: (2,) where the agent was at the first row.
        action_xy_px: (T, 2) where it was pulled to from each row on.
    """

    start_xy_px: Float
    action_xy_px: Float

    def __post_init__(self) -> None:
        if self.start_xy_px.shape != (2,):
            raise ValueError(f"Demonstration.start_xy_px: got {self.start_xy_px.shape}, not (2,)")
        if self.action_xy_px.ndim != 2 or self.action_xy_px.shape[1:] != (2,):
            raise ValueError(
                f"Demonstration.action_xy_px: got {self.action_xy_px.shape}, expected (T, 2)"
            )


def agent_path(demonstration: Demonstration) -> Float:
    """Return the (10 T + 1, 2) places of the agent [px], 100 a second, from rest at the start."""
    dt_s = 1.0 / PHYSICS_HZ
    position, velocity = demonstration.start_xy_px.astype(np.float64), np.zeros(2)
    path = [position]
    for action in np.repeat(demonstration.action_xy_px, PHYSICS_HZ // ACTION_HZ, axis=0):
        velocity = velocity + (KP_S2 * (action - position) - KV_S * velocity) * dt_s
        position = position + velocity * dt_s
        path.append(position)
    return np.array(path)


class ReplayingMover:
    """Implements `Mover`: the world's seed is the number of the demonstration."""

    def __init__(
        self,
        demonstrations: Sequence[Demonstration],
        full_scale_px_s: float,
        lag_s: float = 0.0,
        delay_s: float = 0.0,
    ) -> None:
        """Take the demonstrations.

        Args:
            demonstrations: By number.
            full_scale_px_s: The fastest that the device can ask for.
            lag_s: Time constant from the target to the tool [s]: the target goes so much ahead
                that the tool, not the target, keeps to the path.
            delay_s: Time from a wish to the target's obeying it [s]: what is missing is measured
                against what has been heard by then.
        """
        self._demonstrations = demonstrations
        self._full_scale_px_s = full_scale_px_s
        self._lag_s, self._delay_s = lag_s, delay_s
        self._path = np.zeros(1, dtype=np.complex128)
        self._at_s = 0.0
        self._won = True

    @property
    def done(self) -> bool:
        """Whether the demonstration has ended, the block is in its goal, or there is none."""
        return self._won or self._at_s * PHYSICS_HZ >= len(self._path) - 1

    @property
    def at_s(self) -> float:
        """How far into the demonstration it is."""
        return self._at_s

    def begin(self, world: WorldState) -> None:
        """Begin the demonstration that the world names; where there is none, rest."""
        self._at_s, self._path = 0.0, np.zeros(1, dtype=np.complex128)
        self._won = world.success
        if world.seed < len(self._demonstrations):
            path = agent_path(self._demonstrations[world.seed])
            path = path + self._lag_s * PHYSICS_HZ * np.gradient(path, axis=0)
            self._path = path[:, 0] + 1j * path[:, 1]

    def step(self, target: complex, world: WorldState, dt_s: float, *, moves: bool) -> complex:
        """Return the velocity of the tool's target [px/s]."""
        self._won = world.success
        if self.done or not moves:
            return 0j
        _, speed = self._at(self._at_s)
        heard, _ = self._at(self._at_s - self._delay_s)
        missing = heard - target
        rate = min(1.0, _SHARE * self._full_scale_px_s / max(abs(speed), 1e-9))
        late = (abs(missing) - _NEAR_PX) / (_LOST_PX - _NEAR_PX)
        rate *= 1.0 - min(max(late, 0.0), 1.0)
        self._at_s += rate * dt_s
        return speed * rate + missing * GAIN_S

    def _at(self, at_s: float) -> tuple[complex, complex]:
        """Return place and velocity of the tool at an instant of the demonstration."""
        at = max(at_s, 0.0) * PHYSICS_HZ
        row = min(int(at), len(self._path) - 2)
        before, after = complex(self._path[row]), complex(self._path[row + 1])
        return before + (after - before) * (at - row), (after - before) * PHYSICS_HZ


def build(
    run_dir: Path,
    cell: CellConfig,
    demonstrations: Sequence[Demonstration],
    clock: Clock | None = None,
) -> ScriptedOperator:
    """Return the operator of a mock cell.

    Args:
        run_dir: Of the cell's daemon.
        cell: The cell; its world is to be placed at demonstration i's start by an order of seed i.
        demonstrations: By number.
        clock: Default: the system's.
    """
    full_scale_px_s = cell.teleop.speed_m_s * BoardFrame.of_task(cell.task).px_per_m
    mover = ReplayingMover(
        demonstrations, full_scale_px_s, lag_s=cell.arm.action_latency_s, delay_s=DELAY_S
    )
    return ScriptedOperator(run_dir, cell, mover, clock)
