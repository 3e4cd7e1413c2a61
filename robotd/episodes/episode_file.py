"""`episode.json`: what an episode is, beside its log, with the checksums of both.

The text has one form only: what is read is written again and must give the same bytes, and a
checksum over everything else stands in it, so that any changed byte is found.
"""

import hashlib
import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import msgspec
from msgspec import Meta, Struct

from robotd.core.errors import DatasetError, one_line
from robotd.core.journal import EpisodeId, Kind, Label
from robotd.core.whole_file import whole_file

LOG_NAME: Final = "episode.mcap"
FILE_NAME: Final = "episode.json"

Instant = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""On the robot computer's monotonic clock [ns]."""

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
_NO_CHECKSUM = "0" * 64
_NESTED = ("about", "versions", "cameras")


class CameraInfo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a camera's pictures are kept."""

    codec: Literal["h264", "jpeg", "png"]
    width_px: Annotated[int, Meta(ge=1)]
    height_px: Annotated[int, Meta(ge=1)]
    fps: float
    """Nominal."""


class Origin(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of an episode when it begins; stands first in its log too."""

    id: EpisodeId
    kind: Kind
    cell: str
    """The cell's name."""
    t_begin_ns: Instant
    """When it began, on the robot computer's monotonic clock, as all times in it."""
    wall_offset_ns: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
    """Wall clock minus monotonic clock, then."""
    config_sha256: str = ""
    """Of the cell's configuration, which is attached to the log."""
    envelope_sha256: str = ""
    checkpoint_sha256: str = ""
    """Of the policy's checkpoint; empty where none drove."""
    about: dict[str, str] = {}
    """Operator, policy, seed, ...; free text."""
    versions: dict[str, str] = {}
    """Of this program and of the libraries that made the bytes."""
    cameras: dict[str, CameraInfo] = {}

    def as_metadata(self) -> dict[str, str]:
        """Return it as the texts that stand in the log: plain ones as they are, others as JSON."""
        values = msgspec.to_builtins(self)
        return {
            name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
            for name, value in values.items()
        }

    @classmethod
    def from_metadata(cls, texts: dict[str, str]) -> Self:
        """Read what `as_metadata` gave.

        Raises:
            DatasetError: Something else.
        """
        try:
            values: dict[str, Any] = dict(texts)
            for name in _NESTED:
                values[name] = msgspec.json.decode(texts.get(name, "{}"))
            return msgspec.convert(values, cls, strict=False)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise DatasetError(f"the log's metadata: {one_line(str(error))}") from error


class EpisodeFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A complete episode."""

    origin: Origin
    status: Literal["complete", "recovered"] = "complete"
    """`recovered`: a crash cut it off, and its log was completed afterwards."""
    outcome: str
    """Why it ended, one word or two; `aborted` where a crash or a signal ended it."""
    reason: str = ""
    label: Label = ""
    score: float = -1.0
    """The task's; -1 where there is none."""
    t_first_ns: int
    """The first message was logged then; `t_begin_ns` where there is none."""
    t_last_ns: int
    """The last one."""
    lost_s: float = 0.0
    """Of a recovered one: from its last message to the last sign of life of its recorder."""
    counts: dict[str, int]
    """Topic to messages, those without any too."""
    dropped: dict[str, int] = {}
    """Topic to items that were lost while recording, as the log's gaps say."""
    log_bytes: Annotated[int, Meta(ge=0)]
    log_sha256: Sha256
    checksum: Sha256 = _NO_CHECKSUM
    """Of this text, with zeros in this place."""

    @property
    def id(self) -> str:
        """Its name."""
        return self.origin.id

    @property
    def duration_s(self) -> float:
        """From the first message to the last [s]."""
        return (self.t_last_ns - self.t_first_ns) / 1e9


def encode(file: EpisodeFile) -> bytes:
    """Return the one text of an episode, its checksum filled in."""
    blank = _text(msgspec.structs.replace(file, checksum=_NO_CHECKSUM))
    checksum = hashlib.sha256(blank).hexdigest()
    return _text(msgspec.structs.replace(file, checksum=checksum))


def decode(data: bytes, source: str) -> EpisodeFile:
    """Read the text of `encode`.

    Args:
        data: The text.
        source: Its name in messages.

    Raises:
        DatasetError: Anything else than exactly that text.
    """
    try:
        file = msgspec.json.decode(data, type=EpisodeFile)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DatasetError(f"{source}: damaged: {one_line(str(error))}") from error
    if encode(file) != data:
        raise DatasetError(f"{source}: damaged or edited: its checksum does not fit")
    return file


def write_episode_file(folder: Path, file: EpisodeFile) -> None:
    """Write `episode.json` into an episode's folder, whole or not at all, and on the disk.

    Raises:
        OSError: No room, or no right.
        DatasetError: A value that could not be read back, such as a score of NaN.
    """
    data = encode(file)
    decode(data, f"{folder.name}: {FILE_NAME}")
    with whole_file(folder / FILE_NAME) as partial:
        partial.write_bytes(data)
    sync_folder(folder)


def read_episode_file(folder: Path) -> EpisodeFile:
    """Read an episode's `episode.json`.

    Raises:
        DatasetError: Missing or damaged, or that of another episode.
    """
    path = folder / FILE_NAME
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    file = decode(data, str(path))
    if file.id != folder.name.removesuffix(".open"):
        raise DatasetError(f"{path}: is of episode {file.id}, not of {folder.name}")
    return file


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's content.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk.

    Raises:
        OSError: The disk refuses.
    """
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _text(file: EpisodeFile) -> bytes:
    compact = msgspec.json.encode(file, order="sorted")
    return msgspec.json.format(compact, indent=1) + b"\n"
