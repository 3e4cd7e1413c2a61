"""A data set: a folder of episodes, each a folder of its own, and nothing that could disagree.

    D/.lock              held by the one recorder that writes here
    D/<id>.open/         being written, or left by a crash
    D/<id>/              complete; the rename to this name is what completes it
    D/.trash/<id>/       deleted; one rename away from being back
    D/.quarantine/<id>/  left by a crash and not readable

Whoever holds the lock owns every `.open` folder; the kernel drops the lock with its holder.
Reading, deleting and taking back need no lock: complete episodes never change, and a rename is one
step.
"""

import contextlib
import fcntl
import os
import shutil
import time
from pathlib import Path
from typing import Final, Self

from robotd.core.errors import BusyError, DatasetError
from robotd.episodes.episode_file import sync_folder
from robotd.episodes.open_episode import OPEN, QUARANTINE, OpenEpisode

TRASH: Final = ".trash"

_LOCK = ".lock"
_LOCK_TRIES, _LOCK_RETRY_S = 3, 0.01
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Dataset:
    """A data set held for writing; a context manager that gives it back at the end.

    Attributes:
        path: Its folder.
    """

    def __init__(self, path: Path, lock_fd: int) -> None:
        self.path = path
        self._lock_fd = lock_fd
        self._mine: set[str] = set()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Take a data set, made where it does not exist.

        Raises:
            BusyError: Another recorder holds it.
            DatasetError: The folder cannot be made or written.
        """
        try:
            _make(path)
            fd = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise DatasetError(f"data set {path}: cannot be opened: {error.strerror}") from error
        try:
            _lock(fd)
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()} {_BOOT_ID.read_text().strip()}\n".encode(), 0)
        except BlockingIOError as error:
            os.close(fd)
            raise BusyError(
                f"data set {path}: process {holder(path) or '?'} records into it; stop that one, "
                f"or record into another folder"
            ) from error
        except OSError as error:
            os.close(fd)
            raise DatasetError(f"data set {path}: cannot be locked: {error.strerror}") from error
        return cls(path, fd)

    def close(self) -> None:
        """Give it back; twice does nothing."""
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def create(self, episode: str) -> OpenEpisode:
        """Make the folder of a new episode, with some room kept aside.

        Raises:
            DatasetError: The name is taken, or the disk refuses.
        """
        new = OpenEpisode(self.path, episode)
        taken = (self.path / episode, self.path / TRASH / episode)
        try:
            if any(folder.exists() for folder in taken):
                raise FileExistsError(0, "an episode of this name exists")
            new.begin()
            self._mine.add(episode)
        except OSError as error:
            raise DatasetError(f"{new.folder}: cannot be made: {error.strerror}") from error
        return new

    def orphans(self) -> list[OpenEpisode]:
        """Return the open episodes that this holder did not begin: nobody writes them any more."""
        names = open_episodes(self.path)
        return [OpenEpisode(self.path, name) for name in names if name not in self._mine]

    def disown(self, episode: OpenEpisode) -> None:
        """Leave an open episode to `recover`: its log is dead."""
        self._mine.discard(episode.id)


def episodes(path: Path) -> list[str]:
    """Return the names of the complete episodes, oldest first.

    Raises:
        DatasetError: No such folder.
    """
    return [name for name in _folders(path) if not name.endswith(OPEN)]


def open_episodes(path: Path) -> list[str]:
    """Return the names of the episodes that are being written, or that a crash has left.

    Raises:
        DatasetError: No such folder.
    """
    return [name.removesuffix(OPEN) for name in _folders(path) if name.endswith(OPEN)]


def trashed(path: Path) -> list[str]:
    """Return the names of the deleted episodes, oldest first."""
    return _folders(path / TRASH) if (path / TRASH).is_dir() else []


def quarantined(path: Path) -> list[str]:
    """Return the names of what a crash has left and nobody could read."""
    return _folders(path / QUARANTINE) if (path / QUARANTINE).is_dir() else []


def episode_folder(path: Path, episode: str) -> Path:
    """Return the folder of a complete episode.

    Raises:
        DatasetError: There is none of that name.
    """
    known = episodes(path)
    if episode not in known:
        hint = "it is in the trash" if episode in trashed(path) else f"there are {len(known)}"
        raise DatasetError(f"data set {path}: no complete episode {episode!r}; {hint}")
    return path / episode


def delete(path: Path, episode: str) -> None:
    """Move a complete episode to the trash.

    Raises:
        DatasetError: There is none of that name, or the disk refuses.
    """
    folder = episode_folder(path, episode)
    trash = path / TRASH
    try:
        trash.mkdir(exist_ok=True)
        folder.rename(trash / episode)
        sync_folder(trash)
        sync_folder(path)
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be deleted: {error.strerror}") from error


def undelete(path: Path, episode: str) -> None:
    """Take an episode back from the trash.

    Raises:
        DatasetError: There is none of that name in it, or the disk refuses.
    """
    if episode not in trashed(path):
        raise DatasetError(f"data set {path}: no episode {episode!r} in the trash")
    trash = path / TRASH
    try:
        (trash / episode).rename(path / episode)
        sync_folder(path)
        sync_folder(trash)
    except OSError as error:
        raise DatasetError(
            f"data set {path}: episode {episode} cannot be taken back: {error.strerror}"
        ) from error


def holder(path: Path) -> str:
    """Return the id of the process that holds the data set; empty while nobody does."""
    try:
        fd = os.open(path / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return ""
    except BlockingIOError:
        return (os.pread(fd, 64, 0).decode(errors="replace").split() or ["?"])[0]
    finally:
        os.close(fd)


def free_bytes(path: Path) -> int:
    """Return the room left on the data set's disk.

    Raises:
        OSError: No such folder.
    """
    return shutil.disk_usage(path).free


def _make(path: Path) -> None:
    """Make a folder and those above it, where they do not exist, and bring them to the disk."""
    if path.is_dir():
        return
    if path.exists():
        raise NotADirectoryError(0, f"{path} is a file, expected a folder")
    _make(path.parent)
    path.mkdir(exist_ok=True)
    sync_folder(path.parent)


def _lock(fd: int) -> None:
    """Take the lock; one that only asks who holds it lets go again at once."""
    for _ in range(_LOCK_TRIES):
        with contextlib.suppress(BlockingIOError):
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(_LOCK_RETRY_S)
    return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _folders(path: Path) -> list[str]:
    try:
        entries = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        raise DatasetError(f"data set {path}: cannot be read: {error.strerror}") from error
    return sorted(entry.name for entry in entries if entry.is_dir())
