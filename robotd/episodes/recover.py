"""What a crash left in a data set, completed at the next start.

Every open folder without an owner is cut at its last whole chunk, completed as `recovered` and
given its name; what holds no readable message goes to the quarantine. It may be killed at any
instant itself: the next start finds the same and comes to the same. Complete episodes are not
touched.
"""

import contextlib
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from robotd.core.clock import MonoNs, ns_to_seconds
from robotd.core.errors import DatasetError, one_line
from robotd.core.journal import EndEpisode
from robotd.episodes import topics
from robotd.episodes.dataset import Dataset, OpenEpisode, free_bytes
from robotd.episodes.episode_file import (
    EpisodeFile,
    Origin,
    read_episode_file,
    sha256_of,
    sync_folder,
    write_episode_file,
)
from robotd.episodes.items import Gap
from robotd.episodes.log import EpisodeLog
from robotd.episodes.mcap_file import Logged, cut
from robotd.episodes.salvage import Salvage
from robotd.episodes.schemas import schema_names
from robotd.episodes.unpack import unpack

_log = logging.getLogger(__name__)

ABORTED: Final = "aborted"
"""Outcome of an episode that nobody ended."""

_ROOM_BYTES = 16 << 20
"""A clean copy is made only where so much room is left beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What was found and what became of it.

    Attributes:
        recovered: Names of the episodes that were completed.
        quarantined: Name of each folder in the quarantine, with why.
        left: Name of each episode that stays open, with why: the disk refuses.
    """

    recovered: tuple[str, ...] = ()
    quarantined: dict[str, str] = field(default_factory=dict[str, str])
    left: dict[str, str] = field(default_factory=dict[str, str])


def recover(dataset: Dataset) -> Recovery:
    """Complete every open episode of a data set that its holder did not begin itself."""
    recovered: list[str] = []
    quarantined: dict[str, str] = {}
    left: dict[str, str] = {}
    for episode in dataset.orphans():
        try:
            try:
                complete(episode)
                recovered.append(episode.id)
            except DatasetError as error:
                quarantined[episode.quarantine().name] = str(error)
        except OSError as error:
            left[episode.id] = f"{episode.folder}: cannot be completed: {error.strerror}"
    for name, why in {**quarantined, **left}.items():
        _log.warning("data set %s: %s", dataset.path, one_line(f"{name}: {why}"))
    return Recovery(recovered=tuple(recovered), quarantined=quarantined, left=left)


def complete(episode: OpenEpisode, end: EndEpisode | None = None) -> None:
    """Complete one open episode whose log takes no more, as `recovered`.

    Args:
        episode: The episode.
        end: Why it ended, where somebody ended it.

    Raises:
        DatasetError: Nothing of it can be read.
        OSError: The disk refuses.
    """
    episode.release_reserve()
    if not _is_described(episode):
        write_episode_file(episode.folder, _describe(episode, end))
    episode.publish()


def _is_described(episode: OpenEpisode) -> bool:
    """Whether it lacks nothing but its name."""
    try:
        file = read_episode_file(episode.folder)
        size_bytes = episode.log_path.stat().st_size
        return size_bytes == file.log_bytes and sha256_of(episode.log_path) == file.log_sha256
    except FileNotFoundError:
        return False
    except DatasetError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError):
            raise cause from error
        return False


@dataclass(slots=True)
class _Tally:
    """What the messages add up to."""

    counts: dict[str, int]
    dropped: dict[str, int] = field(default_factory=dict[str, int])
    t_first_ns: int | None = None
    t_last_ns: int = 0

    def add(self, message: Logged) -> None:
        self.counts[message.topic] = self.counts.get(message.topic, 0) + 1
        first = self.t_first_ns
        self.t_first_ns = message.t_log_ns if first is None else min(first, message.t_log_ns)
        self.t_last_ns = max(self.t_last_ns, message.t_log_ns)
        if message.topic == topics.GAP:
            with contextlib.suppress(DatasetError):
                gap = unpack(message.schema, message.data)
                if isinstance(gap, Gap):
                    self.dropped[gap.stream] = self.dropped.get(gap.stream, 0) + gap.count


def _describe(episode: OpenEpisode, end: EndEpisode | None) -> EpisodeFile:
    """Make the log whole and say what is in it."""
    found = Salvage(episode.log_path)
    tally = _Tally({})
    for messages in found:
        for message in messages:
            tally.add(message)
    if not tally.counts or tally.t_first_ns is None:
        raise DatasetError(found.damage or f"{episode.log_path}: no message in it")
    for topic in found.topics:
        tally.counts.setdefault(topic, 0)
    origin = Origin.from_metadata(found.opening.about)
    if origin.id != episode.id:
        raise DatasetError(f"{episode.log_path}: is of episode {origin.id}")
    if not found.complete:
        _make_whole(episode.log_path, found)
    alive_ns = (episode.alive_ns() or 0) - origin.wall_offset_ns
    return EpisodeFile(
        origin=origin,
        status="recovered",
        outcome=ABORTED if end is None else end.outcome,
        reason=end.reason if end is not None else "its recorder ended before the episode did",
        label="" if end is None else end.label,
        score=-1.0 if end is None else end.score,
        t_first_ns=tally.t_first_ns,
        t_last_ns=tally.t_last_ns,
        lost_s=max(0.0, ns_to_seconds(alive_ns - tally.t_last_ns)),
        counts=tally.counts,
        dropped=tally.dropped,
        log_bytes=episode.log_path.stat().st_size,
        log_sha256=sha256_of(episode.log_path),
    )


def _make_whole(path: Path, found: Salvage) -> None:
    """Put a clean copy in the place of a log; where there is no room for one, cut it off."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    known = set(found.topics.values()) <= set(schema_names())
    if known and free_bytes(path.parent) > path.stat().st_size + _ROOM_BYTES:
        with contextlib.suppress(DatasetError):
            _copy(found, partial)
            partial.replace(path)
            return sync_folder(path.parent)
        partial.unlink(missing_ok=True)
    return cut(path, found.end_bytes)


def _copy(found: Salvage, path: Path) -> None:
    opening = found.opening
    t_begin_ns = MonoNs(Origin.from_metadata(opening.about).t_begin_ns)
    log = EpisodeLog.create(
        path, about=opening.about, attachments=opening.attachments, t_ns=t_begin_ns
    )
    try:
        for topic, schema in found.topics.items():
            log.add_topic(topic, schema)
        for messages in Salvage(found.path):
            for message in messages:
                log.write(message.topic, message.data, message.t_log_ns, message.t_publish_ns)
        log.finish()
    finally:
        log.abandon()
