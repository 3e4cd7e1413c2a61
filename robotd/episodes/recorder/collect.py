"""Collects from the rings what belongs to one episode; no thread, no file, no clock of its own."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from robotd.core.clock import MS, MonoNs, S
from robotd.core.config import CellConfig
from robotd.core.errors import CorruptRecordError
from robotd.core.journal import unpack_note
from robotd.core.protocols import Clock
from robotd.core.run_files import JOURNAL
from robotd.core.types import Frame
from robotd.episodes import topics
from robotd.episodes.items import Gap
from robotd.episodes.recorder.follow import Arrival, Follower, Place
from robotd.episodes.recorder.streams import (
    Outgoing,
    camera_path,
    frame_arrival_ns,
    note_ns,
    of_note,
    read_frame,
    streams_of,
)

SETTLE_NS: Final = S // 2
"""An ended episode waits for so long at most for items of before its end that still arrive."""


class Places:
    """Where all rings of a cell were at recent instants, so that an episode can begin there."""

    def __init__(self, cell: CellConfig, run_dir: Path) -> None:
        self.streams = streams_of(cell, run_dir)
        self.rings = {stream.topic: Place(stream.path) for stream in self.streams}
        self.cameras = {name: Place(camera_path(run_dir, name)) for name in cell.cameras}
        self.journal = Place(run_dir / JOURNAL)

    def keep(self, clock: Clock) -> None:
        """Remember where the rings are at present."""
        for place in (*self.rings.values(), *self.cameras.values()):
            place.keep(clock)

    def close(self) -> None:
        """Unmap the rings."""
        for place in (*self.rings.values(), *self.cameras.values(), self.journal):
            place.close()


HELD_NS: Final = 30 * MS
"""Items are handed on so late, since the order to end comes later than the instant it names."""

SEEN_NS: Final = HELD_NS + 30 * MS
"""What is done has been handed on after so long, unless whoever did it was held up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A message that belongs to the episode.

    Attributes:
        message: What is to be written.
        n_bytes: Size of its record.
        note_index: Of a note, in the journal; -1 of all else.
    """

    message: Outgoing
    n_bytes: int
    note_index: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A camera's frame that belongs to the episode."""

    camera: str
    frame: Arrival[Frame]


@dataclass(slots=True)
class Collected:
    """What one look at the rings gave.

    Attributes:
        messages: Of all streams but the cameras'.
        frames: Of the cameras.
        gaps: What was lost.
    """

    messages: list[Kept] = field(default_factory=list[Kept])
    frames: list[Seen] = field(default_factory=list[Seen])
    gaps: list[Gap] = field(default_factory=list[Gap])


