"""One complete episode, opened for reading alone."""

from collections.abc import Collection, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from robotd.core.config import CellConfig
from robotd.core.errors import DatasetError, one_line
from robotd.core.journal import ChunkNote, ChunkUse, EventNote, RequestNote
from robotd.core.types import Orders, Signal, TeleopSample
from robotd.core.world_state import WorldState
from robotd.episodes.episode_file import LOG_NAME, EpisodeFile, read_episode_file, sha256_of
from robotd.episodes.items import FrameTimes, Gap, Item, Picture
from robotd.episodes.log import Logged, LogReader
from robotd.episodes.recorded_cell import recorded_cell
from robotd.episodes.schemas import IMAGE, VIDEO, parse
from robotd.episodes.streams import CameraTimes, Streams, Teleops, Ticks, Worlds, join_signals
from robotd.episodes.tick_columns import ARM_TICK, columns_of
from robotd.episodes.topics import camera_topic, signal_of, times_topic
from robotd.episodes.unpack import unpack

T = TypeVar("T")

_BATCH_N: Final = 4096
"""Ticks that are kept as messages at a time: as columns they take a tenth of the memory."""


class Episode:
    """An episode's description, its streams as arrays, and its pictures on demand.

    Attributes:
        folder: Where it lies.
        about: The content of its `episode.json`.
        streams: Everything but the pictures.
    """

    def __init__(self, folder: Path, *, check_hash: bool = True) -> None:
        """Read all streams.

        Args:
            folder: The episode's.
            check_hash: Compare the log with the sha256 in `episode.json` first: MCAP's own
                checksums do not cover every byte.

        Raises:
            DatasetError: It is missing or damaged, whatever way.
        """
        self.folder = folder
        self.about: EpisodeFile = read_episode_file(folder)
        path = folder / LOG_NAME
        if check_hash and _sha256(path) != self.about.log_sha256:
            raise DatasetError(f"{path}: damaged: it is not the file that was recorded")
        self._log = LogReader(path)
        self.streams: Streams = _load(self.about, self._log)

    @property
    def cell(self) -> CellConfig:
        """The configuration of the cell in which it was recorded.

        Raises:
            DatasetError: It is not there, or not such a one.
        """
        return recorded_cell(self._log)

    def attachment(self, name: str) -> bytes:
        """Return the content of an attachment.

        Raises:
            DatasetError: There is none of that name.
        """
        found = self._log.opening.attachments
        if name not in found:
            raise DatasetError(
                f"{self._log.path}: no attachment {name}; it has {', '.join(sorted(found)) or '-'}"
            )
        return found[name]

    def items(self, topics: Collection[str] | None = None) -> Iterator[tuple[Logged, Item]]:
        """Yield messages and what they hold in the order in which they were written.

        Args:
            topics: The streams wanted; default all.

        Raises:
            DatasetError: Damaged: what came before was yielded.
        """
        for message in self._log.messages(topics):
            yield message, _unpacked(self._log, message)

    def frames(
        self, camera: str, indexes: Iterable[int] | None = None
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield pictures of a camera, decoded as they are asked for.

        Args:
            camera: Its name.
            indexes: Which of `streams.cameras[camera]`, in any order; growing is the fastest.
                Default: all.

        Yields:
            (H, W, 3) uint8, RGB.

        Raises:
            DatasetError: No such camera or picture, or one that is damaged.
        """
        from robotd.episodes.video import decode_at, make_decoder  # loads the codecs

        times = self.times_of(camera)
        info = self.about.origin.cameras.get(camera)
        if info is None:
            raise DatasetError(f"{self.folder.name}: nothing says how {camera} was kept")
        chosen = range(len(times)) if indexes is None else list(indexes)
        if bad := [i for i in chosen if not 0 <= i < len(times)]:
            raise DatasetError(
                f"{self.folder.name}: {camera} has {len(times)} pictures, not a number {bad[0]}"
            )
        pictures = [
            item.data
            for _, item in self.items((camera_topic(camera),))
            if isinstance(item, Picture)
        ]
        if len(pictures) < len(times):
            raise DatasetError(
                f"{self.folder.name}: {camera} has {len(times)} times for {len(pictures)} pictures"
            )
        decoder = partial(
            make_decoder, info.codec, width_px=info.width_px, height_px=info.height_px
        )
        yield from decode_at(decoder, pictures, times.key.tolist(), chosen)

    def times_of(self, camera: str) -> CameraTimes:
        """Return the times of a camera's pictures.

        Raises:
            DatasetError: There is no such camera.
        """
        if camera not in self.streams.cameras:
            known = ", ".join(sorted(self.streams.cameras)) or "none"
            raise DatasetError(f"{self.folder.name}: no camera {camera}; it has {known}")
        return self.streams.cameras[camera]


def _sha256(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error


def _unpacked(log: LogReader, message: Logged) -> Item:
    try:
        return unpack(message.schema, message.data)
    except DatasetError as error:
        raise DatasetError(f"{log.path}: {message.topic}: {error}") from error


def _parsed(log: LogReader, message: Logged) -> Any:
    try:
        return parse(message.schema, message.data)
    except DatasetError as error:
        raise DatasetError(f"{log.path}: {message.topic}: {error}") from error


def _columns(log: LogReader, messages: list[Any]) -> Ticks:
    try:
        return columns_of(messages)
    except ValueError as error:
        raise DatasetError(f"{log.path}: a message of {ARM_TICK}: {error}") from error


def _load(about: EpisodeFile, log: LogReader) -> Streams:
    """Read everything but the pictures in one pass."""
    items: dict[type[Any], list[Any]] = {}
    ticks, batch = [Ticks.of([])], list[Any]()
    signals: dict[str, list[Signal]] = {}
    times: dict[str, list[FrameTimes]] = {
        times_topic(camera): [] for camera in about.origin.cameras
    }
    pictures_n: dict[str, int] = {}
    for message in log.messages():
        if message.schema in (VIDEO, IMAGE):
            pictures_n[message.topic] = pictures_n.get(message.topic, 0) + 1
            continue
        if message.schema == ARM_TICK:
            batch.append(_parsed(log, message))
            if len(batch) == _BATCH_N:
                ticks.append(_columns(log, batch))
                batch.clear()
            continue
        item = _unpacked(log, message)
        if isinstance(item, Signal):
            signals.setdefault(signal_of(message.topic) or message.topic, []).append(item)
        elif isinstance(item, FrameTimes):
            times.setdefault(message.topic, []).append(item)
        else:
            items.setdefault(type(item), []).append(item)

    def of(kind: type[T]) -> list[T]:
        return items.get(kind, [])

    try:
        joined = {key: join_signals(parts) for key, parts in signals.items()}
    except ValueError as error:
        raise DatasetError(f"{log.path}: damaged: {one_line(str(error))}") from error
    return Streams(
        ticks=Ticks.join([*ticks, _columns(log, batch)]),
        signals=joined,
        world=Worlds.join([Worlds.of(of(WorldState))]),
        teleop=Teleops.join([Teleops.of(of(TeleopSample))]),
        cameras={
            camera: CameraTimes.of(
                times[times_topic(camera)][: pictures_n.get(camera_topic(camera), 0)]
            )
            for camera in about.origin.cameras
        },
        plans=tuple(of(Orders)),
        chunks=tuple(of(ChunkNote)),
        uses=tuple(of(ChunkUse)),
        requests=tuple(of(RequestNote)),
        events=tuple(of(EventNote)),
        gaps=tuple(of(Gap)),
    )
