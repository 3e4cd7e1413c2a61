"""What a data set holds, from the descriptions of its episodes and the beginnings of their logs."""

from collections import Counter
from pathlib import Path
from typing import Final, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from robotd.core.board_frame import BOARD_PX, BoardFrame
from robotd.core.errors import DatasetError
from robotd.core.pusht_spec import BLOCK_POSE
from robotd.core.types import ArmTick, Signal
from robotd.episodes.dataset import (
    OPEN,
    QUARANTINE,
    TRASH,
    episodes,
    holder,
    open_episodes,
    quarantined,
    trashed,
)
from robotd.episodes.episode_file import LOG_NAME, read_episode_file
from robotd.episodes.log import LogReader
from robotd.episodes.recorded_cell import recorded_cell
from robotd.episodes.topics import ARM, signal_topic
from robotd.episodes.unpack import unpack

SQUARES: Final = 4
"""The board is counted in so many squares a side."""
DIRECTIONS: Final = 8
"""A turn is counted in so many sectors."""

Place = Literal["", "open", "deleted", "quarantined"]


class EpisodeRow(Struct, frozen=True, kw_only=True):
    """One episode in a line; -1 and empty texts where it does not say."""

    id: str
    place: Place = ""
    """Where it is, if not among the complete ones."""
    kind: str = ""
    status: str = ""
    """`complete`, `recovered`, or `damaged`."""
    outcome: str = ""
    label: str = ""
    score: float = -1.0
    duration_s: float = -1.0
    bytes_n: int = 0
    dropped_n: int = 0
    """Items lost while recording."""
    problem: str = ""
    """Why it cannot be read."""


class Starts(Struct, frozen=True, kw_only=True):
    """From where episodes began: how many squares of the board, and directions, were met."""

    episodes_n: int = 0
    """Those that have a tracked block and a tool over the board."""
    squares_n: int = SQUARES**2
    directions_n: int = DIRECTIONS
    block_squares_n: int = 0
    block_directions_n: int = 0
    tool_squares_n: int = 0


class Survey(Struct, frozen=True, kw_only=True):
    """A data set in numbers."""

    dataset: str
    recording: bool
    """A recorder holds it now."""
    episodes_n: int
    damaged_n: int
    open_n: int
    deleted_n: int
    quarantined_n: int
    duration_s: float
    shortest_s: float
    median_s: float
    longest_s: float
    kinds: dict[str, int]
    labels: dict[str, int]
    outcomes: dict[str, int]
    statuses: dict[str, int]
    cells: dict[str, int]
    dropped_n: int
    bytes_n: int
    """Of the complete ones."""
    deleted_bytes: int
    starts: Starts


def rows_of(dataset: Path, *, everything: bool = False) -> list[EpisodeRow]:
    """Return a row for each complete episode, and with `everything` for all else that is there.

    Raises:
        DatasetError: No such folder.
    """
    rows = [_row(dataset / name) for name in episodes(dataset)]
    rows += [
        EpisodeRow(id=name, place="open", bytes_n=_bytes(dataset / f"{name}{OPEN}"))
        for name in open_episodes(dataset)
    ]
    if everything:
        rows += [_row(dataset / TRASH / name, "deleted") for name in trashed(dataset)]
        rows += [
            EpisodeRow(id=name, place="quarantined", bytes_n=_bytes(dataset / QUARANTINE / name))
            for name in quarantined(dataset)
        ]
    return rows


def survey(dataset: Path) -> Survey:
    """Return the numbers of a data set.

    Raises:
        DatasetError: No such folder.
    """
    rows = rows_of(dataset, everything=True)
    complete = [row for row in rows if not row.place]
    good = [row for row in complete if not row.problem]
    lengths_s = sorted(row.duration_s for row in good)
    return Survey(
        dataset=str(dataset),
        recording=bool(holder(dataset)),
        episodes_n=len(complete),
        damaged_n=len(complete) - len(good),
        open_n=sum(row.place == "open" for row in rows),
        deleted_n=sum(row.place == "deleted" for row in rows),
        quarantined_n=sum(row.place == "quarantined" for row in rows),
        duration_s=sum(lengths_s),
        shortest_s=lengths_s[0] if lengths_s else -1.0,
        median_s=float(np.median(lengths_s)) if lengths_s else -1.0,
        longest_s=lengths_s[-1] if lengths_s else -1.0,
        kinds=dict(Counter(row.kind for row in good)),
        labels=dict(Counter(row.label for row in good)),
        outcomes=dict(Counter(row.outcome for row in good)),
        statuses=dict(Counter(row.status for row in good)),
        cells=dict(Counter(read_episode_file(dataset / row.id).origin.cell for row in good)),
        dropped_n=sum(row.dropped_n for row in good),
        bytes_n=sum(row.bytes_n for row in complete),
        deleted_bytes=sum(row.bytes_n for row in rows if row.place == "deleted"),
        starts=_starts([dataset / row.id for row in good]),
    )


def _row(folder: Path, place: Place = "") -> EpisodeRow:
    try:
        about = read_episode_file(folder)
    except DatasetError as error:
        return EpisodeRow(
            id=folder.name,
            place=place,
            status="damaged",
            problem=str(error),
            bytes_n=_bytes(folder),
        )
    return EpisodeRow(
        id=folder.name,
        place=place,
        kind=about.origin.kind,
        status=about.status,
        outcome=about.outcome,
        label=about.label,
        score=about.score,
        duration_s=about.duration_s,
        bytes_n=_bytes(folder),
        dropped_n=sum(about.dropped.values()),
    )


def _bytes(folder: Path) -> int:
    try:
        return sum(entry.stat().st_size for entry in folder.iterdir() if entry.is_file())
    except OSError:
        return 0


def _starts(folders: list[Path]) -> Starts:
    blocks: set[tuple[int, ...]] = set()
    tools: set[tuple[int, ...]] = set()
    directions: set[int] = set()
    count = 0
    for folder in folders:
        try:
            tool, block = _start(folder / LOG_NAME)
        except DatasetError:
            continue  # `verify` says what is wrong with it
        count += 1
        tools.add(_square(tool))
        blocks.add(_square(block[:2]))
        directions.add(int(block[2] / (2 * np.pi) * DIRECTIONS) % DIRECTIONS)
    return Starts(
        episodes_n=count,
        block_squares_n=len(blocks),
        block_directions_n=len(directions),
        tool_squares_n=len(tools),
    )


def _square(xy_px: NDArray[np.float64]) -> tuple[int, ...]:
    cells = np.clip(xy_px / BOARD_PX * SQUARES, 0, SQUARES - 1).astype(int)
    return tuple(cells.tolist())


def _start(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where tool (2,) and block (3,) were at first [px]; reads only the log's beginning."""
    log = LogReader(path)
    board = BoardFrame.of_task(recorded_cell(log).task)
    tool = block = None
    for message in log.messages((ARM, signal_topic(BLOCK_POSE))):
        item = unpack(message.schema, message.data)
        if isinstance(item, ArmTick) and tool is None:
            tool = board.to_px(item.state.T_base_tcp[:3, 3])
        elif isinstance(item, Signal) and block is None and len(item.t_ns):
            block = board.pose_to_px(item.value[0])
        if tool is not None and block is not None:
            return tool, block
    raise DatasetError(f"{path}: no tool, or no {BLOCK_POSE}, in it")
