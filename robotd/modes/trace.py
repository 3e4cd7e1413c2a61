"""What a run leaves for its figures: every tick, chunk and world sample, as plain arrays.

The recorder keeps demonstrations; this keeps the numbers of one run small enough to hold in memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from robotd.core.board_frame import BoardFrame
from robotd.core.types import ActionChunk, ArmTick
from robotd.core.whole_file import whole_file
from robotd.core.world_state import WorldState


class ChunkRow(msgspec.Struct, frozen=True, kw_only=True):
    """One chunk's life. Times in ns of the monotonic clock.

    Attributes:
        t_sent_ns: When its first executed row was handed to the arm; 0 where none ever was.
        first_row: Index of the first row executed; -1 where none was.
    """

    t_obs_ns: int
    t_arrived_ns: int
    t_sent_ns: int
    first_row: int
    round_trip_ms: float
    infer_ms: float


class RunMeta(msgspec.Struct, frozen=True, kw_only=True):
    """What the run was."""

    cell: str
    policy: str
    checkpoint_sha256: str
    seed: int
    outcome: str
    message: str
    t_start_ns: int
    t_end_ns: int
    rate_hz: float
    realtime: bool
    board_m: float


@dataclass(slots=True)
class RunTrace:
    """Collects a run, then writes it as one .npz without objects.

    Attributes:
        board: Where the board lies, to store the tool's path in its px.
    """

    board: BoardFrame
    _ticks: list[tuple[int, int, int, int, int, bool, int, float]] = field(default_factory=list)
    _tool: list[tuple[float, ...]] = field(default_factory=list)
    _world: list[tuple[int, float, float, float, float, float, float, float]] = field(
        default_factory=list
    )
    _chunks: list[ChunkRow] = field(default_factory=list)
    _actions: list[NDArray[np.float64]] = field(default_factory=list)

    def tick(self, tick: ArmTick) -> None:
        """Add one arm cycle."""
        error_rad = float(np.abs(tick.q_cmd_rad - tick.state.q_rad).max())
        self._ticks.append(
            (
                tick.t_ns,
                tick.late_ns,
                tick.skipped_n,
                int(tick.phase),
                int(tick.verdict.limit),
                tick.verdict.accepted,
                tick.plan_epoch,
                error_rad,
            )
        )
        # Numbers, not views: those would keep the whole record alive.
        measured, commanded = tick.state.T_base_tcp[:3, 3], tick.T_base_cmd[:3, 3]
        self._tool.append((*measured.tolist(), *commanded.tolist()))

    def world(self, state: WorldState) -> None:
        """Add one sample of the simulated world."""
        x, y, angle = (float(v) for v in state.block_pose_px)
        agent_x, agent_y = (float(v) for v in state.agent_xy_px)
        self._world.append(
            (state.t_ns, agent_x, agent_y, x, y, angle, state.coverage, state.best_score)
        )

    def chunk(self, chunk: ActionChunk, row: ChunkRow) -> None:
        """Add one chunk and what became of it."""
        self._chunks.append(row)
        self._actions.append(np.asarray(chunk.actions))

    @property
    def ticks_n(self) -> int:
        """Cycles collected."""
        return len(self._ticks)

    def save(self, path: Path, meta: RunMeta) -> None:
        """Write all of it; the file appears complete or not at all.

        Raises:
            OSError: The disk is full or the folder is gone.
        """
        ticks = np.array(self._ticks, dtype=np.float64).reshape(-1, 8)
        tool_m = np.array(self._tool, dtype=np.float64).reshape(-1, 2, 3)
        arrays: dict[str, NDArray[Any]] = {
            "tick_t_ns": np.array([t[0] for t in self._ticks], dtype=np.int64),
            "tick_late_ms": ticks[:, 1] * 1e-6,
            "tick_skipped": ticks[:, 2].astype(np.int64),
            "tick_phase": ticks[:, 3].astype(np.int8),
            "tick_limit": ticks[:, 4].astype(np.int8),
            "tick_accepted": ticks[:, 5].astype(bool),
            "tick_epoch": ticks[:, 6].astype(np.int64),
            "tick_error_rad": ticks[:, 7],
            "tool_px": self.board.to_px(tool_m).reshape(-1, 4),
            "world_t_ns": np.array([w[0] for w in self._world], dtype=np.int64),
            "world": np.array([w[1:] for w in self._world], dtype=np.float64).reshape(-1, 7),
            "chunk": np.array(
                [msgspec.structs.astuple(row) for row in self._chunks], dtype=np.float64
            ).reshape(-1, len(ChunkRow.__struct_fields__)),
            "chunk_t_ns": np.array(
                [(c.t_obs_ns, c.t_arrived_ns, c.t_sent_ns) for c in self._chunks], dtype=np.int64
            ).reshape(-1, 3),
            "chunk_actions": np.array(self._actions, dtype=np.float64),
            "meta": np.frombuffer(msgspec.json.encode(meta), dtype=np.uint8),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial, partial.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedTrace:
    """A trace read back."""

    meta: RunMeta
    arrays: Mapping[str, NDArray[Any]]


def load_trace(path: Path) -> LoadedTrace:
    """Read what `RunTrace.save` wrote."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    meta = msgspec.json.decode(arrays.pop("meta").tobytes(), type=RunMeta)
    return LoadedTrace(meta=meta, arrays=arrays)
