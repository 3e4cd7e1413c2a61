"""What the figures of a policy's run are made from, out of the episode that recorded it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MS, S
from robotd.core.config import CellConfig
from robotd.core.ur_models import UR_MODELS
from robotd.episodes.episode_file import EpisodeFile
from robotd.episodes.reader import Episode
from robotd.episodes.streams import Streams
from robotd.modes.arm_figures import action_ages
from robotd.modes.run.policy_notes import ACT, OVER, TAKEN_OVER

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRun:
    """From the policy's start until the arm rested.

    Attributes:
        cell: The cell's name.
        policy: The policy's.
        seed: Start of the world and of the noise; -1 where the episode does not say.
        outcome: Why it ended.
        message: The sentence that goes with it.
        takeovers_n: How often a person drove instead.
        rate_hz: The arm's cycles.
        realtime: Whether the arm process had all real-time rights.
        board_m: Side of the board.
        t_start_ns, t_end_ns: From when to when the policy drove.
        tick_t_ns: (N,) the arm's cycles, those of the brake too.
        late_ms, skipped_n, phase, limit, accepted: (N,) of each.
        tool_px: (N, 2, 2) where the tool was over the board, measured and commanded.
        world_t_s: (M,) times of the world's samples, from the start; none behind the end.
        block_px: (M, 3) the block.
        coverage, best_score: (M,) of the goal.
        actions: (H, A) of each chunk, oldest first.
        round_trip_ms, infer_ms: Of each question that was answered.
        action_age_ms: First row sent minus observation, of each chunk that was executed.
    """

    cell: str
    policy: str
    seed: int
    outcome: str
    message: str
    takeovers_n: int
    rate_hz: float
    realtime: bool
    board_m: float
    t_start_ns: int
    t_end_ns: int
    tick_t_ns: Ints
    late_ms: Array
    skipped_n: Ints
    phase: Ints
    limit: Ints
    accepted: NDArray[np.bool_]
    tool_px: Array
    world_t_s: Array
    block_px: Array
    coverage: Array
    best_score: Array
    actions: tuple[Array, ...]
    round_trip_ms: Array
    infer_ms: Array
    action_age_ms: Array

    @property
    def duration_s(self) -> float:
        """How long the policy drove [s]."""
        return (self.t_end_ns - self.t_start_ns) / S


def load_run(episode: Episode) -> RecordedRun:
    """Reduce a recorded episode.

    Raises:
        DatasetError: The cell's configuration in it is damaged.
    """
    return recorded_run(episode.about, episode.cell, episode.streams)


def recorded_run(about: EpisodeFile, cell: CellConfig, streams: Streams) -> RecordedRun:
    """Reduce an episode's description and streams."""
    said, board = about.origin.about, BoardFrame.of_task(cell.task)
    t_start_ns = _time_of(ACT, streams, about.t_first_ns)
    t_end_ns = _time_of(OVER, streams, about.t_last_ns)
    ticks, world = streams.ticks, streams.world
    acting = ticks.t_ns >= t_start_ns
    scored = (world.t_ns >= t_start_ns) & (world.t_ns <= t_end_ns)
    tool_m = np.stack([ticks.T_base_tcp, ticks.T_base_cmd], axis=1)[acting, :, :3, 3]
    answered = [note for note in streams.requests if note.outcome == "answered"]
    return RecordedRun(
        cell=cell.name,
        policy=said.get("policy", ""),
        seed=int(said["seed"]) if said.get("seed", "").isdecimal() else -1,
        outcome=about.outcome,
        message=about.reason,
        takeovers_n=sum(note.name == TAKEN_OVER for note in streams.events),
        rate_hz=UR_MODELS[cell.arm.model].servo_rate_hz,
        realtime=said.get("realtime") == "true",
        board_m=cell.task.board_m,
        t_start_ns=t_start_ns,
        t_end_ns=max(t_start_ns, t_end_ns),
        tick_t_ns=ticks.t_ns[acting],
        late_ms=ticks.late_ns[acting] / MS,
        skipped_n=ticks.skipped_n[acting],
        phase=ticks.phase[acting],
        limit=ticks.limit[acting],
        accepted=ticks.accepted[acting],
        tool_px=board.to_px(tool_m),
        world_t_s=(world.t_ns[scored] - t_start_ns) / S,
        block_px=world.block_pose_px[scored],
        coverage=world.coverage[scored],
        best_score=world.best_score[scored],
        actions=tuple(
            np.frombuffer(note.actions, np.float64).reshape(-1, note.dim) for note in streams.chunks
        ),
        round_trip_ms=_numbers(note.round_trip_s * 1e3 for note in answered),
        infer_ms=_numbers(note.infer_s * 1e3 for note in answered),
        action_age_ms=action_ages(streams)[1],
    )


def _time_of(event: str, streams: Streams, otherwise_ns: int) -> int:
    return next((note.t_ns for note in streams.events if note.name == event), otherwise_ns)


def _numbers(values: Iterable[float]) -> Array:
    return np.fromiter(values, np.float64)
