"""Receding horizon: execute the first rows of a chunk, and ask again before they run out."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import MS, MonoNs
from robotd.core.types import ActionChunk, Plan
from robotd.pipeline.action_map import ActionMap
from robotd.pipeline.chunk_inbox import ChunkInbox
from robotd.pipeline.executor import ChunkRecord
from robotd.pipeline.plan_path import PlanPath
from robotd.pipeline.rows import rows_of

ASK_MARGIN_NS: Final = 20 * MS
"""Asked so much earlier than the last responses took: two cycles of the conductor."""


class RecedingExecutor:
    """Executes `n_action_steps` rows of each chunk (Chi et al. 2023); an `Executor`.

    The policy is asked so early, by the longest of its last responses, that the answer is there
    when the rows are used up. The answer takes over as soon as it comes. Where it is late, the rest
    of the chunk runs on.
    """

    def __init__(
        self,
        *,
        path: PlanPath,
        action_map: ActionMap,
        n_action_steps: int,
        expected_response_s: float = 0.1,
    ) -> None:
        """Begin without a chunk.

        Args:
            path: Where plans come from.
            action_map: What the actions mean.
            n_action_steps: Rows to execute of each chunk, at least 1.
            expected_response_s: From asking to the answer [s], until some were measured.
        """
        if n_action_steps < 1:
            raise ValueError(f"n_action_steps: got {n_action_steps}, expected at least 1")
        self._path = path
        self._n_action_steps = n_action_steps
        self._inbox = ChunkInbox(action_map=action_map, expected_response_s=expected_response_s)
        self._pending: ActionChunk | None = None
        self._used_up_ns: int | None = None
        self._starved = False
        self.starved_n = 0

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
        self._pending = self._used_up_ns = None
        self._starved = False

    def wants(self, now: MonoNs) -> bool:
        """Whether the rows would be used up before an answer to a request made now."""
        if self._pending is not None:
            return False
        if self._used_up_ns is None:
            return True
        return now + self._inbox.response_ns + ASK_MARGIN_NS >= self._used_up_ns

    def asked(self, now: MonoNs, t_obs_ns: MonoNs) -> None:
        """Note that the policy was asked about the observation of `t_obs_ns`."""
        self._inbox.asked(now, t_obs_ns)

    def add(self, chunk: ActionChunk, now: MonoNs) -> None:
        """Take a chunk; one that is unusable or not newer than the last is left out."""
        if self._inbox.accept(chunk, now):
            self._pending = chunk

    def plan(self, now: MonoNs, T_base_cmd: NDArray[np.float64]) -> Plan | None:
        """Return a new plan, or None where the one before still holds; see `Executor`."""
        self._count_starvation(now)
        chunk, self._pending = self._pending, None
        if chunk is None:
            return self._path.renewal(now)
        rows = rows_of(chunk)
        splice = self._path.splice(now, rows, T_base_cmd)
        if splice is None:
            return self._path.renewal(now)
        self._inbox.spliced(splice)
        self._starved = False
        used_up = min(splice.first_row + self._n_action_steps, len(rows.due_ns)) - 1
        self._used_up_ns = int(rows.due_ns[used_up]) + rows.dt_ns - self._path.lead_ns
        return splice.plan

    def _count_starvation(self, now: MonoNs) -> None:
        end_ns = self._path.end_ns
        if end_ns is not None and now > end_ns and not self._starved:
            self._starved = True
            self.starved_n += 1
