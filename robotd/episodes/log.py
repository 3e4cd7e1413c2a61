"""An episode's log: one MCAP file of timed messages, written and read.

What is known when the episode begins (`about`, attachments) stands first in the file, so that it is
read at once and survives whatever follows. Chunks are compressed with lz4 and carry their CRC;
`flush` ends one, so that everything up to then survives a crash.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO, Final, Self, cast

from robotd.core.clock import MonoNs
from robotd.core.errors import DatasetError
from robotd.episodes.mcap_file import About, Attached, Block, Logged, Part, make_writer, scan
from robotd.episodes.schemas import schema_bytes

CHUNK_BYTES: Final = 1 << 20
"""A chunk ends when it holds more than this, or at a flush [bytes]."""

_ABOUT: Final = "episode"
_ENCODING: Final = "protobuf"


@dataclass(slots=True)
class Opening:
    """What stands at the beginning of a file.

    Attributes:
        about: What is known of the episode when it begins.
        attachments: Name to JSON: the cell's configuration and calibration.
    """

    about: dict[str, str] = field(default_factory=dict[str, str])
    attachments: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def add(self, part: Part) -> bool:
        """Add a part of the file; say whether it belongs to the beginning."""
        match part.content:
            case About(name, texts):
                if name == _ABOUT:
                    self.about = dict(texts)
            case Attached(name, data):
                self.attachments[name] = data
            case _:
                return False
        return True


class _Hashed:
    """A file written from its beginning to its end, and the checksum of all that was written."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size_bytes = 0
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        self.size_bytes += len(data)
        return self.file.write(data)

    def tell(self) -> int:
        return self.size_bytes

    def flush(self) -> None:
        self.file.flush()


