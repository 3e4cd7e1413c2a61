"""The commanded path of the tool of an episode, as it is handed to the daemon to be done again."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import S
from robotd.core.config import LONGEST_EPISODE_S, EnvelopeConfig
from robotd.core.errors import DatasetError
from robotd.core.whole_file import whole_file
from robotd.modes.daemon.inside import check_poses, why_no_poses

Array = NDArray[np.float64]

ROW_NS: Final = S // 100
"""Rows of a track are no closer than this: faster cycles of an arm add nothing to its path."""
MAX_ROWS: Final = round(LONGEST_EPISODE_S * S / ROW_NS) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Where the tool was sent, from the first command on.

    Attributes:
        t_ns: (N,) int64 times since the first row, which is 0; strictly growing.
        T_base_cmd: (N, 4, 4) tool poses commanded then [m].
    """

    t_ns: NDArray[np.int64]
    T_base_cmd: Array

    def __post_init__(self) -> None:
        rows = self.t_ns.shape[0]
        if self.t_ns.shape != (rows,) or self.T_base_cmd.shape != (rows, 4, 4):
            raise ValueError(
                f"Track: got times {self.t_ns.shape} and poses {self.T_base_cmd.shape}, "
                "expected (N,) and (N, 4, 4)"
            )
        if not 2 <= rows <= MAX_ROWS:
            raise ValueError(f"Track: got {rows} rows, expected 2 to {MAX_ROWS}")
        if self.t_ns[0] != 0 or not bool(np.all(np.diff(self.t_ns) > 0)):
            raise ValueError("Track.t_ns: expected times that grow from 0")
        if why := why_no_poses(self.T_base_cmd):
            raise ValueError(f"Track.T_base_cmd: {why}")
        self.t_ns.setflags(write=False)
        self.T_base_cmd.setflags(write=False)

    @classmethod
    def of_ticks(cls, t_ns: NDArray[np.int64], T_base_cmd: Array) -> Self:
        """Return the track of an arm's cycles: at most 100 rows a second, the last one always.

        Args:
            t_ns: (N,) int64, when each setpoint was handed to the arm, strictly growing.
            T_base_cmd: (N, 4, 4) the tool poses.

        Raises:
            ValueError: Fewer than two cycles, more than the longest episode has, or no poses.
        """
        _, first_of_row = np.unique((t_ns - t_ns[:1]) // ROW_NS, return_index=True)
        rows = np.union1d(first_of_row, len(t_ns) - 1)
        return cls(t_ns=t_ns[rows] - t_ns[rows[:1]], T_base_cmd=T_base_cmd[rows])

    @property
    def duration_ns(self) -> int:
        """From the first row to the last."""
        return int(self.t_ns[-1])

    def save(self, path: Path) -> None:
        """Write it to a file that appears whole.

        Raises:
            OSError: No room, or no right.
        """
        with whole_file(path) as partial, partial.open("wb") as file:
            np.savez(file, t_ns=self.t_ns, T_base_cmd=self.T_base_cmd)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            DatasetError: Missing, damaged, or something else.
        """
        try:
            # Its own file: of one that is no npz, `np.load` would leave the descriptor open.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                t_ns, T_base_cmd = arrays["t_ns"], arrays["T_base_cmd"]
            return cls(t_ns=t_ns.astype(np.int64), T_base_cmd=T_base_cmd.astype(np.float64))
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise DatasetError(f"{path}: not a track to replay: {error}") from error


def check_inside(track: Track, envelope: EnvelopeConfig) -> None:
    """Refuse a path that the present envelope would not let the tool go.

    Raises:
        EnvelopeError: Names the first pose outside, and the limit.
    """
    check_poses(
        track.T_base_cmd,
        envelope,
        lambda row: f"the recorded path after {track.t_ns[row] / S:.2f} s",
        "this cell's envelope is another one than the episode's",
    )
