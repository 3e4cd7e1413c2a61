"""An episode as a replay needs it: its cell, its commanded path, and what came of it then."""

from pathlib import Path
from typing import Final

import numpy as np

from robotd.core.arm_codes import Source
from robotd.core.clock import S, ns_to_seconds
from robotd.core.config import CellConfig
from robotd.core.errors import DatasetError
from robotd.episodes.reader import Episode
from robotd.modes.replay.report import Account
from robotd.modes.replay.track import Track
from robotd.modes.start_place import BoardState, board_state_of

MOVERS: Final = (Source.HUMAN, Source.POLICY, Source.REPLAY)
"""Whose motions are the episode; what comes before is the way to its start."""


class Recorded:
    """One complete episode in which somebody moved the arm.

    Attributes:
        name: Its name.
        cell: The configuration of its cell.
    """

    def __init__(self, folder: Path) -> None:
        """Read it, its checksum included.

        Raises:
            DatasetError: Missing or damaged, or nothing moved in it; one sentence.
        """
        if not folder.is_dir():
            raise DatasetError(f"{folder}: no such episode; see `robotd dataset list`")
        episode = Episode(folder)
        self.name: str = episode.about.id
        self.cell: CellConfig = episode.cell
        ticks, worlds = episode.streams.ticks, episode.streams.world
        moved = np.flatnonzero(np.isin(ticks.source, MOVERS))
        if len(moved) < 2:
            raise DatasetError(f"{self.name}: nothing to replay: nobody moved the arm in it")
        self._ticks, self._during = ticks, slice(int(moved[0]), int(moved[-1]) + 1)
        self._begin_ns = int(ticks.t_ns[moved[0]])
        self._end_ns = int(ticks.t_ns[moved[-1]])
        first = int(np.searchsorted(worlds.t_ns, self._begin_ns, side="right")) - 1
        last = int(np.searchsorted(worlds.t_ns, self._end_ns, side="right"))
        self._worlds, self._seen = worlds, slice(max(0, first), last)
        plans = [orders.plan for orders in episode.streams.plans]
        again = [p.t_ns for p in plans if p is not None and p.source is Source.REPLAY]
        self._zero_ns = int(again[0][0]) if again else self._begin_ns
        # A replay's last pose is held for a moment after it was due.
        self._due_ns = min(self._end_ns, int(again[-1][-1])) if again else self._end_ns

    def track(self) -> Track:
        """Return its commanded path.

        Raises:
            DatasetError: There is none that could be done again.
        """
        during = self._during
        try:
            return Track.of_ticks(self._ticks.t_ns[during], self._ticks.T_base_cmd[during])
        except ValueError as error:
            raise DatasetError(f"{self.name}: nothing to replay: {error}") from error

    def start(self) -> tuple[int, BoardState | None]:
        """Return the seed of the mock's world and its state at the first command, if there is one.

        The tool is where it was commanded to be.
        """
        worlds, at = self._worlds, self._seen.start
        if not len(worlds):
            return 0, None
        state = np.concatenate([worlds.agent_xy_px[at], worlds.block_pose_px[at]])
        return int(worlds.seed[at]), board_state_of(state)

    def T_base_start(self) -> np.ndarray:
        """Return the (4, 4) pose of the tool [m] from which it was moved."""
        return self._ticks.T_base_cmd[self._during.start]

    def account(self) -> Account:
        """Return what came of it; times count from when its first command was due."""
        during, seen = self._during, self._seen
        worlds = self._worlds
        scores = worlds.best_score[seen]
        return Account(
            tool_t_s=(self._ticks.t_state_ns[during] - self._zero_ns) / S,
            tool_m=self._ticks.T_base_tcp[during][:, :3, 3],
            world_t_s=(worlds.t_ns[seen] - self._zero_ns) / S,
            block_px=worlds.block_pose_px[seen],
            coverage=worlds.coverage[seen],
            score=float(scores[-1]) if len(scores) else -1.0,
            duration_s=ns_to_seconds(self._due_ns - self._zero_ns),
        )
