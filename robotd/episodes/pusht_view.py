"""Push-T demonstrations out of our own episodes: what the tool did, as a policy would have said it.

Rows lie on a grid of the policy's step. At a row's time the observation is what was true then, by
capture time: the measured tool by line between two states, the block by line between two tracked
poses. Its action is what is to be asked for from then on for one step, so that the cell, with its
`task.command_filter`, sends the tool where it was sent: for `pusht_pd` the targets whose PD law
gives that path (`pusht_actions.py`); for `none` the commanded place itself.

The path is what was *commanded*, at the time at which the tool is there: a setpoint of time t has
the tool there at t + `arm.action_latency_s`, as it does when a policy drives.
"""

import logging
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import Source
from robotd.core.board_frame import BoardFrame
from robotd.core.clock import S, seconds_to_ns
from robotd.core.config import CellConfig
from robotd.core.errors import DatasetError
from robotd.core.journal import Kind
from robotd.core.pusht_spec import BLOCK_POSE
from robotd.core.types import Signal
from robotd.episodes.pusht_actions import recovered_actions
from robotd.episodes.reader import Episode
from robotd.episodes.streams import Ticks
from robotd.episodes.views import Rows, grid, interpolate, interpolate_tool, runs

Array = NDArray[np.float64]
Times = NDArray[np.int64]

DT_S: Final = 0.1
"""Time between rows, as in the demonstrations of the benchmark [s]."""

MOVED_M: Final = 0.0005
"""The tool has set out, or arrived, when it is so far from where it stood or stops [m]."""
TAIL_S: Final = 0.3
"""So long after the last motion the rows go on: the policy learns to stop, not to wait [s]."""
STILL_M: Final = 0.0002
"""A row in which the commanded tool goes no further is one of a pause [m], and left out: people and
planners pause to think, and a policy that learns to never goes on (docs/collecting.md)."""
SHORTEST_ROWS: Final = 10
"""A stretch of fewer rows is left out."""

_DRIVERS: Final[dict[Kind, frozenset[Source]]] = {
    "collect": frozenset({Source.HUMAN}),
    "run": frozenset({Source.POLICY, Source.HUMAN}),
    "replay": frozenset({Source.REPLAY}),
}
"""Whose motion an episode of each kind demonstrates."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Rows without a missing one.

    Attributes:
        t_ns: (R,) row times; one step apart, but where a pause was left out: nothing moves then.
        agent_xy: (R, 2) where the tool was [board px].
        block_pose: (R, 3) where the block was [px, px, rad in [0, 2 pi)].
        action: (R, 2) what to ask for from the row's time on [board px].
    """

    t_ns: Times
    agent_xy: Array
    block_pose: Array
    action: Array


def stretches_of(episode: Episode, *, dt_s: float = DT_S) -> list[Stretch]:
    """Return the rows of one episode, in several parts where something is missing in between.

    Raises:
        DatasetError: It has no tracked block, or nobody drives in it.
        ValueError: `dt_s` is no multiple of 0.01 for a cell with `pusht_pd`.
    """
    name, cell, ticks = episode.about.id, episode.cell, episode.streams.ticks
    block = episode.streams.signals.get(BLOCK_POSE)
    if block is None:
        raise DatasetError(f"episode {name}: no {BLOCK_POSE} in it, which the view needs")
    drivers = _DRIVERS[episode.about.origin.kind]
    span = driven_span(ticks, drivers)
    if span is None:
        who = " or ".join(sorted(source.name.lower() for source in drivers))
        raise DatasetError(f"episode {name}: no motion by {who} in it")
    lead_ns = seconds_to_ns(cell.arm.action_latency_s)
    rows_ns = grid(span[0] + lead_ns, span[1] + lead_ns, dt_s)
    skew_s = cell.observe.max_skew_s
    agent = _agent(ticks, rows_ns, cell, skew_s)
    tracked = _block(block, rows_ns, cell, skew_s)
    action = _action(ticks, rows_ns, cell, dt_s, skew_s)
    parts = {
        "the arm's state": agent.missing,
        BLOCK_POSE: tracked.missing,
        "the commands": action.missing,
        "who drives": _others(ticks, drivers, rows_ns, lead_ns, dt_s),
    }
    missing = np.asarray(np.any(list(parts.values()), axis=0))
    going = ~_waits(ticks, rows_ns, lead_ns, dt_s)
    kept = [rows for rows in runs(missing) if np.count_nonzero(going[rows]) >= SHORTEST_ROWS]
    _warn(name, rows_ns, parts, kept, episode.about.origin.t_begin_ns)
    chosen = [np.arange(rows.start, rows.stop)[going[rows]] for rows in kept]
    return [
        Stretch(
            t_ns=rows_ns[rows],
            agent_xy=agent.value[rows],
            block_pose=tracked.value[rows],
            action=action.value[rows],
        )
        for rows in chosen
    ]


