"""The bytes of an MCAP file: the one place that knows the library.

A file is read record by record, and its chunks with their CRC; whatever the bytes, the answer is a
whole part of it or one `DatasetError`.
"""

import os
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Final

from mcap.data_stream import ReadDataStream, RecordBuilder
from mcap.exceptions import EndOfFile, McapError
from mcap.opcode import Opcode
from mcap.records import Attachment, Channel, Chunk, DataEnd, Footer, Metadata, Schema
from mcap.stream_reader import StreamReader, get_chunk_data_stream
from mcap.writer import MCAP0_MAGIC, CompressionType, Writer

from robotd.core.clock import MonoNs
from robotd.core.errors import DatasetError, one_line

_NO_LIMIT: Final = 1 << 62

_MESSAGE = struct.Struct("<HIQQ")
_RECORD = struct.Struct("<BQ")

# What the library raises on damaged bytes: its own errors, short reads (struct), bad text and CRCs
# (ValueError), lz4 (RuntimeError), absurd lengths (OverflowError, MemoryError).
_DAMAGE = (McapError, struct.error, ValueError, RuntimeError, OverflowError, MemoryError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One message of an episode.

    Attributes:
        topic: Its stream.
        schema: Full name of its type.
        t_log_ns: When it arrived or was noted.
        t_publish_ns: When it was captured or sampled.
        data: Its bytes; `items.UNPACK[schema]` reads them.
    """

    topic: str
    schema: str
    t_log_ns: MonoNs
    t_publish_ns: MonoNs
    data: bytes


@dataclass(frozen=True, slots=True)
class About:
    """A record of metadata: its name and its texts."""

    name: str
    texts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Attached:
    """An attachment: its name and its content."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """The messages of a whole chunk."""

    messages: list[Logged]


@dataclass(frozen=True, slots=True)
class End:
    """The file is whole to its end."""


@dataclass(frozen=True, slots=True)
class Part:
    """A whole part of a file.

    Attributes:
        content: What it is.
        topics: Topic to schema, as announced up to here.
        end_bytes: Where it ends.
    """

    content: About | Attached | Block | End
    topics: dict[str, str]
    end_bytes: int


def make_writer(stream: IO[bytes], library: str) -> Writer:
    """Begin a file on a stream that can write and tell where it is; return its writer.

    Its chunks end with `flush` alone: only who writes knows which messages belong together.
    """
    writer = Writer(
        stream, chunk_size=_NO_LIMIT, compression=CompressionType.LZ4, enable_data_crcs=True
    )
    writer.start(library=library)
    return writer


def scan(path: Path, wanted: Collection[str] | None = None) -> Iterator[Part]:
    """Yield the parts of a file one after the other.

    Args:
        path: Of the file.
        wanted: The topics whose messages are taken out; None: all.

    Raises:
        DatasetError: Damaged from here on.
        OSError: The disk refuses to read it.
    """
    streams = _Streams(wanted)
    with path.open("rb") as file:
        limit = os.fstat(file.fileno()).st_size
        reader = StreamReader(file, emit_chunks=True, validate_crcs=True, record_size_limit=limit)
        try:
            for record in reader.records:
                content = streams.take(record)
                if content is not None:
                    yield Part(content, streams.topics(), file.tell())
        except _DAMAGE as error:
            raise DatasetError(f"{path}: damaged: {_why(error)}") from error
        yield Part(End(), streams.topics(), file.tell())


def cut(path: Path, end_bytes: int) -> None:
    """Complete a file in place: drop what follows its last whole part, and end it there.

    It needs no room on the disk. The file has no index then; some readers ask whether to read it
    nevertheless.

    Args:
        path: Of the file.
        end_bytes: Where the last whole part ends.

    Raises:
        OSError: The disk refuses.
    """
    end = RecordBuilder()
    DataEnd(0).write(end)
    Footer(0, 0, 0).write(end)
    with path.open("r+b") as file:
        file.truncate(end_bytes)
        file.seek(end_bytes)
        file.write(end.end() + MCAP0_MAGIC)
        file.flush()
        os.fsync(file.fileno())


def _why(error: BaseException) -> str:
    if isinstance(error, EndOfFile | struct.error):
        return "it ends in the middle of a record"
    return one_line(str(error)) or type(error).__name__


class _Streams:
    """The schemas and channels met so far; takes the messages wanted out of chunks."""

    def __init__(self, wanted: Collection[str] | None) -> None:
        self._wanted = wanted
        self._schemas: dict[int, str] = {}
        self._channels: dict[int, tuple[str, str]] = {}

    def topics(self) -> dict[str, str]:
        return dict(self._channels.values())

    def take(self, record: object) -> About | Attached | Block | None:
        """Return what a record of the file holds; None where it is of no matter by itself."""
        if isinstance(record, Chunk):
            return Block(self._messages(record))
        if isinstance(record, Metadata):
            return About(record.name, record.metadata)
        if isinstance(record, Attachment):
            return Attached(record.name, record.data)
        if isinstance(record, Schema | Channel):
            self._add(record)
        return None

    def _add(self, record: Schema | Channel) -> None:
        if isinstance(record, Schema):
            self._schemas[record.id] = record.name
        else:
            if record.schema_id not in self._schemas:
                raise ValueError(f"topic {record.topic} has no schema")
            self._channels[record.id] = (record.topic, self._schemas[record.schema_id])

    def _messages(self, chunk: Chunk) -> list[Logged]:
        """Take a chunk apart, its CRC checked; raises one of `_DAMAGE`."""
        stream, size = get_chunk_data_stream(chunk, validate_crc=True)
        data = stream.read(size)
        at, found = 0, list[Logged]()
        while at < size:
            kind, length = _RECORD.unpack_from(data, at)
            begin, at = at + _RECORD.size, at + _RECORD.size + length
            if at > size:
                raise ValueError("a record is longer than its chunk")
            if kind == Opcode.MESSAGE:
                if (message := self._message(data, begin, at)) is not None:
                    found.append(message)
            elif kind in (Opcode.SCHEMA, Opcode.CHANNEL):
                record = Schema if kind == Opcode.SCHEMA else Channel
                self._add(record.read(ReadDataStream(BytesIO(data[begin:at]))))
        return found

    def _message(self, data: bytes, begin: int, end: int) -> Logged | None:
        channel, _, t_log_ns, t_publish_ns = _MESSAGE.unpack_from(data, begin)
        if channel not in self._channels:
            raise ValueError(f"a message of the unknown channel {channel}")
        topic, schema = self._channels[channel]
        if self._wanted is not None and topic not in self._wanted:
            return None
        return Logged(
            topic=topic,
            schema=schema,
            t_log_ns=MonoNs(t_log_ns),
            t_publish_ns=MonoNs(t_publish_ns),
            data=data[begin + _MESSAGE.size : end],
        )