class EpisodeLog:
    """Writes one file; used by one thread at a time.

    After the first failure of the disk it is dead: nothing more is written, and every further call
    raises the same error, as a later success would prove nothing of what was lost before.
    """

    def __init__(self, path: Path, file: BinaryIO, sync: Callable[[int], None]) -> None:
        self.path = path
        self._file, self._sync = file, sync
        self._hashed = _Hashed(file)
        self._writer = make_writer(cast("IO[bytes]", self._hashed), "robotd")
        self._schemas: dict[str, int] = {}
        self._channels: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        self._chunk_bytes = 0
        self._dead: DatasetError | None = None

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        about: Mapping[str, str],
        attachments: Mapping[str, bytes],
        t_ns: MonoNs,
        sync: Callable[[int], None] = os.fdatasync,
    ) -> Self:
        """Make the file, which must not exist yet, and write down how it begins.

        Args:
            path: Of the file.
            about: What is known of the episode; see `episode_file.Origin`.
            attachments: Name to JSON.
            t_ns: When the episode begins.
            sync: Brings a file's content to the disk, by its descriptor.

        Raises:
            DatasetError: It exists, or the disk refuses.
        """
        try:
            file = path.open("xb")
        except OSError as error:
            raise DatasetError(f"{path}: cannot be made: {error.strerror}") from error
        log = cls(path, file, sync)
        with log._guarded():
            log._writer.add_metadata(_ABOUT, dict(about))
            for name, data in attachments.items():
                log._writer.add_attachment(t_ns, t_ns, name, "application/json", data)
        log.flush()
        return log

    @property
    def counts(self) -> dict[str, int]:
        """Messages written so far, by topic; topics without any too."""
        return dict(self._counts)

    @property
    def size_bytes(self) -> int:
        """Size of the file so far, without the chunk that is being filled."""
        return self._hashed.size_bytes

    @property
    def sha256(self) -> str:
        """Checksum of the file so far; of the whole one once it is finished."""
        return self._hashed.sha256.hexdigest()

    def add_topic(self, topic: str, schema: str) -> None:
        """Announce a stream before its first message; the same one again does nothing.

        Raises:
            DatasetError: The disk refuses.
            KeyError: `schema` is none of `schemas.schema_names()`.
        """
        if topic in self._channels:
            return
        with self._guarded():
            if schema not in self._schemas:
                self._schemas[schema] = self._writer.register_schema(
                    schema, _ENCODING, schema_bytes(schema)
                )
            self._channels[topic] = self._writer.register_channel(
                topic, _ENCODING, self._schemas[schema]
            )
            self._counts[topic] = 0

    def write(self, topic: str, data: bytes, t_log_ns: int, t_publish_ns: int) -> None:
        """Append one message to an announced topic; it is in memory until `flush`.

        Raises:
            DatasetError: The disk refuses.
            KeyError: The topic was not announced.
        """
        self.write_together([(topic, data)], t_log_ns, t_publish_ns)

    def write_together(
        self, messages: Sequence[tuple[str, bytes]], t_log_ns: int, t_publish_ns: int
    ) -> None:
        """Append messages that no crash may part: all of them survive it, or none.

        Args:
            messages: Topic and bytes of each.
            t_log_ns: When they arrived or were noted.
            t_publish_ns: When they were captured or sampled.

        Raises:
            DatasetError: The disk refuses.
            KeyError: A topic was not announced.
        """
        with self._guarded():
            for topic, data in messages:
                channel, count = self._channels[topic], self._counts[topic]
                self._writer.add_message(channel, t_log_ns, data, t_publish_ns, count & 0xFFFFFFFF)
                self._counts[topic] = count + 1
                self._chunk_bytes += len(data)
            if self._chunk_bytes > CHUNK_BYTES:
                self._end_chunk()

    def flush(self) -> None:
        """Bring everything written so far to the disk; a crash loses only what comes after.

        Raises:
            DatasetError: The disk refuses: the file ends somewhere before.
        """
        with self._guarded():
            self._end_chunk()
            self._sync(self._file.fileno())

    def finish(self) -> None:
        """Write the index, bring all to the disk and close the file; twice does nothing.

        Raises:
            DatasetError: The disk refuses.
        """
        if self._file.closed and self._dead is None:
            return
        with self._guarded():
            self._writer.finish()
            self._file.flush()
            self._sync(self._file.fileno())
            self._file.close()

    def abandon(self) -> None:
        """Close the file as it is, for `recover` to complete; never raises."""
        if self._dead is None:
            self._dead = DatasetError(f"{self.path}: abandoned")
        with contextlib.suppress(OSError, ValueError):  # what is buffered may be refused once more
            self._file.close()

    def _end_chunk(self) -> None:
        self._writer.flush()
        self._chunk_bytes = 0

    @contextlib.contextmanager
    def _guarded(self) -> Generator[None]:
        if self._dead is not None:
            raise self._dead
        try:
            yield
        except OSError as error:
            self._dead = DatasetError(
                f"{self.path}: writing failed: {error.strerror or error}; the episode ends before"
            )
            self.abandon()
            raise self._dead from error


class LogReader:
    """Reads one file from its beginning, as often as asked; keeps no file open in between.

    Attributes:
        path: Of the file.
        opening: What stands at its beginning.
    """

    def __init__(self, path: Path) -> None:
        """Read the beginning.

        Raises:
            DatasetError: Missing, or not the beginning of an episode's file.
        """
        self.path = path
        self.opening = Opening()
        for part in self._scan(()):
            if not self.opening.add(part):
                break
        if not self.opening.about:
            raise DatasetError(f"{path}: damaged: it does not say which episode it is")

    def messages(self, topics: Collection[str] | None = None) -> Iterator[Logged]:
        """Yield the messages of some topics, default all, in the order in which they were written.

        Raises:
            DatasetError: Missing, or damaged: what came before the damage was yielded.
        """
        for part in self._scan(topics):
            if isinstance(part.content, Block):
                yield from part.content.messages

    def topics(self) -> dict[str, str]:
        """Return each topic with the full name of its schema, topics without a message too.

        Raises:
            DatasetError: Missing or damaged.
        """
        *_, last = self._scan(())
        return last.topics

    def _scan(self, topics: Collection[str] | None) -> Iterator[Part]:
        try:
            yield from scan(self.path, topics)
        except OSError as error:
            raise DatasetError(f"{self.path}: cannot be read: {error.strerror}") from error
