"""What the simulated world says of itself and what it is told, as items and as bytes of a ring."""

import struct
from dataclasses import dataclass
from math import inf, isfinite, isnan

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import MonoNs
from robotd.core.config import SEEDS_N
from robotd.core.errors import CorruptRecordError

_STATE = struct.Struct("<4s4x5q11d")
_ORDER = struct.Struct("<4s4x3q5d")
_STATE_TAG, _ORDER_TAG = b"WLD1", b"WOR2"

WORLD_STATE_BYTES = _STATE.size
"""Size of a `WorldState`."""

WORLD_ORDER_BYTES = _ORDER.size
"""Size of a `WorldOrder`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldOrder:
    """An order to begin an episode.

    Attributes:
        episode: Its number, above zero; another number than the last one resets the world.
        seed: Of the start, by the paper's protocol; 0 to 2**32 - 1. Beside a `board_state` it only
            names the start.
        board_state: (5,) agent x, y, block x, y [px], block angle [rad] to start at instead of
            what the seed gives; None: by the seed.
    """

    episode: int
    seed: int
    board_state: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.seed < SEEDS_N:
            raise ValueError(f"WorldOrder.seed: got {self.seed}, expected 0 to {SEEDS_N - 1}")
        if (state := self.board_state) is not None:
            if state.shape != (5,) or not bool(np.isfinite(state).all()):
                raise ValueError(
                    f"WorldOrder.board_state: got {state.tolist()}, expected 5 finite numbers"
                )
            state.setflags(write=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldState:
    """The board at one instant; px are 1/512 of its side, x to the right, y down.

    Attributes:
        t_ns: When it was so.
        episode: The order that it obeys; 0 before the first.
        seed: Of the episode's start.
        step_n: Steps of 0.01 s since the start.
        start_xy_px: (2,) where the paper's protocol puts the tool at the start.
        agent_xy_px: (2,) where the tool is over the board.
        tool_height_m: Height of the tool over the table; inf while there is no arm.
        block_pose_px: (3,) the block's x, y [px] and angle in [0, 2 pi) [rad].
        coverage: area(block and goal) / area(goal), 0 to 1.
        best_coverage: The largest since the start, looked at 10 times a second as in the paper.
        best_score: The paper's score so far, 0 to 1.
        success: The episode is won.
    """

    t_ns: MonoNs
    episode: int
    seed: int
    step_n: int
    start_xy_px: NDArray[np.float64]
    agent_xy_px: NDArray[np.float64]
    tool_height_m: float
    block_pose_px: NDArray[np.float64]
    coverage: float
    best_coverage: float
    best_score: float
    success: bool

    def __post_init__(self) -> None:
        for name, size in (("start_xy_px", 2), ("agent_xy_px", 2), ("block_pose_px", 3)):
            array: NDArray[np.float64] = getattr(self, name)
            if array.shape != (size,):
                raise ValueError(f"WorldState.{name}: got {array.shape}, expected ({size},)")
            array.setflags(write=False)

    @property
    def board_state(self) -> NDArray[np.float64]:
        """(5,) agent x, y, block x, y [px], block angle [rad]: the benchmark's state."""
        return np.concatenate([self.agent_xy_px, self.block_pose_px])


def pack_world_state(state: WorldState) -> bytes:
    """Return the record of `state`."""
    return _STATE.pack(
        _STATE_TAG,
        state.t_ns,
        state.episode,
        state.seed,
        state.step_n,
        state.success,
        *state.start_xy_px,
        *state.agent_xy_px,
        *state.block_pose_px,
        state.tool_height_m,
        state.coverage,
        state.best_coverage,
        state.best_score,
    )


def unpack_world_state(payload: bytes) -> WorldState:
    """Read a record of `pack_world_state`.

    Raises:
        CorruptRecordError: Another length or tag, or a number that is not finite.
    """
    _check("world state", payload, _STATE, _STATE_TAG)
    _, t_ns, episode, seed, step_n, success, *numbers = _STATE.unpack(payload)
    height_m = numbers[7]
    if isnan(height_m) or height_m == -inf:
        raise CorruptRecordError(f"world state: got a tool height of {height_m} m")
    if not all(isfinite(number) for number in (*numbers[:7], *numbers[8:])):
        raise CorruptRecordError("world state: got a number that is not finite")
    return WorldState(
        t_ns=MonoNs(t_ns),
        episode=episode,
        seed=seed,
        step_n=step_n,
        start_xy_px=np.array(numbers[0:2]),
        agent_xy_px=np.array(numbers[2:4]),
        block_pose_px=np.array(numbers[4:7]),
        tool_height_m=height_m,
        coverage=numbers[8],
        best_coverage=numbers[9],
        best_score=numbers[10],
        success=bool(success),
    )


def pack_world_order(order: WorldOrder) -> bytes:
    """Return the record of `order`."""
    given = order.board_state is not None
    state = order.board_state if order.board_state is not None else np.zeros(5)
    return _ORDER.pack(_ORDER_TAG, order.episode, order.seed, given, *state)


def unpack_world_order(payload: bytes) -> WorldOrder:
    """Read a record of `pack_world_order`.

    Raises:
        CorruptRecordError: Another length or tag, a seed out of range or a state not finite.
    """
    _check("world order", payload, _ORDER, _ORDER_TAG)
    _, episode, seed, given, *state = _ORDER.unpack(payload)
    try:
        return WorldOrder(
            episode=episode, seed=seed, board_state=np.array(state) if given else None
        )
    except ValueError as error:
        raise CorruptRecordError(str(error)) from error


def _check(name: str, payload: bytes, layout: struct.Struct, tag: bytes) -> None:
    if len(payload) != layout.size or payload[:4] != tag:
        raise CorruptRecordError(
            f"{name}: got {len(payload)} bytes tagged {payload[:4]!r}, "
            f"expected {layout.size} tagged {tag!r}"
        )
