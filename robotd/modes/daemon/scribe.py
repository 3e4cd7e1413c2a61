"""The journal's only writer: orders to the recorder, notes of what is done, and what it answers."""

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from robotd.core.arm_records import pack_orders
from robotd.core.clock import MS, MonoNs, S, wall_now
from robotd.core.errors import SupervisorError
from robotd.core.journal import (
    NOTE_BYTES,
    NOTES_KEPT_N,
    BeginEpisode,
    DropEpisode,
    EndEpisode,
    EventNote,
    Kind,
    Label,
    Note,
    OpenDataset,
    PlanNote,
    RestoreEpisode,
    pack_note,
)
from robotd.core.recorder_status import RecorderStatus, unpack_recorder_status
from robotd.core.ring import RingWriter
from robotd.core.run_files import JOURNAL, RECORDER_RING
from robotd.core.types import Orders
from robotd.modes.daemon.feed import Tail

SILENT_NS: Final = 200 * MS
"""A recorder that says nothing for so long while it records is not to be relied on, unless the
cell says that its computer holds processes up for longer."""
HUNG_NS: Final = 3 * S
"""One that says nothing for so long is to be killed."""
BEGIN_LIMIT_NS: Final = 3 * S
"""A recorder that has not begun so long after it was told does not do its work."""
ANSWERS_KEPT_N: Final = 64


