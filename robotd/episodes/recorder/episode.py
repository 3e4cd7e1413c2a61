"""One episode in work: the thread that writes its file, completes it and commits it."""

import contextlib
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from robotd.core.clock import MS, MonoNs, ns_to_seconds, seconds_to_ns, wall_now
from robotd.core.config import CellConfig
from robotd.core.errors import DatasetError, RobotdError
from robotd.core.journal import BeginEpisode, EndEpisode
from robotd.core.protocols import Clock
from robotd.core.run_files import CELL_FILE
from robotd.episodes.dataset import Dataset, OpenEpisode, delete
from robotd.episodes.episode_file import EpisodeFile, Origin, sync_folder
from robotd.episodes.log import EpisodeLog
from robotd.episodes.recorder.collect import Collector, Places
from robotd.episodes.recorder.origin import attachments_of, origin_of
from robotd.episodes.recorder.pipe import LIMITS, Limits, Pipe
from robotd.episodes.recorder.streams import messages_of, schemas_of
from robotd.episodes.recover import complete

TAKE_S: Final = 0.05
BEAT_NS: Final = 10 * MS
FLUSH_EARLY: Final = 0.8
"""So much of the time that a crash may cost lies between two flushes; the rest is for the disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """All that a file begins with.

    Attributes:
        origin: What is known of the episode.
        attachments: Name to content.
        schemas: Topic to schema of all its streams.
        flush_s: How often it is brought to the disk [s].
    """

    origin: Origin
    attachments: dict[str, bytes]
    schemas: dict[str, str]
    flush_s: float


class EpisodeRecording:
    """Records one episode; begin and end come from outside, all else is done by its threads.

    Attributes:
        id: Of the episode.
        pipe: Where its items come from.
        opened: Its file is being written.
        finished: Nothing more is done: it is complete, or `refusal` says why not.
        committed: It is complete.
        refusal: Why it could not begin, or was not completed; one sentence, else empty.
        t_flushed_ns: Everything up to then is on the disk; 0 before.
        bytes_n: Size of its file.
    """

    def __init__(
        self,
        opening: Opening,
        pipe: Pipe,
        dataset: Dataset,
        clock: Clock,
        create_log: Callable[..., EpisodeLog],
    ) -> None:
        self.id = opening.origin.id
        self.pipe = pipe
        self.opened = self.finished = self.committed = False
        self.refusal = ""
        self.t_flushed_ns = self.bytes_n = 0
        self._opening, self._dataset, self._clock = opening, dataset, clock
        self._create_log = create_log
        self._end: EndEpisode | None = None
        self._ended = threading.Event()
        self._first_ns = self._last_ns = 0
        self._thread = threading.Thread(target=self._run, name="write episode", daemon=True)

    def start(self) -> None:
        """Begin to read and to write."""
        self.pipe.start()
        self._thread.start()

    def end(self, order: EndEpisode, journal_index: int | None) -> None:
        """Record up to the order's instant and the note before it, then complete; returns at once.

        Args:
            order: Why it ends.
            journal_index: Of the order's note; None where there is none.
        """
        self._end = order
        self.pipe.end(MonoNs(order.t_ns), journal_index)
        self._ended.set()

    @property
    def ended(self) -> bool:
        """Whether it was told to end."""
        return self._ended.is_set()

    def join(self, timeout_s: float) -> bool:
        """Wait until nothing more is done; False where it is not so after `timeout_s` [s]."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def behind_s(self, now: MonoNs) -> float:
        """Return the age of the oldest item that waits to be written [s]."""
        oldest = self.pipe.waiting_since_ns()
        return 0.0 if oldest is None else max(0.0, ns_to_seconds(now - oldest))

    def _run(self) -> None:
        try:
            self._record()
        except (RobotdError, OSError) as error:
            self.refusal = str(error)
        finally:
            if not self.committed:
                self.refusal = self.refusal or "the recorder broke down; see its log"
                self.pipe.fail(self.refusal)
            self.pipe.cut()
            self.finished = True

    def _record(self) -> None:
        episode = self._dataset.create(self.id)
        log = self._begin_log(episode)
        self.opened = True
        try:
            self._write_all(log, episode)
            end = self._wait_for_end()
            episode.release_reserve()
            log.finish()
            file = self._file(end, log)
        except (RobotdError, OSError, ValueError, TypeError) as error:  # these: not to be packed
            self.pipe.fail(f"recording failed: {error}")
            self.pipe.cut()
            end = msgspec.structs.replace(self._wait_for_end(), reason=self.pipe.problem)
            with contextlib.suppress(DatasetError):  # of a dead one; else nothing is lost
                log.flush()
            log.abandon()
            self._commit(episode, end)
        else:
            self._commit(episode, file)
        self.committed = True
        if not self._wait_for_end().keep:
            delete(self._dataset.path, self.id)

    def _commit(self, episode: OpenEpisode, by: EpisodeFile | EndEpisode) -> None:
        """Complete the episode, by its description or, where its file is dead, by why it ended."""
        try:
            if isinstance(by, EpisodeFile):
                episode.commit(by)
            else:
                complete(episode, by)
        except (RobotdError, OSError):
            self._dataset.disown(episode)  # to be recovered when the data set is opened next
            raise

    def _begin_log(self, episode: OpenEpisode) -> EpisodeLog:
        try:
            log = self._create_log(
                episode.log_path,
                about=self._opening.origin.as_metadata(),
                attachments=self._opening.attachments,
                t_ns=MonoNs(self._opening.origin.t_begin_ns),
            )
            for topic, schema in self._opening.schemas.items():
                log.add_topic(topic, schema)
            sync_folder(episode.folder)
        except (RobotdError, OSError):
            shutil.rmtree(episode.folder, ignore_errors=True)  # nothing was recorded yet
            raise
        return log

    def _write_all(self, log: EpisodeLog, episode: OpenEpisode) -> None:
        """Write what comes until all has come; flush twice a second or as configured."""
        out, period_ns = self.pipe.out, seconds_to_ns(FLUSH_EARLY * self._opening.flush_s)
        now = beat_at = self._clock.now()
        flush_at = now + period_ns
        while not out.drained:
            message = out.take(TAKE_S)
            if message is not None:
                t_ns = message.t_log_ns
                log.write_together(messages_of(message), t_ns, message.t_publish_ns)
                self._first_ns = min(self._first_ns or t_ns, t_ns)
                self._last_ns = max(self._last_ns, t_ns)
            now = self._clock.now()
            if now >= beat_at:
                episode.beat()
                beat_at = now + BEAT_NS
            if now >= flush_at:
                self._flush(log)
                flush_at = self._clock.now() + period_ns

    def _flush(self, log: EpisodeLog) -> None:
        upto_ns = self.pipe.complete_upto_ns()
        log.flush()
        self.t_flushed_ns = max(self.t_flushed_ns, upto_ns)
        self.bytes_n = log.size_bytes

    def _wait_for_end(self) -> EndEpisode:
        """Wait until the end was ordered, and return the order."""
        self._ended.wait()
        if self._end is None:
            raise DatasetError(f"episode {self.id}: ended without an order")
        return self._end

    def _file(self, end: EndEpisode, log: EpisodeLog) -> EpisodeFile:
        origin = self._opening.origin
        return EpisodeFile(
            origin=origin,
            outcome=end.outcome,
            reason=self.pipe.problem or end.reason,
            label=end.label,
            score=end.score,
            t_first_ns=self._first_ns or origin.t_begin_ns,
            t_last_ns=self._last_ns or origin.t_begin_ns,
            counts=log.counts,
            dropped=self.pipe.lost,
            log_bytes=log.size_bytes,
            log_sha256=log.sha256,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What every recording of a process is made with.

    Attributes:
        cell: Where it is recorded.
        run_dir: Of the cell's processes.
        places: Where the rings are, and were.
        clock: The robot computer's.
        limits: How much may wait in memory.
        create_log: Makes the file.
    """

    cell: CellConfig
    run_dir: Path
    places: Places
    clock: Clock
    limits: Limits = LIMITS
    create_log: Callable[..., EpisodeLog] = EpisodeLog.create


def begin_recording(
    means: Means, order: BeginEpisode, dataset: Dataset, journal_index: int
) -> EpisodeRecording:
    """Return the recording that an order asks for, to be started.

    Args:
        means: What it is made with.
        order: What to record, from when on.
        dataset: Where to; held.
        journal_index: Of the order's note.

    Raises:
        RobotdError: A ring is of another version.
        OSError: The cell's configuration cannot be read.
        ValueError: A camera's pictures cannot be encoded as configured.
    """
    cell, clock = means.cell, means.clock
    attachments = attachments_of(means.run_dir)
    origin = origin_of(order, cell, attachments[CELL_FILE], now=clock.now(), wall=wall_now())
    opening = Opening(
        origin=origin,
        attachments=attachments,
        schemas=schemas_of(cell, means.places.streams),
        flush_s=cell.record.flush_s,
    )
    collector = Collector(means.places, MonoNs(order.t_ns), journal_index)
    pipe = Pipe(cell, collector, clock, means.limits)
    return EpisodeRecording(opening, pipe, dataset, clock, means.create_log)
