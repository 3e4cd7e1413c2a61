"""Orders to the simulated world of a mock cell."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robotd.core.ring import RingWriter
from robotd.core.run_files import WORLD_ORDERS
from robotd.core.world_state import WORLD_ORDER_BYTES, WorldOrder, pack_world_order

KEPT_N = 8


class WorldOrders:
    """Their only writer.

    Attributes:
        episode: Number of the last order; `WorldState.episode` follows it.
    """

    def __init__(self, run_dir: Path) -> None:
        self._ring = RingWriter.create(run_dir / WORLD_ORDERS, WORLD_ORDER_BYTES, KEPT_N)
        self.episode = 0

    def reset(self, seed: int, board_state: NDArray[np.float64] | None = None) -> int:
        """Order a start by a seed, or at a (5,) state of the board; return the order's number."""
        self.episode += 1
        order = WorldOrder(episode=self.episode, seed=seed, board_state=board_state)
        self._ring.write(pack_world_order(order))
        return self.episode

    def close(self) -> None:
        """Unmap the ring."""
        self._ring.close()
