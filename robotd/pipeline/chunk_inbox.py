"""Which chunks an executor takes, when it should ask for the next one, and what became of each."""

from collections import deque
from dataclasses import replace
from typing import Final

import numpy as np

from robotd.core.clock import MonoNs, seconds_to_ns
from robotd.core.types import ActionChunk
from robotd.pipeline.action_map import ActionMap
from robotd.pipeline.executor import ChunkRecord
from robotd.pipeline.plan_path import Splice

_REMEMBERED: Final = 8
"""Responses that decide how early to ask: a few seconds, so that one slow one is soon forgotten."""


class ChunkInbox:
    """Takes chunks in the order of their observations and keeps account of them."""

    def __init__(self, *, action_map: ActionMap, expected_response_s: float) -> None:
        """Begin empty.

        Args:
            action_map: What the actions mean.
            expected_response_s: From asking to the answer [s], until some were measured.
        """
        self._map = action_map
        self._expected_ns = seconds_to_ns(expected_response_s)
        self._responses_ns: deque[int] = deque(maxlen=_REMEMBERED)
        self._open: dict[int, MonoNs] = {}
        self._newest_ns = -1
        self.records: list[ChunkRecord] = []
        self.ignored_n = 0
        self.unusable = ""

    @property
    def response_ns(self) -> int:
        """The longest of the last responses [ns]: how early to ask."""
        return max(self._responses_ns, default=self._expected_ns)

    def asked(self, now: MonoNs, t_obs_ns: MonoNs) -> None:
        """Note a request."""
        self._open[t_obs_ns] = now

    def close(self) -> None:
        """Refuse the answers to all requests made so far."""
        self._newest_ns = max([self._newest_ns, *self._open])
        self._open.clear()

    def accept(self, chunk: ActionChunk, now: MonoNs) -> bool:
        """Take a usable chunk on record, unless one of the same or a newer observation was."""
        self.unusable = self._fault(chunk)
        if self.unusable:
            return False
        asked_ns = self._open.pop(chunk.t_obs_ns, None)
        if asked_ns is not None:
            self._responses_ns.append(now - asked_ns)
        if chunk.t_obs_ns <= self._newest_ns:
            self.ignored_n += 1
            return False
        self._newest_ns = chunk.t_obs_ns
        self._open = {t_obs: t for t_obs, t in self._open.items() if t_obs > chunk.t_obs_ns}
        rows_n = chunk.actions.shape[0]
        self.records.append(
            ChunkRecord(
                request_id=chunk.request_id,
                t_obs_ns=chunk.t_obs_ns,
                added_ns=now,
                rows_n=rows_n,
                first_row=rows_n,
                first_sent_ns=None,
            )
        )
        return True

    def _fault(self, chunk: ActionChunk) -> str:
        name, shape = f"chunk {chunk.request_id}", chunk.actions.shape
        if shape[0] < 1 or shape[1] != self._map.dim:
            return f"{name}: got actions {shape}, expected (1 or more, {self._map.dim})"
        if not bool(np.isfinite(chunk.actions).all()):
            return f"{name}: got an action that is not finite"
        try:
            self._map.poses(chunk.actions)
        except ValueError as error:
            return f"{name}: {error}"
        return ""

    def spliced(self, splice: Splice) -> None:
        """Note on the newest record what became of its chunk."""
        self.records[-1] = replace(
            self.records[-1],
            first_row=splice.first_row,
            first_sent_ns=splice.first_sent_ns,
            plan_epoch=splice.plan.epoch,
            seam_m=splice.seam_m,
            churn_m=splice.churn_m,
        )
