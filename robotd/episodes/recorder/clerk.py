"""Carries out what concerns a whole data set, in a thread of its own, one thing at a time."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from robotd.core.errors import RobotdError
from robotd.core.journal import DropEpisode, OpenDataset, Order, RestoreEpisode
from robotd.episodes.dataset import Dataset, delete, free_bytes, undelete
from robotd.episodes.recorder.orders import MB, too_full
from robotd.episodes.recover import Recovery, recover

NAMES_BYTES: Final = 2048
"""So much of a list of names is told at most."""


class Clerk:
    """Holds the data set; opens it, and moves episodes to the trash and back.

    Attributes:
        dataset: The one that is held; None while there is none, or it is being opened.
        recovery: What a crash had left in it.
    """

    def __init__(self, reserve_mb: float) -> None:
        """Begin without a data set.

        Args:
            reserve_mb: A data set with less room on its disk is not held [MB].
        """
        self.dataset: Dataset | None = None
        self.recovery = Recovery()
        self._reserve_mb = reserve_mb
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="data set")
        self._jobs: list[tuple[Order, Future[str]]] = []

    def submit(self, order: OpenDataset | DropEpisode | RestoreEpisode) -> None:
        """Carry out an order when those before it are done; `done` tells."""
        match order:
            case OpenDataset():
                job = self._pool.submit(self._open, Path(order.dataset))
            case DropEpisode():
                job = self._pool.submit(self._move, delete, order.episode)
            case RestoreEpisode():
                job = self._pool.submit(self._move, undelete, order.episode)
        self._jobs.append((order, job))

    def done(self) -> list[tuple[Order, str]]:
        """Return the orders that are newly done, with the refusal, mostly empty."""
        answers: list[tuple[Order, str]] = []
        for entry in list(self._jobs):
            order, job = entry
            if not job.done():
                continue
            self._jobs.remove(entry)
            try:
                answers.append((order, job.result()))
            except (RobotdError, OSError) as error:
                answers.append((order, str(error)))
        return answers

    def free_bytes(self) -> int | None:
        """Return the room on the disk of the data set; None while none is held, 0 if it is gone."""
        dataset = self.dataset
        if dataset is None:
            return None
        try:
            return free_bytes(dataset.path)
        except OSError:
            return 0

    def told(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return names of what was recovered and of what went to the quarantine, not all of many.

        Anybody may have made the folders: their names may be long, and no text.
        """
        return _some(self.recovery.recovered), _some(self.recovery.quarantined)

    def close(self) -> None:
        """Finish what was begun, and give the data set back."""
        self._pool.shutdown()
        self._give_back()

    def _open(self, path: Path) -> str:
        """Take a data set and complete what a crash left in it."""
        if self.dataset is None or self.dataset.path != path:
            self._give_back()
            self.dataset = Dataset.open(path)
        self.recovery = recover(self.dataset)
        free = free_bytes(path)
        if free < self._reserve_mb * MB:
            self._give_back()
            return too_full(str(path), free, self._reserve_mb)
        return ""

    def _move(self, act: Callable[[Path, str], None], episode: str) -> str:
        if self.dataset is None:
            return "no data set is open: open one first"
        act(self.dataset.path, episode)
        return ""

    def _give_back(self) -> None:
        if self.dataset is not None:
            self.dataset.close()
            self.dataset = None


def _some(names: Iterable[str]) -> tuple[str, ...]:
    found: list[str] = []
    left = NAMES_BYTES
    for name in names:
        text = name.encode(errors="replace")
        left -= len(text)
        if left < 0:
            break
        found.append(text.decode())
    return tuple(found)
