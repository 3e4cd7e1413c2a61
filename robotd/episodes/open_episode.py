"""The folder of an episode that is being written, and the one step that makes it complete."""

import contextlib
import os
import shutil
from pathlib import Path
from typing import Final

from robotd.core.errors import DatasetError
from robotd.episodes.episode_file import (
    FILE_NAME,
    LOG_NAME,
    EpisodeFile,
    sync_folder,
    write_episode_file,
)

OPEN: Final = ".open"
QUARANTINE: Final = ".quarantine"
RESERVE_BYTES: Final = 256 * 1024
"""Kept aside while an episode is written, so that it can be completed on a full disk."""

_ALIVE = ".alive"
_RESERVE = ".reserve"


class OpenEpisode:
    """The folder of an episode that is being written.

    Attributes:
        id: Of the episode.
        folder: Its folder.
    """

    def __init__(self, dataset: Path, episode: str) -> None:
        self.id = episode
        self.folder = dataset / f"{episode}{OPEN}"
        self._dataset = dataset

    def begin(self) -> None:
        """Make the folder, with some room kept aside.

        Raises:
            OSError: It exists, or the disk refuses.
        """
        self.folder.mkdir()
        try:
            (self.folder / _ALIVE).touch(exist_ok=False)
            with (self.folder / _RESERVE).open("xb") as reserve:
                os.posix_fallocate(reserve.fileno(), 0, RESERVE_BYTES)
            sync_folder(self._dataset)
        except OSError:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    @property
    def log_path(self) -> Path:
        """Where its log belongs."""
        return self.folder / LOG_NAME

    def beat(self) -> None:
        """Say that its recorder lives: what comes later than the last beat is not missed.

        Raises:
            OSError: The folder is gone.
        """
        os.utime(self.folder / _ALIVE)

    def alive_ns(self) -> int | None:
        """Return the last beat [ns of the wall clock]; without one, the last change of the log."""
        for name in (_ALIVE, LOG_NAME):
            with contextlib.suppress(FileNotFoundError):
                return (self.folder / name).stat().st_mtime_ns
        return None

    def release_reserve(self) -> None:
        """Give back the room kept aside, before the end of the log is written; once is enough."""
        (self.folder / _RESERVE).unlink(missing_ok=True)

    def commit(self, file: EpisodeFile) -> Path:
        """Complete the episode, whose log is finished and on the disk; return its folder.

        Raises:
            DatasetError: The disk refuses; it stays open, for `recover` to complete.
        """
        try:
            self.release_reserve()
            write_episode_file(self.folder, file)
            return self.publish()
        except OSError as error:
            raise DatasetError(f"{self.folder}: cannot be completed: {error.strerror}") from error

    def publish(self) -> Path:
        """Give a folder that has all it needs its final name.

        Raises:
            OSError: The disk refuses, or that name is taken.
        """
        for entry in self.folder.iterdir():
            if entry.name in (LOG_NAME, FILE_NAME):
                entry.chmod(0o444)
            elif entry.name.startswith("."):
                entry.unlink()
        sync_folder(self.folder)
        complete = self._dataset / self.id
        self.folder.rename(complete)
        sync_folder(self._dataset)
        return complete

    def quarantine(self) -> Path:
        """Move the folder out of the way, for a person to look at; return where it is now.

        Raises:
            OSError: The disk refuses.
        """
        home = self._dataset / QUARANTINE
        home.mkdir(exist_ok=True)
        taken = {entry.name for entry in home.iterdir()}
        names = (f"{self.id}.{n}" if n else self.id for n in range(len(taken) + 1))
        where = home / next(name for name in names if name not in taken)
        self.folder.rename(where)
        sync_folder(home)
        sync_folder(self._dataset)
        return where
