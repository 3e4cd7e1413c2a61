"""A scripted operator of the mock: sees the cell's rings and moves a device that is not there.

It acts while an episode is being collected and rests otherwise. What it wants is a velocity of the
tool's target; this says it as the deflection that the cell's own configuration turns back into it.
"""

from math import cos, sin
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MonoNs, S, SystemClock, seconds_to_ns
from robotd.core.config import CellConfig
from robotd.core.config_teleop import TeleopConfig
from robotd.core.protocols import Clock
from robotd.core.types import TeleopSample
from robotd.core.world_state import WorldState
from robotd.sim.operator_view import CellView

Float = NDArray[np.float64]

SETTLE_NS: Final = seconds_to_ns(0.1)
"""It keeps its hands off for so long before it takes hold: the daemon wants to see that."""
UNHEARD_NS: Final = seconds_to_ns(0.6)
"""A device that holds on for so long and moves nothing lets go, and takes hold again."""
_LONGEST_STEP_S: Final = 0.05


class Mover(Protocol):
    """What decides where the tool goes. Places are complex, x + iy [px]."""

    @property
    def done(self) -> bool:
        """Whether it has done what it can in this episode."""
        ...

    def begin(self, world: WorldState) -> None:
        """Forget the last episode: the world stands at a new start."""
        ...

    def step(self, target: complex, world: WorldState, dt_s: float, *, moves: bool) -> complex:
        """Return the velocity of the tool's target [px/s]. Takes a few ms at most.

        Args:
            target: Where the tool's target is now.
            world: As it was last seen.
            dt_s: Time since the last step.
            moves: Whether the tool may move yet.
        """
        ...


class Stick:
    """Turns velocities on the board into deflections of a device."""

    def __init__(self, config: TeleopConfig, board: BoardFrame) -> None:
        self._speed_m_s, self._deadzone = config.speed_m_s, config.deadzone
        c, s = cos(config.yaw_rad), sin(config.yaw_rad)
        R_device_base = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
        self._device_per_px = R_device_base @ board.T_base_table[:3, :2] / board.px_per_m

    def deflection(self, velocity_px_s: complex) -> Float:
        """Return the (6,) deflection that asks for a velocity; the direction is kept when clipped.

        The dead zone is taken into account: beyond it the speed grows from zero.
        """
        wanted = self._device_per_px @ [velocity_px_s.real, velocity_px_s.imag] / self._speed_m_s
        wanted /= max(1.0, float(np.abs(wanted).max()))
        shifted = np.sign(wanted) * (self._deadzone + (1.0 - self._deadzone) * np.abs(wanted))
        return np.concatenate([np.where(np.abs(wanted) < 1e-4, 0.0, shifted), np.zeros(3)])


class ScriptedOperator:
    """Implements `TeleopDevice`; a context manager that holds the cell's rings open."""

    def __init__(
        self, run_dir: Path, cell: CellConfig, mover: Mover, clock: Clock | None = None
    ) -> None:
        """Prepare.

        Args:
            run_dir: Of the cell's daemon.
            cell: A mock cell.
            mover: What decides.
            clock: The robot computer's; default: the system's.
        """
        self._view = CellView(run_dir, cell.task)
        self._stick = Stick(cell.teleop, BoardFrame.of_task(cell.task))
        self._button = cell.teleop.deadman_button
        self._mover = mover
        self._clock: Clock = SystemClock() if clock is None else clock
        self._world_episode = -1
        self._read_ns = self._clock.now()
        self._hold_from_ns = self._heard_ns = self._read_ns
        self._acting = False
        self._number = 0

    def read(self) -> TeleopSample:
        """Look, think for some ms, and return what the hand does."""
        now = self._clock.now()
        dt_s = min(max((now - self._read_ns) / S, 1e-3), _LONGEST_STEP_S)
        self._read_ns = now
        self._number += 1
        self._view.look()
        world = self._view.world
        if world is None:
            return self._let_go(now)
        if world.episode != self._world_episode:
            self._world_episode = world.episode
            self._mover.begin(world)
        acts = self._acts(world)
        if acts and not self._acting:
            self._hold_from_ns = MonoNs(now + SETTLE_NS)
            self._heard_ns = self._hold_from_ns
        self._acting = acts
        if self._mover.done:
            return self._let_go(now)
        holds = acts and self._holds(now)
        velocity = self._mover.step(self._view.target(now), world, dt_s, moves=holds)
        if not holds:
            return self._let_go(now)
        return TeleopSample(
            t_ns=now,
            number=self._number,
            deflection=self._stick.deflection(velocity),
            buttons=frozenset((self._button,)),
        )

    def _let_go(self, now: MonoNs) -> TeleopSample:
        return TeleopSample(t_ns=now, number=self._number, deflection=np.zeros(6))

    def _acts(self, world: WorldState) -> bool:
        return self._view.collecting and self._view.armed and not world.success

    def _holds(self, now: MonoNs) -> bool:
        """Whether the button is held now: not just after the begin, and again where unheard."""
        if now < self._hold_from_ns:
            return False
        if self._view.obeyed:
            self._heard_ns = now
        elif now - max(self._heard_ns, self._hold_from_ns) > UNHEARD_NS:
            self._hold_from_ns = MonoNs(now + SETTLE_NS)
            return False
        return True

    def __enter__(self) -> Self:
        """Nothing to open: rings are found when their writers have made them."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the rings go."""
        self._view.close()
