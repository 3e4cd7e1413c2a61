"""Whether an episode is what was recorded, to the last byte.

The shallow check compares checksums, which no changed byte escapes. The deep one reads every
message and decodes every picture as well, so that it also finds what was recorded wrongly.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from msgspec import Struct

from robotd.core.errors import DatasetError
from robotd.core.run_files import CELL_FILE
from robotd.episodes import topics
from robotd.episodes.episode_file import (
    LOG_NAME,
    EpisodeFile,
    Origin,
    read_episode_file,
    sha256_of,
)
from robotd.episodes.items import FrameTimes, Gap, Picture
from robotd.episodes.log import LogReader
from robotd.episodes.mcap_file import Logged
from robotd.episodes.unpack import unpack
from robotd.episodes.video import Decoder, make_decoder

Health = Literal["ok", "lossy", "bad"]
EXIT_CODES: dict[Health, int] = {"ok": 0, "lossy": 3, "bad": 1}
"""Of a command that verifies, as MCAP's own tool has them."""


class Verified(Struct, frozen=True, kw_only=True):
    """What was found."""

    episode: str
    health: Health
    """`lossy`: as it was recorded, but a crash or a full queue took some of it."""
    reasons: tuple[str, ...] = ()
    """Each a sentence; empty where it is ok."""


def verify(folder: Path, *, deep: bool = False) -> Verified:
    """Check one complete episode; never raises on damage.

    Args:
        folder: The episode's.
        deep: Read every message and decode every picture as well.
    """
    name, losses = folder.name, list[str]()
    try:
        file = read_episode_file(folder)
        losses = _losses(file)
        faults = _compare(folder / LOG_NAME, file)
        if deep and not faults:
            faults = _read_all(folder / LOG_NAME, file)
    except DatasetError as error:
        faults = [str(error)]
    if faults:
        return Verified(episode=name, health="bad", reasons=tuple(faults))
    return Verified(episode=name, health="lossy" if losses else "ok", reasons=tuple(losses))


def worst(found: list[Verified]) -> Health:
    """Return the health of many episodes: that of the worst."""
    healths = {each.health for each in found}
    return "bad" if "bad" in healths else "lossy" if "lossy" in healths else "ok"


def _compare(path: Path, file: EpisodeFile) -> list[str]:
    try:
        size_bytes = path.stat().st_size
        if size_bytes != file.log_bytes:
            return [f"{path.name}: has {size_bytes} bytes, expected {file.log_bytes}"]
        if sha256_of(path) != file.log_sha256:
            return [f"{path.name}: damaged: its sha256 is not that of the recording"]
    except OSError as error:
        return [f"{path.name}: cannot be read: {error.strerror}"]
    return []


def _losses(file: EpisodeFile) -> list[str]:
    losses = [f"{topic}: {n} lost while recording" for topic, n in file.dropped.items() if n]
    if file.status == "recovered":
        losses.insert(0, f"recovered after a crash, {file.lost_s:.2f} s lost at its end")
    return losses


def _read_all(path: Path, file: EpisodeFile) -> list[str]:
    """Read every message; return the faults, each kind once a topic."""
    log = LogReader(path)
    reading = _Reading(file)
    for message in log.messages():
        reading.add(message)
    faults = reading.finish()
    if Origin.from_metadata(log.opening.about) != file.origin:
        faults.append("the log's metadata and episode.json are not of the same episode")
    config = log.opening.attachments.get(CELL_FILE)
    if config is None:
        faults.append(f"{CELL_FILE}: not attached")
    elif file.origin.config_sha256 not in ("", hashlib.sha256(config).hexdigest()):
        faults.append(f"{CELL_FILE}: is not the configuration that episode.json names")
    return faults


@dataclass(slots=True)
class _Stream:
    count: int = 0
    t_log_ns: int = 0
    t_publish_ns: int = 0