class Collector:
    """All that arrived from the episode's begin to its end, each item once, losses counted."""

    def __init__(self, places: Places, begin_ns: MonoNs, journal_index: int) -> None:
        """Begin where the rings were at `begin_ns`.

        Args:
            places: Of the cell's rings.
            begin_ns: The first instant of the episode.
            journal_index: Of the note that began it: what follows there belongs to it.
        """
        self._streams = [
            (
                stream,
                Follower[Any](
                    stream.topic,
                    places.rings[stream.topic],
                    stream.unpack,
                    stream.log_ns,
                    begin_ns=begin_ns,
                ),
            )
            for stream in places.streams
        ]
        self._cameras = {
            name: Follower(
                topics.camera_topic(name), place, read_frame, frame_arrival_ns, begin_ns=begin_ns
            )
            for name, place in places.cameras.items()
        }
        self._journal = Follower(
            "journal", places.journal, unpack_note, note_ns, begin_ns=begin_ns, after=journal_index
        )
        self._held = Collected()
        self._newest_ns: dict[str, int] = {}
        self._begin_ns = begin_ns
        self._order: tuple[MonoNs, int | None] | None = None
        self._end_ns: MonoNs | None = None

    def end(self, t_ns: MonoNs, journal_index: int | None) -> None:
        """Take nothing of after `t_ns`, and no note behind `journal_index` (None: any)."""
        self._order = (t_ns, journal_index)

    def read(self, now: MonoNs) -> Collected:
        """Return what came since the last call, but for the newest, which is held back."""
        order, held = self._order, self._held
        for stream, follower in self._streams:
            for arrival in self._read(follower, now):
                message = Outgoing(
                    topic=stream.topic,
                    t_log_ns=arrival.t_ns,
                    t_publish_ns=stream.publish_ns(arrival.item),
                    item=arrival.item,
                )
                held.messages.append(Kept(message=message, n_bytes=arrival.n_bytes))
        for camera, follower in self._cameras.items():
            held.frames += [Seen(camera=camera, frame=f) for f in self._read(follower, now)]
        self._read_journal(now)
        if order is None:
            return self._older_than(MonoNs(now - HELD_NS))
        return self._up_to(*order)

    def _older_than(self, t_ns: MonoNs) -> Collected:
        held, self._held = self._held, Collected()
        ready = Collected(gaps=held.gaps)
        for kept in held.messages:
            which = ready if kept.message.t_log_ns <= t_ns else self._held
            which.messages.append(kept)
        for seen in held.frames:
            (ready if seen.frame.t_ns <= t_ns else self._held).frames.append(seen)
        return ready

    def _up_to(self, end_ns: MonoNs, end_index: int | None) -> Collected:
        held, self._held, self._end_ns = self._held, Collected(), end_ns

        def belongs(kept: Kept) -> bool:
            if kept.note_index >= 0:
                return end_index is None or kept.note_index <= end_index
            return kept.message.t_log_ns <= end_ns

        return Collected(
            messages=[kept for kept in held.messages if belongs(kept)],
            frames=[seen for seen in held.frames if seen.frame.t_ns <= end_ns],
            gaps=[gap for gap in held.gaps if gap.t_from_ns < end_ns],
        )

    def give_up(self, now: MonoNs, reason: str) -> Collected:
        """Return what is held, and all that is not read any more as gaps."""
        for follower in self._followers:
            if (gap := follower.unread(now, reason)) is not None:
                self._held.gaps.append(gap)
        return self._older_than(now) if self._order is None else self._up_to(*self._order)

    @property
    def ended(self) -> bool:
        """Whether it was told to end."""
        return self._order is not None

    def complete(self, now: MonoNs) -> bool:
        """Whether nothing of before the end is to be expected any more."""
        end_ns = self._end_ns
        if end_ns is None:
            return False
        if now >= end_ns + SETTLE_NS:
            return True
        return all(t_ns > end_ns for t_ns in self._newest_since(MonoNs(end_ns - SETTLE_NS)))

    def seen_upto_ns(self, now: MonoNs) -> MonoNs:
        """Return up to when all that was done has been handed on.

        A stream's items come in their order, so one that lives has been seen up to its newest: a
        process that was held up between an item's instant and its ring brings it late.
        """
        return MonoNs(min([now - SEEN_NS, *self._newest_since(MonoNs(now - SETTLE_NS))]))

    def last_ns(self, now: MonoNs) -> MonoNs:
        """Return the log time of what is found out at `now`: not after the episode's end."""
        return now if self._end_ns is None else min(now, self._end_ns)

    def close(self) -> None:
        """Unmap the rings."""
        for follower in self._followers:
            follower.close()

    @property
    def _followers(self) -> list[Follower[Any]]:
        streams = [follower for _, follower in self._streams]
        return [*streams, *self._cameras.values(), self._journal]

    def _newest_since(self, t_ns: MonoNs) -> list[MonoNs]:
        """Return the newest item's log time of each stream that brought one after `t_ns`."""
        newest = [f.newest_ns for _, f in self._streams]
        newest += [f.newest_ns for f in self._cameras.values()]
        return [found for found in newest if found is not None and found > t_ns]

    def _read(self, follower: Follower[Any], now: MonoNs) -> list[Arrival[Any]]:
        arrivals, gap = follower.read(now)
        if gap is not None:
            self._held.gaps.append(gap)
        return arrivals

    def _read_journal(self, now: MonoNs) -> None:
        for arrival in self._read(self._journal, now):
            try:
                message = of_note(arrival.item)
            except CorruptRecordError as error:
                self._held.gaps.append(_damaged_note(arrival, str(error)))
                continue
            if message is not None:
                noted = self._in_order(message)
                self._held.messages.append(
                    Kept(message=noted, n_bytes=arrival.n_bytes, note_index=arrival.index)
                )

    def _in_order(self, message: Outgoing) -> Outgoing:
        """Return a note with a log time that does not go back: its place in the journal counts."""
        before_ns = self._newest_ns.get(message.topic, self._begin_ns)
        t_ns = self._newest_ns[message.topic] = max(before_ns, message.t_log_ns)
        return message if t_ns == message.t_log_ns else replace(message, t_log_ns=t_ns)


def _damaged_note(arrival: Arrival[Any], why: str) -> Gap:
    t_ns = arrival.t_ns
    return Gap(stream=topics.PLAN, count=1, t_from_ns=t_ns, t_to_ns=t_ns, reason=why)
