"""The world's process: steps the board at 100 Hz under the arm's measured tool, publishes it."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_records import unpack_tick
from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MonoNs, SystemClock, seconds_to_ns
from robotd.core.config import CellConfig
from robotd.core.errors import ConfigError
from robotd.core.process import StopFlag, announce_ready, die_with_parent
from robotd.core.process_names import WORLD
from robotd.core.protocols import Clock
from robotd.core.ring import RingReader, RingWriter
from robotd.core.run_files import ARM_RING, WORLD_ORDERS, WORLD_RING
from robotd.core.world_state import WORLD_STATE_BYTES, pack_world_state, unpack_world_order
from robotd.sim.world import STEP_S, World

MAX_STEPS: Final = 20
"""A late cycle makes up for so many steps at most; the rest of the time is lost to the world."""

_SLOTS: Final = 256
_PERIOD_NS: Final = seconds_to_ns(STEP_S)


class WorldLink:
    """One world between the rings of its run: the arm's and the orders' in, its own out.

    Needs no arm and no orders: without them the board rests at its configured start.
    """

    def __init__(self, world: World, run_dir: Path) -> None:
        """Open the rings of a run directory; the world's is made anew."""
        self._world = world
        self._ticks = RingReader(run_dir / ARM_RING)
        self._orders = RingReader(run_dir / WORLD_ORDERS)
        self._out = RingWriter.create(run_dir / WORLD_RING, WORLD_STATE_BYTES, _SLOTS)
        self._tick_index = self._order_index = -1
        self._T_base_tcp: NDArray[np.float64] | None = None

    def cycle(self, now_ns: MonoNs, steps: int) -> None:
        """Obey a new order, let `steps` steps pass under the newest tool pose, publish.

        Raises:
            CorruptRecordError: A ring holds what is not its kind of record.
        """
        if (order := self._orders.newest(self._order_index)) is not None:
            self._order_index = order.index
            begin = unpack_world_order(order.payload)
            if begin.board_state is None:
                self._world.reset(begin.seed, begin.episode)
            else:
                self._world.place(begin.board_state, begin.episode, seed=begin.seed)
        if (tick := self._ticks.newest(self._tick_index)) is not None:
            self._tick_index = tick.index
            self._T_base_tcp = unpack_tick(tick.payload).state.T_base_tcp
        self._world.step(self._T_base_tcp, steps)
        self._out.write(pack_world_state(self._world.state(now_ns)))

    def close(self) -> None:
        """Unmap the rings."""
        for ring in (self._ticks, self._orders, self._out):
            ring.close()


def run_world(link: WorldLink, clock: Clock, stopped: Callable[[], bool]) -> None:
    """Cycle at absolute deadlines, 100 a second, until `stopped`; late cycles never burst."""
    deadline_ns, steps = clock.now(), 1
    while not stopped():
        now_ns = clock.now()
        link.cycle(now_ns, min(steps, MAX_STEPS))
        steps = 1 + max(0, clock.now() - deadline_ns) // _PERIOD_NS
        deadline_ns = MonoNs(deadline_ns + steps * _PERIOD_NS)
        clock.sleep_until(deadline_ns)


def main(run_dir: Path, cell: CellConfig) -> None:
    """Be the world of a mock cell until SIGTERM, SIGINT or the parent's end.

    Raises:
        ConfigError: The cell has no `[world]`: it is a real one.
        CorruptRecordError: A ring of the run holds what is not its kind of record.
    """
    if cell.world is None:
        raise ConfigError(
            cell.name, "world", got="nothing", expected="a [world] table", hint="only mocks have it"
        )
    world = World(BoardFrame.of_task(cell.task), cell.task.tip_height_m, cell.world.seed)
    with StopFlag() as stop, closing(WorldLink(world, run_dir)) as link:
        die_with_parent()
        link.cycle(SystemClock().now(), 1)
        announce_ready(run_dir, WORLD)
        run_world(link, SystemClock(), lambda: stop.requested)
