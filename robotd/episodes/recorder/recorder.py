"""The recorder: obeys the orders in the journal and says how it is doing, a cycle at a time.

The thread that turns here waits for no disk: another one carries out what concerns the whole data
set, and each episode has its own (`recorder_pipe.py`, `recorder_episode.py`).
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from robotd.core.clock import MS, MonoNs, S
from robotd.core.config import CellConfig
from robotd.core.errors import CorruptRecordError, RobotdError
from robotd.core.journal import (
    BeginEpisode,
    DropEpisode,
    EndEpisode,
    OpenDataset,
    Order,
    RestoreEpisode,
    unpack_note,
)
from robotd.core.protocols import Clock
from robotd.core.recorder_status import RECORDER_STATUS_BYTES, RecorderStatus, pack_recorder_status
from robotd.core.ring import RingReader, RingWriter
from robotd.core.run_files import JOURNAL, RECORDER_RING
from robotd.episodes.log import EpisodeLog
from robotd.episodes.recorder.clerk import Clerk
from robotd.episodes.recorder.collect import Places
from robotd.episodes.recorder.episode import EpisodeRecording, Means, begin_recording
from robotd.episodes.recorder.orders import OrderDesk
from robotd.episodes.recorder.origin import versions
from robotd.episodes.recorder.pipe import LIMITS, Limits
from robotd.episodes.recorder.watch import EpisodeWatch, left_s

logger = logging.getLogger(__name__)

STATUS_NS: Final = 40 * MS
DISK_NS: Final = S // 10
"""How often the room on the disk is looked at."""
ABORTED: Final = "aborted"
STATUS_SLOTS: Final = 256
TOLD_MAX: Final = 500
"""So long a sentence is told at most, so that the status fits into its ring."""


@dataclass(slots=True)
class _Work:
    """An episode from its begin until it is complete."""

    recording: EpisodeRecording
    watch: EpisodeWatch
    begin: BeginEpisode
    begun: bool = False
    end: EndEpisode | None = None
    """The order; None while there is none, and where it ended by itself."""


class Recorder:
    """Everything of the recorder's process but its loop; used by one thread."""

    def __init__(
        self,
        cell: CellConfig,
        run_dir: Path,
        clock: Clock,
        *,
        limits: Limits = LIMITS,
        create_log: Callable[..., EpisodeLog] = EpisodeLog.create,
    ) -> None:
        """Begin at the journal's end, without a data set.

        Args:
            cell: What is recorded.
            run_dir: Of its processes.
            clock: The robot computer's.
            limits: How much may wait in memory.
            create_log: Makes an episode's file.

        Raises:
            OSError: No room for the ring of the status, or no right.
        """
        self._cell, self._clock = cell, clock
        versions()  # slow the first time: not when an episode begins
        self._places = Places(cell, run_dir)
        self._means = Means(
            cell=cell,
            run_dir=run_dir,
            places=self._places,
            clock=clock,
            limits=limits,
            create_log=create_log,
        )
        self._journal = RingReader(run_dir / JOURNAL)
        self._journal_index = self._journal.newest_index()
        self._note_index: dict[int, int] = {}
        self._ring = RingWriter.create(run_dir / RECORDER_RING, RECORDER_STATUS_BYTES, STATUS_SLOTS)
        self._desk = OrderDesk(cell.record.reserve_mb)
        self._clerk = Clerk(cell.record.reserve_mb)
        self._works: list[_Work] = []
        self._obeyed, self._refusal, self._committed = 0, "", ""
        self._disk_at_ns = self._status_at_ns = 0

    def cycle(self) -> None:
        """Look at the rings, carry out orders, look after the episode, publish the status."""
        now = self._clock.now()
        self._places.keep(self._clock)
        self._read_journal()
        if now >= self._disk_at_ns:
            self._look_at_disk(now)
        while (order := self._desk.next()) is not None:
            self._carry_out(order)
        for order, refusal in self._clerk.done():
            self._desk.done(order, refusal)
            self._disk_at_ns = 0
        for work in list(self._works):
            self._look_after(work, now)
        answers = self._desk.answers()
        for self._obeyed, self._refusal in answers:
            self._publish(now)
        if not answers and now >= self._status_at_ns:
            self._publish(now)

    def wind_up(self, reason: str) -> None:
        """End the open episode without an order, complete it, and leave.

        The data set is given back, and the rings are unmapped.
        """
        for work in self._works:
            if not work.recording.ended:
                self._end_by_itself(work, reason, self._clock.now())
        while self._works:
            if self._works[0].recording.join(STATUS_NS / S):
                self._finish(self._works[0])
            self._publish(self._clock.now())
        self._clerk.close()
        for part in (self._places, self._journal, self._ring):
            part.close()

    def _read_journal(self) -> None:
        try:
            backlog = self._journal.since(self._journal_index)
        except CorruptRecordError:  # its writer makes it anew
            return
        self._journal_index = backlog.upto
        if backlog.lost_n:
            self._missed_notes(f"{backlog.lost_n} notes of the journal were lost")
        for record in backlog.records:
            try:
                note = unpack_note(record.payload)
            except CorruptRecordError as error:
                self._missed_notes(f"a note of the journal is damaged: {error}")
                continue
            if isinstance(note, Order):
                self._note_index[note.number] = record.index
                self._desk.take(note)

    def _missed_notes(self, what: str) -> None:
        """Let no episode go on for ever: the order to end it may have been among them."""
        logger.warning("recorder: %s", what)
        for work in self._works:
            if not work.recording.ended:
                work.recording.pipe.fail(f"{what}: the recorder was held up; check the load")

    def _carry_out(self, order: Order) -> None:
        index = self._note_index.pop(order.number, None)
        match order:
            case BeginEpisode():
                self._begin(order, -1 if index is None else index)
            case EndEpisode():
                for work in self._works:
                    if work.recording.id == order.episode and not work.recording.ended:
                        work.end = order
                        work.recording.end(order, index)
            case OpenDataset() | DropEpisode() | RestoreEpisode():
                self._clerk.submit(order)

    def _begin(self, order: BeginEpisode, index: int) -> None:
        dataset = self._clerk.dataset
        if dataset is None:
            return self._desk.done(order, "no data set is open: open one first")
        try:
            recording = begin_recording(self._means, order, dataset, index)
        except (RobotdError, OSError, ValueError) as error:
            return self._desk.done(order, f"episode {order.episode} cannot begin: {error}")
        watch = EpisodeWatch(self._cell.record, self._desk.dataset)
        self._works.append(_Work(recording=recording, watch=watch, begin=order))
        recording.start()
        return None

    def _look_after(self, work: _Work, now: MonoNs) -> None:
        recording = work.recording
        if not work.begun and (recording.opened or recording.finished):
            work.begun = True
            self._desk.done(work.begin, "" if recording.opened else recording.refusal)
        if recording.finished:
            self._finish(work)
        elif not recording.ended:
            work.watch.look(
                now,
                failure=recording.pipe.problem,
                behind_s=recording.behind_s(now),
                free_bytes=self._desk.free_bytes,
            )
            if work.watch.problem:
                recording.pipe.fail(work.watch.problem)
            if work.watch.overdue(now):
                self._end_by_itself(work, work.watch.problem, now)

    def _end_by_itself(self, work: _Work, reason: str, now: MonoNs) -> None:
        episode = work.recording.id
        order = EndEpisode(t_ns=now, number=0, episode=episode, outcome=ABORTED, reason=reason)
        self._desk.ends_itself(episode)
        work.recording.end(order, None)

    def _finish(self, work: _Work) -> None:
        self._works.remove(work)
        recording = work.recording
        if recording.committed:
            self._committed = recording.id
        if recording.refusal:
            logger.warning("recorder: episode %s: %s", recording.id, recording.refusal)
        if work.end is not None:
            self._desk.done(work.end, recording.refusal)
        else:
            self._desk.closed(recording.id)

    def _look_at_disk(self, now: MonoNs) -> None:
        self._disk_at_ns = now + DISK_NS
        self._desk.free_bytes = self._clerk.free_bytes() or 0

    def _publish(self, now: MonoNs) -> None:
        self._status_at_ns = now + STATUS_NS
        self._ring.write(pack_recorder_status(self._status(now)))

    def _status(self, now: MonoNs) -> RecorderStatus:
        recovered, quarantined = self._clerk.told()
        status = RecorderStatus(
            t_ns=now,
            pid=os.getpid(),
            obeyed=self._obeyed,
            refusal=self._refusal[:TOLD_MAX],
            dataset=self._desk.dataset,
            recovered=recovered,
            quarantined=quarantined,
            committed=self._committed,
            free_bytes=self._desk.free_bytes,
        )
        if not self._works:
            return status
        work = self._works[-1]
        recording = work.recording
        return msgspec.structs.replace(
            status,
            episode=self._desk.episode,
            t_first_ns=recording.pipe.t_first_ns,
            t_flushed_ns=recording.t_flushed_ns,
            problem="" if recording.ended else work.watch.problem[:TOLD_MAX],
            behind_s=recording.behind_s(now),
            dropped_n=sum(recording.pipe.lost.values()),
            bytes_n=recording.bytes_n,
            left_s=left_s(
                self._desk.free_bytes,
                self._cell.record.stop_mb,
                recording.bytes_n,
                now - work.begin.t_ns,
            ),
        )
