"""Demonstrations as arrays and episode lengths, whatever file they came from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
CommandFilter = Literal["", "none", "pusht_pd"]


class EpisodeSource(Protocol):
    """Recorded episodes, one after the other.

    The arrays are named after the policy's observation keys, and `action`.
    """

    @property
    def arrays(self) -> Mapping[str, Array]:
        """Each (N, ...) float32, N rows over all episodes, in recording order."""
        ...

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(E,) rows of each episode; their sum is N."""
        ...

    @property
    def dt_s(self) -> float:
        """Time between rows [s]."""
        ...

    @property
    def sha256(self) -> str:
        """Hash of the file or files that the episodes came from."""
        ...

    @property
    def command_filter(self) -> CommandFilter:
        """The cell's `task.command_filter` that the actions are made for; empty: not known."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Episodes:
    """Episodes held in memory; implements `EpisodeSource`.

    Attributes:
        arrays: Each (N, ...) float32.
        lengths: (E,) rows of each episode.
        dt_s: Time between rows [s].
        sha256: Hash of where they came from; empty for made-up episodes.
        command_filter: The cell's `task.command_filter` that the actions are made for.
    """

    arrays: Mapping[str, Array]
    lengths: NDArray[np.int64]
    dt_s: float
    sha256: str = ""
    command_filter: CommandFilter = ""

    def __post_init__(self) -> None:
        rows = int(self.lengths.sum())
        for key, array in self.arrays.items():
            if array.shape[0] != rows:
                raise ValueError(f"{key}: got {array.shape[0]} rows, the episodes have {rows}")


def pick_episodes(source: EpisodeSource, chosen: NDArray[np.int64]) -> Episodes:
    """Copy some of the episodes.

    Args:
        source: All episodes.
        chosen: Their indices, in the order wanted.
    """
    ends = np.cumsum(source.lengths).tolist()
    lengths = source.lengths.tolist()
    parts = [np.arange(ends[e] - lengths[e], ends[e]) for e in chosen.tolist()]
    rows = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
    return Episodes(
        arrays={key: array[rows] for key, array in source.arrays.items()},
        lengths=source.lengths[chosen],
        dt_s=source.dt_s,
        sha256=source.sha256,
        command_filter=source.command_filter,
    )


def split_episodes(
    source: EpisodeSource, *, validation: int, seed: int
) -> tuple[Episodes, Episodes]:
    """Split into training and validation episodes: whole episodes, so that no window leaks.

    Raises:
        ValueError: No episode would be left to train on.
    """
    count = len(source.lengths)
    if not 0 <= validation < count:
        raise ValueError(f"validation_episodes: {validation} of {count} leaves none to train on")
    order = np.random.default_rng(seed).permutation(count)
    held_out, kept = np.sort(order[:validation]), np.sort(order[validation:])
    return pick_episodes(source, kept), pick_episodes(source, held_out)
