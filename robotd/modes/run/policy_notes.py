"""What a policy answered and what became of it, as notes of the journal."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import MonoNs, seconds_to_ns
from robotd.core.journal import ChunkNote, ChunkUse, RequestNote
from robotd.core.types import ActionChunk
from robotd.modes.daemon.scribe import Scribe
from robotd.pipeline.chunk_source import RequestStats
from robotd.pipeline.driver import PolicyDriver
from robotd.pipeline.ensemble import EnsembleExecutor
from robotd.pipeline.executor import ChunkRecord

ACT: Final = "act"
"""Name of the event with which the policy takes over."""

TAKEN_OVER: Final = "taken over"
"""Name of the event with which a person drives instead."""

OVER: Final = "over"
"""Name of the event with which the run is over and the arm brakes."""


class PolicyNotes:
    """Follows one driver. To be called after each of its steps, which takes one chunk at most."""

    def __init__(self, scribe: Scribe, driver: PolicyDriver) -> None:
        self._scribe, self._driver = scribe, driver
        self._chunks_n = 0
        self._averaged = isinstance(driver.executor, EnsembleExecutor)
        self._in_force: tuple[ActionChunk, ChunkRecord] | None = None

    def follow(self, now: MonoNs) -> None:
        """Note the chunk that came in the last step, and what became of the one before it."""
        for chunk in self._driver.chunks[self._chunks_n :]:
            self._scribe.note(_chunk_note(chunk, now))
            self._use(chunk, now)
        self._chunks_n = len(self._driver.chunks)

    def _use(self, chunk: ActionChunk, now: MonoNs) -> None:
        executor = self._driver.executor
        record = executor.records[-1] if executor.records else None
        if record is None or record.request_id != chunk.request_id:
            why = executor.unusable or "an observation as new was answered before"
            self._scribe.note(_use_note(_unused(chunk, now), why, now))
            return
        if record.plan_epoch is None:
            self._scribe.note(_use_note(record, "all rows were late", now))
            return
        self._let_go(now, record)
        self._in_force = (chunk, record)

    def _let_go(self, now: MonoNs, newer: ChunkRecord | None) -> None:
        """Note what became of the chunk in force, which a newer one replaces or nothing does."""
        if self._in_force is None:
            return
        chunk, record = self._in_force
        self._in_force = None
        dropped: list[str] = []
        if record.first_row:
            dropped.append(f"{_rows(0, record.first_row)}: late")
        if newer is not None and newer.first_sent_ns is not None and not self._averaged:
            kept = _rows_before(chunk, record, newer.first_sent_ns)
            if kept < record.rows_n:
                by = f"replaced by chunk {newer.request_id}"
                dropped.append(f"{_rows(kept, record.rows_n)}: {by}")
        self._scribe.note(_use_note(record, "; ".join(dropped), now))

    def end(self, why: str, now: MonoNs) -> None:
        """Note what became of the last chunk: it was cut off where the driver ended."""
        if self._in_force is None:
            return
        chunk, record = self._in_force
        late = f"{_rows(0, record.first_row)}: late; " if record.first_row else ""
        kept = _rows_before(chunk, record, now)
        cut = f"{_rows(kept, record.rows_n)}: {why}" if kept < record.rows_n else ""
        self._in_force = None
        self._scribe.note(_use_note(record, (late + cut).rstrip("; "), now))


def request_note(stats: RequestStats, now: MonoNs) -> RequestNote:
    """Return the note of a question that was settled."""
    return RequestNote(
        t_ns=now,
        request_id=stats.request_id,
        t_obs_ns=stats.t_obs_ns,
        outcome=stats.outcome,
        round_trip_s=-1.0 if stats.round_trip_s is None else stats.round_trip_s,
        queue_s=stats.queue_s,
        decode_s=stats.decode_s,
        infer_s=stats.infer_s,
        total_s=stats.total_s,
    )


def _chunk_note(chunk: ActionChunk, now: MonoNs) -> ChunkNote:
    actions: NDArray[np.float64] = np.ascontiguousarray(chunk.actions, dtype=np.float64)
    return ChunkNote(
        t_ns=now,
        request_id=chunk.request_id,
        seed=chunk.seed,
        t_obs_ns=chunk.t_obs_ns,
        dt_s=chunk.dt_s,
        i0=chunk.i0,
        meaning=chunk.meaning,
        dim=actions.shape[1],
        actions=actions.tobytes(),
    )


def _unused(chunk: ActionChunk, now: MonoNs) -> ChunkRecord:
    rows_n = chunk.actions.shape[0]
    return ChunkRecord(
        request_id=chunk.request_id,
        t_obs_ns=chunk.t_obs_ns,
        added_ns=now,
        rows_n=rows_n,
        first_row=rows_n,
        first_sent_ns=None,
    )


def _use_note(record: ChunkRecord, dropped: str, now: MonoNs) -> ChunkUse:
    return ChunkUse(
        t_ns=now,
        request_id=record.request_id,
        rows_n=record.rows_n,
        first_row=record.first_row,
        first_sent_ns=record.first_sent_ns or 0,
        plan_epoch=-1 if record.plan_epoch is None else record.plan_epoch,
        dropped=dropped,
    )


def _rows_before(chunk: ActionChunk, record: ChunkRecord, sent_ns: int) -> int:
    """Return how many rows had begun to act when the next ones took over; at least the first.

    Rows follow each other at the chunk's spacing from the first one that was sent; that one may
    have begun in the middle of its interval, by up to which the count is early.
    """
    first_ns = record.first_sent_ns or sent_ns
    begun = -(-(sent_ns - first_ns) // seconds_to_ns(chunk.dt_s))
    return min(record.rows_n, record.first_row + max(1, begun))


def _rows(first: int, end: int) -> str:
    return f"row {first}" if end - first == 1 else f"rows {first} to {end - 1}"
