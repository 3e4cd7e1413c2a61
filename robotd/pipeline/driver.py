"""One policy driving one episode: observe, ask, take the answer, plan. No clock, thread or socket.

The daemon and lockstep share it, so that what is evaluated is what runs.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import MonoNs, seconds_to_ns
from robotd.core.config import CellConfig
from robotd.core.errors import SkewedDataError, SpecMismatchError, StaleDataError, WireError
from robotd.core.spec import PolicySpec
from robotd.core.types import ActionChunk, Plan
from robotd.pipeline.chunk_source import ChunkSource
from robotd.pipeline.executor import Executor
from robotd.pipeline.observe import Stream, observe
from robotd.pipeline.request import parts_for, to_request, window_of
from robotd.pipeline.slower import slowed, slowed_chunk

FIRST_PLAN_LIMIT_S: Final = 3.0
"""A policy has at least so long to its first plan."""


class PolicyDriver:
    """Drives from `start_ns` on; a new one for each episode.

    Attributes:
        executor: Its executor, for the records of its chunks.
        chunks: All that it got, oldest first.
        unseen: Why it could not observe or ask when it last tried; empty while it could.
    """

    def __init__(
        self,
        *,
        cell: CellConfig,
        spec: PolicySpec,
        source: ChunkSource,
        executor: Executor,
        start_ns: MonoNs,
        seed: int,
        speed: float = 1.0,
    ) -> None:
        """Prepare.

        Args:
            cell: The cell.
            spec: The policy's.
            source: Answers of the policy.
            executor: Made for the same speed.
            start_ns: When it takes over.
            seed: Of the sampling noise.
            speed: Share of the policy's own speed.

        Raises:
            SpecMismatchError: The policy observes what the cell has not.
        """
        self._cell, self._spec, self._source = cell, spec, source
        self._parts, self._window = parts_for(spec, cell), window_of(slowed(spec, speed))
        self._speed = speed
        self._start_ns, self._seed = start_ns, seed
        patience_s = max(FIRST_PLAN_LIMIT_S, cell.policy.max_failures * cell.policy.deadline_s)
        self._planned_until_ns = start_ns + seconds_to_ns(patience_s)
        self._asked_n = 0
        self._answer_by_ns = -1
        self.executor = executor
        self.chunks: list[ActionChunk] = []
        self.unseen = ""

    def step(
        self,
        now: MonoNs,
        streams: Callable[[], Mapping[str, Stream]],
        T_base_cmd: NDArray[np.float64],
    ) -> Plan | None:
        """Do one cycle; return a new plan, or None where the one before still holds.

        Args:
            now: The present.
            streams: The newest part of every stream; called only when the policy is asked.
            T_base_cmd: (4, 4) tool pose commanded now [m].
        """
        answer = self._source.newest_chunk()
        if answer is not None:
            self._answer_by_ns = -1
            chunk = slowed_chunk(answer, self._speed)
            self.chunks.append(chunk)
            self.executor.add(chunk, now)
        plan = self.executor.plan(now, T_base_cmd)
        if plan is not None:
            self._planned_until_ns = plan.valid_until_ns
        if now > self._answer_by_ns and self.executor.wants(now):  # one question at a time
            self._ask(now, streams())
        return plan

    def why_stuck(self, now: MonoNs) -> str:
        """Say in one sentence why the policy cannot go on; empty while it can."""
        failures = self._source.failures
        if failures.consecutive_n >= self._cell.policy.max_failures:
            return f"policy: {failures.consecutive_n} requests failed; the last: {failures.reason}"
        if now <= self._planned_until_ns:
            return ""
        if self.unseen:
            return f"observation: {self.unseen}"
        if failures.consecutive_n and failures.reason:
            return f"policy: {failures.reason}; the plan ran out"
        if unusable := self.executor.unusable:
            return f"policy: {unusable}; the plan ran out"
        return "policy: the plan ran out before the next chunk came"

    def _ask(self, now: MonoNs, streams: Mapping[str, Stream]) -> None:
        config = self._cell.policy
        try:
            observation = observe(
                self._parts,
                streams,
                self._window,
                now,
                self._cell.observe,
                start_ns=self._start_ns,
            )
            request = to_request(
                observation,
                self._spec,
                seed=self._seed + self._asked_n,
                sampler=config.sampler,
                steps=config.steps,
            )
            self._source.request(request, t_obs_ns=observation.t_ns, deadline_s=config.deadline_s)
        except (StaleDataError, SkewedDataError, SpecMismatchError, WireError) as error:
            self.unseen = str(error)
            return
        self.unseen = ""
        self._asked_n += 1
        self._answer_by_ns = now + seconds_to_ns(config.deadline_s)
        self.executor.asked(now, observation.t_ns)