@dataclass(slots=True)
class _Reading:
    """Everything met so far, against what should be there."""

    file: EpisodeFile
    faults: list[str] = field(default_factory=list[str])
    streams: dict[str, _Stream] = field(default_factory=dict[str, _Stream])
    dropped: Counter[str] = field(default_factory=Counter[str])
    decoders: dict[str, Decoder] = field(default_factory=dict[str, Decoder])
    captures: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    t_first_ns: int | None = None
    t_last_ns: int = 0

    def add(self, message: Logged) -> None:
        stream = self.streams.setdefault(message.topic, _Stream())
        if message.t_log_ns < stream.t_log_ns and message.topic != topics.GAP:  # of many streams
            self._fault(f"{message.topic}: its times of arrival go back")
        if _sampled(message.topic) and message.t_publish_ns < stream.t_publish_ns:
            self._fault(f"{message.topic}: its times of capture go back")
        stream.count += 1
        stream.t_log_ns, stream.t_publish_ns = message.t_log_ns, message.t_publish_ns
        first = self.t_first_ns
        self.t_first_ns = message.t_log_ns if first is None else min(first, message.t_log_ns)
        self.t_last_ns = max(self.t_last_ns, message.t_log_ns)
        try:
            self._look(message)
        except DatasetError as error:
            self._fault(f"{message.topic}: message {stream.count - 1}: {error}")

    def _look(self, message: Logged) -> None:
        item = unpack(message.schema, message.data)
        if isinstance(item, Gap):
            self.dropped[item.stream] += item.count
        elif isinstance(item, FrameTimes | Picture):
            self.captures.setdefault(message.topic, []).append(item.t_capture_ns)
            if isinstance(item, Picture):
                self._decode(message.topic, item)

    def _decode(self, topic: str, picture: Picture) -> None:
        name = topics.camera_of(topic) or picture.camera
        camera = self.file.origin.cameras.get(name)
        if camera is None:
            raise DatasetError("a camera that episode.json does not name")
        if camera.codec != picture.codec:
            raise DatasetError(f"a picture of {picture.codec}, expected {camera.codec}")
        if topic not in self.decoders:
            self.decoders[topic] = make_decoder(
                camera.codec, width_px=camera.width_px, height_px=camera.height_px
            )
        self.decoders[topic].decode(picture.data)

    def finish(self) -> list[str]:
        file = self.file
        for topic, decoder in self.decoders.items():
            if decoder.skipped_n:
                self._fault(f"{topic}: {decoder.skipped_n} pictures follow no key frame")
        for name in file.origin.cameras:
            pictures = self.captures.get(topics.camera_topic(name), [])
            times = self.captures.get(topics.times_topic(name), [])
            if pictures != times:
                self._fault(f"{topics.times_topic(name)}: does not fit the pictures")
        found = {topic: stream.count for topic, stream in self.streams.items()}
        for topic in sorted(file.counts.keys() | found.keys()):
            if found.get(topic, 0) != file.counts.get(topic, 0):
                self._fault(
                    f"{topic}: has {found.get(topic, 0)} messages, "
                    f"expected {file.counts.get(topic, 0)}"
                )
        if dict(self.dropped) != {topic: n for topic, n in file.dropped.items() if n}:
            self._fault("its gaps do not add up to what episode.json says was lost")
        if self.t_first_ns is not None and (self.t_first_ns, self.t_last_ns) != (
            file.t_first_ns,
            file.t_last_ns,
        ):
            self._fault("it does not begin and end when episode.json says")
        return self.faults

    def _fault(self, sentence: str) -> None:
        if sentence not in self.faults and len(self.faults) < _FAULTS_N:
            self.faults.append(sentence)


_FAULTS_N = 20
"""A list of more helps nobody."""


def _sampled(topic: str) -> bool:
    """Whether a stream's times of capture only grow: that of a device, not of questions."""
    return (
        topic in (topics.ARM, topics.TELEOP, topics.WORLD)
        or topics.signal_of(topic) is not None
        or topics.camera_of(topic) is not None
    )
