"""Temporal ensembling: every action is an average of what all chunks in force say for its time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import MonoNs, seconds_to_ns
from robotd.core.types import ActionChunk, Plan
from robotd.pipeline.action_map import ActionMap
from robotd.pipeline.chunk_inbox import ChunkInbox
from robotd.pipeline.executor import ChunkRecord
from robotd.pipeline.plan_path import PlanPath
from robotd.pipeline.rows import Rows, interpolate, rows_of

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How much the i-th oldest of the averaged predictions counts.

    Attributes:
        kind: `exponential`: exp(-m i), i = 0 the oldest (Zhao et al. 2023, ACT, section IV.B);
            `uniform`: all the same.
        m: Decay a prediction.
    """

    kind: Literal["exponential", "uniform"] = "exponential"
    m: float = 0.01

    def of(self, count: int) -> Array:
        """Return `count` weights, oldest first, that add up to 1."""
        m = self.m if self.kind == "exponential" else 0.0
        weights = np.exp(-m * np.arange(count))
        return weights / weights.sum()


class EnsembleExecutor:
    """Asks every row and averages over chunks; an `Executor`.

    A chunk's prediction for a time is found by time, on the line between its two rows around it;
    chunks whose rows do not reach that time have no part in it.
    """

    def __init__(
        self,
        *,
        path: PlanPath,
        action_map: ActionMap,
        dt_s: float,
        weights: Weights,
    ) -> None:
        """Begin without a chunk.

        Args:
            path: Where plans come from.
            action_map: What the actions mean, hence how they are averaged.
            dt_s: Spacing of rows, and of requests [s].
            weights: Of the averaged predictions.
        """
        self._path = path
        self._map = action_map
        self._dt_ns = seconds_to_ns(dt_s)
        self._weights = weights
        self._inbox = ChunkInbox(action_map=action_map, expected_response_s=dt_s)
        self._in_force: list[Rows] = []
        self._changed = False
        self._asked_ns: MonoNs | None = None
        self._starved = False
        self.starved_n = 0
        self.late_asks_n = 0
        """Requests made over half a row late: the server cannot answer one a row."""

    @property
    def records(self) -> Sequence[ChunkRecord]:
        """What became of every chunk, oldest first."""
        return self._inbox.records

    @property
    def unusable(self) -> str:
        """Why the last chunk was unusable, in one sentence; empty where it was not."""
        return self._inbox.unusable

    @property
    def ignored_n(self) -> int:
        """Chunks that were not newer than the last."""
        return self._inbox.ignored_n

    def reset(self) -> None:
        """Forget the path and all chunks, those too that are still on their way."""
        self._path.forget()
        self._inbox.close()
        self._in_force = []
        self._changed = self._starved = False
        self._asked_ns = None

    def wants(self, now: MonoNs) -> bool:
        """Whether a row's time has gone by since the last request."""
        return self._asked_ns is None or now - self._asked_ns >= self._dt_ns

    def asked(self, now: MonoNs, t_obs_ns: MonoNs) -> None:
        """Note that the policy was asked about the observation of `t_obs_ns`."""
        if self._asked_ns is not None and now - self._asked_ns > 1.5 * self._dt_ns:
            self.late_asks_n += 1
        self._asked_ns = now
        self._inbox.asked(now, t_obs_ns)

    def add(self, chunk: ActionChunk, now: MonoNs) -> None:
        """Take a chunk; one that is unusable or not newer than the last is left out."""
        if self._inbox.accept(chunk, now):
            reach_ns = now + self._path.lead_ns
            self._in_force = [rows for rows in self._in_force if rows.end_ns > reach_ns]
            self._in_force.append(rows_of(chunk))
            self._changed = True

    def plan(self, now: MonoNs, T_base_cmd: Array) -> Plan | None:
        """Return a new plan, or None where the one before still holds; see `Executor`."""
        end_ns = self._path.end_ns
        if end_ns is not None and now > end_ns and not self._starved:
            self._starved = True
            self.starved_n += 1
        if not self._changed:
            return self._path.renewal(now)
        self._changed = False
        splice = self._path.splice(now, self.average(), T_base_cmd)
        if splice is None:
            return self._path.renewal(now)
        self._inbox.spliced(splice)
        self._starved = False
        return splice.plan

    def average(self) -> Rows:
        """Return the newest chunk's rows, each averaged over all chunks in force at its time.

        Where they contradict each other so much that nothing is their average, the newest counts.
        """
        newest = self._in_force[-1]
        times = newest.due_ns
        covers = [(rows.due_ns[0] <= times) & (times <= rows.due_ns[-1]) for rows in self._in_force]
        says = [interpolate(self._map, rows.due_ns, rows.actions, times) for rows in self._in_force]
        populated, predicted = np.stack(covers, axis=1), np.stack(says, axis=1)
        actions = np.empty_like(newest.actions)
        for row in range(len(times)):
            among = predicted[row, populated[row]]
            try:
                actions[row] = self._map.mean(among, self._weights.of(len(among)))
            except ValueError:
                actions[row] = newest.actions[row]
        return Rows(due_ns=times, actions=actions, dt_ns=newest.dt_ns)