def driven_span(ticks: Ticks, drivers: frozenset[Source]) -> tuple[int, int] | None:
    """Return from which command to which one the tool is driven; None where it never is.

    It begins when the first of `drivers` sets the tool moving, and ends `TAIL_S` after the last
    command of theirs that moves it, or with the last one.
    """
    driven = np.flatnonzero(np.isin(ticks.source, [int(source) for source in drivers]))
    if not len(driven):
        return None
    place = ticks.T_base_cmd[:, :3, 3]
    during = place[driven[0] : driven[-1] + 1]
    set_out = np.flatnonzero(np.linalg.norm(during - during[0], axis=1) > MOVED_M)
    on_the_way = np.flatnonzero(np.linalg.norm(during - during[-1], axis=1) > MOVED_M)
    if not len(set_out):
        return None
    first = driven[0] + max(0, set_out[0] - 1)
    last = driven[0] + (on_the_way[-1] if len(on_the_way) else 0)
    end_ns = min(ticks.t_ns[driven[-1]], ticks.t_ns[last] + seconds_to_ns(TAIL_S))
    return int(ticks.t_ns[first]), int(end_ns)


def _agent(ticks: Ticks, rows_ns: Times, cell: CellConfig, skew_s: float) -> Rows:
    t_ns, first = np.unique(ticks.t_state_ns, return_index=True)  # a state may serve two cycles
    tool = interpolate_tool(t_ns, ticks.T_base_tcp[first], rows_ns, max_skew_s=skew_s)
    xy = BoardFrame.of_task(cell.task).to_px(tool.value[:, :3, 3])
    return Rows(value=xy, missing=tool.missing)


def _block(block: Signal, rows_ns: Times, cell: CellConfig, skew_s: float) -> Rows:
    table = interpolate(block.t_ns, block.value, rows_ns, max_skew_s=skew_s, angles=(2,))
    px = BoardFrame.of_task(cell.task).pose_to_px(table.value)
    return Rows(value=px, missing=table.missing)


def _action(ticks: Ticks, rows_ns: Times, cell: CellConfig, dt_s: float, skew_s: float) -> Rows:
    t_ns, first = np.unique(ticks.t_ns, return_index=True)
    xy = BoardFrame.of_task(cell.task).to_px(ticks.T_base_cmd[first, :3, 3])
    if cell.task.command_filter == "none":
        return interpolate(t_ns, xy, rows_ns, max_skew_s=skew_s)
    there_ns = t_ns + seconds_to_ns(cell.arm.action_latency_s)
    return recovered_actions(there_ns, xy, rows_ns, dt_s=dt_s, max_skew_s=skew_s)


def _others(
    ticks: Ticks, drivers: frozenset[Source], rows_ns: Times, lead_ns: int, dt_s: float
) -> NDArray[np.bool_]:
    """Return which rows command what somebody else wants; nobody, who brakes, is no other."""
    welcome = [int(source) for source in drivers | {Source.HOLD}]
    there_ns = ticks.t_ns[~np.isin(ticks.source, welcome)] + lead_ns
    first = np.searchsorted(there_ns, rows_ns)
    end = np.searchsorted(there_ns, rows_ns + seconds_to_ns(dt_s))
    return np.asarray(end > first)


def _waits(ticks: Ticks, rows_ns: Times, lead_ns: int, dt_s: float) -> NDArray[np.bool_]:
    """Return which rows belong to a pause, but for the one at the end."""
    edges_ns = np.concatenate([rows_ns, rows_ns[-1:] + seconds_to_ns(dt_s)]) - lead_ns
    at = np.clip(np.searchsorted(ticks.t_ns, edges_ns), 0, len(ticks) - 1)
    way_m = np.linalg.norm(np.diff(ticks.T_base_cmd[at, :3, 3], axis=0), axis=1)
    waits = np.zeros(len(rows_ns), dtype=np.bool_)
    for pause in runs(np.asarray(way_m > STILL_M)):
        waits[pause] = pause.stop < len(rows_ns)
    return waits


def _warn(
    name: str,
    rows_ns: Times,
    parts: dict[str, NDArray[np.bool_]],
    kept: list[slice],
    begin_ns: int,
) -> None:
    """Tell of the rows left out, but for those at the very end that reach beyond the recording."""
    inside = slice(0, kept[-1].stop if kept else len(rows_ns))
    left_out = np.ones(len(rows_ns), dtype=np.bool_)
    for rows in kept:
        left_out[rows] = False
    if not (where := np.flatnonzero(left_out[inside])).size:
        return
    blame = [part for part, missing in parts.items() if missing[inside].any()]
    _log.warning(
        "episode %s: %d of %d rows left out, the first at %.1f s (%s)",
        name,
        where.size,
        len(rows_ns),
        (rows_ns[where[0]] - begin_ns) / S,
        ", ".join(blame) or "too short",
    )