class Scribe:
    """Used by the conductor's thread alone; nothing here waits for the recorder.

    One episode at a time: `begin`, then `begun` once the recorder obeyed, `end`, then `committed`
    names it once it is complete. Where `problem` is not empty, the episode cannot go on.

    Attributes:
        status: What the recorder said last; None before the first word of one that was started.
        dataset: The data set that is wanted; empty for none. A recorder that is started anew is
            told again.
        failure: Why the recorder does not hold it, one sentence; empty while it does or is asked.
        episode: The episode from its begin to its end; empty between them.
        begun: Whether the recorder has obeyed its begin.
        ended: The last episode that was ended and is not yet complete; empty where there is none.
        problem: Why the episode cannot go on, one sentence; it is ended or lost then.
    """

    def __init__(self, run_dir: Path, now: MonoNs, *, silent_ns: int = SILENT_NS) -> None:
        """Make the journal; the recorder may not be there yet.

        Args:
            run_dir: Where it is made.
            now: The present.
            silent_ns: How long the recorder may say nothing while it records [ns].
        """
        self._ring = RingWriter.create(run_dir / JOURNAL, NOTE_BYTES, NOTES_KEPT_N)
        self._statuses = Tail(run_dir / RECORDER_RING, unpack_recorder_status)
        self._silent_ns, self._number = silent_ns, 0
        self._answers: dict[int, str] = {}
        self._told_pid = self._open_number = self._begin_number = self._end_number = 0
        self._obeyed = 0  # numbers up to it have their answer
        self._now = self._begin_ns = now
        self.status: RecorderStatus | None = None
        self.dataset = self.failure = ""
        self.episode = self.ended = self.problem = ""
        self.begun = False

    # What the recorder says

    def read(self, now: MonoNs) -> None:
        """Take in what the recorder said since the last call; once a cycle."""
        self._now = now
        for status in self._statuses.read():
            if self.status is not None and status.pid != self.status.pid:
                self.lost("recorder: its process was started again")
            self.status = status
            self._answers[status.obeyed] = status.refusal
            self._obeyed = max(self._obeyed, status.obeyed)
            self._look(status)
        while len(self._answers) > ANSWERS_KEPT_N:
            del self._answers[min(self._answers)]
        if self.dataset and self.status is not None and self.status.pid != self._told_pid:
            self._send_open(self.status.pid)
        if self.episode and not self.begun and now - self._begin_ns > BEGIN_LIMIT_NS:
            self.end("stopped", reason=f"recorder: did not begin within {BEGIN_LIMIT_NS // S} s")
            self.problem = f"recorder: did not begin within {BEGIN_LIMIT_NS // S} s; see its log"
        if self.episode and self.silent(self._silent_ns):
            silent_ms = self._silent_ns // MS
            reason = f"recorder: not heard for {silent_ms} ms; check the computer's load"
            self.end("stopped", reason=reason)  # it may only be held up, and would go on with it
            self.problem = reason

    def _look(self, status: RecorderStatus) -> None:
        """Draw the conclusions of one status."""
        if status.pid == self._told_pid and (refusal := self.answer(self._open_number)) is not None:
            self.failure = refusal
        if self.episode and not self.begun:
            refusal = self.answer(self._begin_number)
            self.begun = refusal == ""
            if refusal:
                self.episode, self.problem = "", refusal
        if self.episode and status.problem:
            self.end("stopped", reason=status.problem)
            self.problem = status.problem
        if self.ended and (status.committed == self.ended or self.answer(self._end_number)):
            self.ended = ""

    def answer(self, number: int) -> str | None:
        """Return the refusal of an order, empty where it was done; None before its answer."""
        if number in self._answers:
            return self._answers[number]
        passed = self.status is not None and self.status.obeyed > number > 0
        return "" if passed else None

    def silent(self, limit_ns: int) -> bool:
        """Whether the recorder has not been heard for so long, or never."""
        return self.status is None or self._now - self.status.t_ns > limit_ns

    @property
    def ready(self) -> bool:
        """Whether a recorder that lives holds the data set that is wanted."""
        return bool(
            self.dataset
            and self.status is not None
            and self.status.pid == self._told_pid
            and self.answer(self._open_number) == ""
            and not self.silent(HUNG_NS)
        )

    def lost(self, reason: str) -> None:
        """Note that the recorder is gone: a new one recovers the open episode by itself."""
        if self.episode:
            self.note_event("recorder", reason)
            self.problem = reason
        for number in range(self._obeyed + 1, self._number + 1):  # the next one reads none of them
            self._answers[number] = reason
        self._obeyed = self._number
        self.episode = self.ended = ""
        self.begun = False
        self.status = None  # what it said last says nothing of the one that is being started

    # Orders

    def open(self, dataset: str) -> None:
        """Want this data set from now on; empty: none, nothing is recorded."""
        if self.episode:
            raise SupervisorError(f"cannot change the data set: {self.episode} is being recorded")
        self.dataset, self.failure, self.problem = dataset, "", ""
        if dataset and self.status is not None:
            self._send_open(self.status.pid)

    def _send_open(self, pid: int) -> None:
        self._told_pid, self._open_number = pid, self._next()
        order = OpenDataset(t_ns=self._now, number=self._open_number, dataset=self.dataset)
        self._write(order)

    def begin(self, kind: Kind, about: dict[str, str], now: MonoNs) -> str:
        """Begin an episode and return its name; it counts once it has `begun`.

        Raises:
            SupervisorError: The recorder is not ready, or another episode is open.
        """
        if self.episode:
            raise SupervisorError(f"cannot record: {self.episode} is being recorded")
        if not self.ready:
            raise SupervisorError(f"cannot record: {self.why_not_ready()}")
        self.episode, self.begun, self.problem = new_episode_id(), False, ""
        self._begin_number, self._begin_ns = self._next(), now
        self._write(
            BeginEpisode(
                t_ns=now, number=self._begin_number, episode=self.episode, kind=kind, about=about
            )
        )
        return self.episode

    def end(
        self,
        outcome: str,
        *,
        reason: str = "",
        label: Label = "",
        score: float = -1.0,
        keep: bool = True,
        now: MonoNs | None = None,
    ) -> None:
        """End the open episode; nothing happens where there is none."""
        if not self.episode:
            return
        self._end_number = self._next()
        self._write(
            EndEpisode(
                t_ns=self._now if now is None else now,
                number=self._end_number,
                episode=self.episode,
                outcome=outcome,
                reason=reason,
                label=label,
                score=score,
                keep=keep,
            )
        )
        self.ended, self.episode, self.begun = self.episode, "", False

    def drop(self, episode: str) -> int:
        """Move a complete episode to the trash; return the order's number for `answer`."""
        return self._move(DropEpisode(t_ns=self._now, number=self._next(), episode=episode))

    def restore(self, episode: str) -> int:
        """Bring an episode back from the trash; return the order's number for `answer`."""
        return self._move(RestoreEpisode(t_ns=self._now, number=self._next(), episode=episode))

    def _move(self, order: DropEpisode | RestoreEpisode) -> int:
        if self.status is None or self.status.pid != self._told_pid:
            self._answers[order.number] = f"{order.episode}: {self.why_not_ready()}"
        else:
            self._write(order)
        return order.number

    def why_not_ready(self) -> str:
        """Return in one sentence why nothing can be recorded; empty where it can."""
        if self.ready:
            return ""
        if not self.dataset:
            return "no data set is open"
        if self.status is None or self.silent(HUNG_NS):
            return "the recorder is not at work"
        return self.failure or f"the recorder does not hold {self.dataset} yet"

    # Notes

    def note(self, note: Note) -> None:
        """Write a note of something done."""
        self._write(note)

    def note_plan(self, orders: Orders) -> None:
        """Note that the mailbox got a plan."""
        self._write(PlanNote(t_ns=orders.t_ns, orders=pack_orders(orders)))

    def note_event(self, name: str, text: str = "") -> None:
        """Note that something happened."""
        self._write(EventNote(t_ns=self._now, name=name, text=text))

    def close(self) -> None:
        """Unmap the rings."""
        self._ring.close()
        self._statuses.close()

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _write(self, note: Note) -> None:
        self._ring.write(pack_note(note))


def new_episode_id() -> str:
    """Return a name for an episode that begins now: the time in UTC, and four random digits."""
    began = datetime.fromtimestamp(wall_now() // S, UTC)
    return f"{began:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
