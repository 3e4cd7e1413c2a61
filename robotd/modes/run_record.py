"""Keeps account of the episode in progress: its status for clients, its trace for the figures."""

from pathlib import Path

from robotd.core.arm_codes import Limit
from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MonoNs, ns_to_seconds
from robotd.core.config import CellConfig
from robotd.core.figures import quantile
from robotd.core.spec import PolicySpec
from robotd.core.types import ActionChunk, ArmTick
from robotd.core.ur_models import UR_MODELS
from robotd.core.world_state import WorldState
from robotd.modes.episode import Episode
from robotd.modes.messages import RunRequest, RunStatus
from robotd.modes.trace import ChunkRow, RunMeta, RunTrace
from robotd.pipeline.chunk_source import ChunkSource, RequestStats
from robotd.pipeline.executor import ChunkRecord


class RunRecord:
    """From `start` to the end of one episode.

    Attributes:
        request: What was asked for.
        outcome: Why it ended; empty while it goes on.
        problem: The sentence that goes with it; empty when all went well.
        pauses_n: How often it paused.
        closed: The arm rests or is given up: nothing is added any more.
    """

    def __init__(
        self, *, cell: CellConfig, request: RunRequest, episode: Episode, now: MonoNs
    ) -> None:
        self._cell, self.request = cell, request
        self._trace = RunTrace(board=BoardFrame.of_task(cell.task))
        self._stats: dict[int, RequestStats] = {}
        self._t_start_ns = self._t_end_ns = now
        self._episode = episode
        self._first_tick_of_epoch: dict[int, int] = {}
        self._refused_n = self._failures_n = 0
        self._world: WorldState | None = None
        self.pauses_n = 0
        self.outcome = ""
        self.problem = ""
        self.closed = False

    def add(
        self, ticks: list[ArmTick], worlds: list[WorldState], source: ChunkSource | None
    ) -> None:
        """Add what came in one cycle, once the policy acts: ticks until the arm rests.

        The world counts only until the end of the episode: what the brake pushes is no score.
        """
        if self._episode.t_act_ns is None:
            return
        for tick in ticks:
            self._trace.tick(tick)
            self._refused_n += tick.verdict.limit is not Limit.NONE
            self._first_tick_of_epoch.setdefault(tick.plan_epoch, tick.t_ns)
        for state in [] if self.outcome else worlds:
            self._trace.world(state)
            self._world = state
        if source is not None:
            self._stats.update({stats.request_id: stats for stats in source.take_stats()})
            self._failures_n = source.failures.total_n

    def end(self, outcome: str, problem: str, now: MonoNs) -> None:
        """Note the end; the first one counts."""
        if not self.outcome:
            self.outcome, self.problem, self._t_end_ns = outcome, problem, now

    def status(self, now: MonoNs) -> RunStatus:
        """Return the account so far."""
        episode, world = self._episode, self._world
        started_ns = now if episode.t_act_ns is None else episode.t_act_ns
        until_ns = self._t_end_ns if self.outcome else now
        ages_ms = [age * 1e3 for r in self._records() if (age := self._action_age_s(r)) is not None]
        return RunStatus(
            phase="done" if self.outcome else episode.phase.value,
            outcome=self.outcome,
            elapsed_s=max(0.0, ns_to_seconds(until_ns - started_ns)),
            score=world.best_score if world else -1.0,
            coverage=world.coverage if world else -1.0,
            chunks_n=len(self._records()),
            failures_n=self._failures_n,
            action_age_p50_ms=quantile(ages_ms, 0.5),
            action_age_p99_ms=quantile(ages_ms, 0.99),
            refused_n=self._refused_n,
            ticks_n=self._trace.ticks_n,
            pauses_n=self.pauses_n,
        )

    def close(self, spec: PolicySpec | None, *, realtime: bool) -> str:
        """Write the trace where one is wanted, once; return why it could not be, or nothing."""
        if self.closed:
            return ""
        self.closed = True
        if not self.request.trace:
            return ""
        try:
            self._save(Path(self.request.trace), spec, realtime=realtime)
        except OSError as error:
            return f"{self.request.trace}: trace not written ({error})"
        return ""

    def _save(self, path: Path, spec: PolicySpec | None, *, realtime: bool) -> None:
        for chunk, record in self._executed():
            self._trace.chunk(chunk, self._row(record))
        self._trace.save(
            path,
            RunMeta(
                cell=self._cell.name,
                policy=spec.name if spec else "",
                checkpoint_sha256=spec.checkpoint_sha256 if spec else "",
                seed=self.request.seed,
                outcome=self.outcome,
                message=self.problem,
                t_start_ns=self._episode.t_act_ns or self._t_start_ns,
                t_end_ns=self._t_end_ns,
                rate_hz=UR_MODELS[self._cell.arm.model].servo_rate_hz,
                realtime=realtime,
                board_m=self._cell.task.board_m,
            ),
        )

    def _records(self) -> list[ChunkRecord]:
        return [record for each in self._episode.drivers for record in each.executor.records]

    def _executed(self) -> list[tuple[ActionChunk, ChunkRecord]]:
        chunks = {
            chunk.request_id: chunk for each in self._episode.drivers for chunk in each.chunks
        }
        return [(chunks[r.request_id], r) for r in self._records() if r.request_id in chunks]

    def _action_age_s(self, record: ChunkRecord) -> float | None:
        """Return when the first executed row was really sent, minus the observation [s].

        Real: not before the arm's first cycle under the chunk's plan.
        """
        sent_ns = self._sent_ns(record)
        return ns_to_seconds(sent_ns - record.t_obs_ns) if sent_ns else None

    def _sent_ns(self, record: ChunkRecord) -> int:
        if record.first_sent_ns is None or record.plan_epoch is None:
            return 0
        seen_ns = self._first_tick_of_epoch.get(record.plan_epoch)
        return max(record.first_sent_ns, seen_ns) if seen_ns else 0

    def _row(self, record: ChunkRecord) -> ChunkRow:
        stats = self._stats.get(record.request_id)
        round_trip_s = stats.round_trip_s if stats and stats.round_trip_s else 0.0
        sent_ns = self._sent_ns(record)
        return ChunkRow(
            t_obs_ns=record.t_obs_ns,
            t_arrived_ns=record.added_ns,
            t_sent_ns=sent_ns,
            first_row=record.first_row if sent_ns else -1,
            round_trip_ms=round_trip_s * 1e3,
            infer_ms=(stats.infer_s if stats else 0.0) * 1e3,
        )
