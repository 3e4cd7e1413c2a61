"""Where an episode starts, as messages have it: the mock's world, and the tool."""

from typing import Annotated

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from robotd.core.config import SEEDS_N

Seed = Annotated[int, Meta(ge=0, lt=SEEDS_N)]
Number = Annotated[float, Meta(ge=-1e6, le=1e6)]
"""Of a board's state: finite."""
BoardState = tuple[Number, Number, Number, Number, Number]
Row = tuple[float, float, float, float]


class Place(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an episode starts.

    Attributes:
        seed: Of the mock's world; beside a `board_state` it only names it.
        board_state: Agent x, y, block x, y [px], block angle [rad] of the mock's world; None: by
            the seed.
        T_base_start: The tool's start pose, row by row, of `given`; None: where the world says.
    """

    seed: Seed = 0
    board_state: BoardState | None = None
    T_base_start: tuple[Row, Row, Row, Row] | None = None


def board_state_of(state: NDArray[np.floating]) -> BoardState:
    """Return a (5,) state as a message has it."""
    x, y, block_x, block_y, angle = (float(value) for value in state)
    return x, y, block_x, block_y, angle


def rows_of(T: NDArray[np.float64]) -> tuple[Row, Row, Row, Row]:
    """Return a pose (4, 4) as a message has it."""
    a, b, c, d = (tuple(float(value) for value in row) for row in T)
    return _row(a), _row(b), _row(c), _row(d)


def _row(values: tuple[float, ...]) -> Row:
    a, b, c, d = values
    return a, b, c, d
