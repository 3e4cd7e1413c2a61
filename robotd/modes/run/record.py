"""Keeps a small account of the run in progress, for clients to show."""

from collections.abc import Sequence
from typing import Final

from robotd.core.arm_codes import Limit
from robotd.core.clock import MonoNs, ns_to_seconds
from robotd.core.figures import quantile
from robotd.core.types import ArmTick
from robotd.core.world_state import WorldState
from robotd.modes.daemon.messages import RunStatus
from robotd.modes.run.policy_episode import PolicyEpisode
from robotd.pipeline.chunk_source import Failures
from robotd.pipeline.executor import ChunkRecord

AGES_KEPT_N: Final = 1000
"""Chunks whose action age is shown."""


class RunRecord:
    """From `start` to the end of one episode. What happened in full stands in its recording.

    Attributes:
        outcome: Why it ended; empty while it goes on.
        problem: The sentence that goes with it; empty when all went well.
        pauses_n: How often it paused.
    """

    def __init__(self, *, episode: PolicyEpisode, now: MonoNs) -> None:
        self._t_end_ns = now
        self._episode = episode
        self._first_tick_of_epoch: dict[int, int] = {}
        self._ticks_n = self._refused_n = self._failures_n = 0
        self._world: WorldState | None = None
        self.pauses_n = 0
        self.outcome = ""
        self.problem = ""

    def add(
        self, ticks: Sequence[ArmTick], worlds: Sequence[WorldState], failures: Failures
    ) -> None:
        """Add what came in one cycle, once the policy acts: ticks until the arm rests.

        The world counts only until the end of the episode: what the brake pushes is no score.
        """
        if self._episode.t_act_ns is None:
            return
        self._ticks_n += len(ticks)
        for tick in ticks:
            self._refused_n += tick.verdict.limit is not Limit.NONE
            self._first_tick_of_epoch.setdefault(tick.plan_epoch, tick.t_ns)
        if worlds and not self.outcome:
            self._world = worlds[-1]
        self._failures_n = failures.total_n

    def end(self, outcome: str, problem: str, now: MonoNs) -> None:
        """Note the end; the first one counts."""
        if not self.outcome:
            self.outcome, self.problem, self._t_end_ns = outcome, problem, now

    @property
    def score(self) -> float:
        """The paper's score so far; -1 where no world tells."""
        return self._world.best_score if self._world else -1.0

    def status(self, now: MonoNs, episode_id: str) -> RunStatus:
        """Return the account so far of what is recorded under that name."""
        episode, world = self._episode, self._world
        started_ns = now if episode.t_act_ns is None else episode.t_act_ns
        until_ns = self._t_end_ns if self.outcome else now
        records = [record for each in episode.drivers for record in each.executor.records]
        ages_ms = [
            age * 1e3
            for record in records[-AGES_KEPT_N:]
            if (age := self._action_age_s(record)) is not None
        ]
        return RunStatus(
            phase="done" if self.outcome else episode.phase.value,
            outcome=self.outcome,
            episode=episode_id,
            elapsed_s=max(0.0, ns_to_seconds(until_ns - started_ns)),
            score=self.score,
            coverage=world.coverage if world else -1.0,
            chunks_n=len(records),
            failures_n=self._failures_n,
            action_age_p50_ms=quantile(ages_ms, 0.5),
            action_age_p99_ms=quantile(ages_ms, 0.99),
            refused_n=self._refused_n,
            ticks_n=self._ticks_n,
            pauses_n=self.pauses_n,
        )

    def _action_age_s(self, record: ChunkRecord) -> float | None:
        """Return when the first executed row was really sent, minus the observation [s].

        Really: not before the arm's first cycle under the chunk's plan.
        """
        if record.first_sent_ns is None or record.plan_epoch is None:
            return None
        seen_ns = self._first_tick_of_epoch.get(record.plan_epoch)
        if seen_ns is None:
            return None
        return ns_to_seconds(max(record.first_sent_ns, seen_ns) - record.t_obs_ns)
