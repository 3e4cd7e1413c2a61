"""Everything of an episode that runs over time, one under the other: the right of its page."""

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import Source
from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MS, S
from robotd.core.errors import DatasetError
from robotd.core.pusht_spec import BLOCK_POSE
from robotd.episodes.pusht_view import stretches_of
from robotd.episodes.reader import Episode
from robotd.modes.arm_figures import action_ages, refusals

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

Array = NDArray[np.float64]

COLOURS: Final = {
    Source.HUMAN: "#2369b3",
    Source.POLICY: "#d9742b",
    Source.REPLAY: "#7a55a8",
    Source.APPROACH: "#8b98a5",
    Source.HOLD: "#c6ccd3",
}
"""Of who wanted the motion."""
GOOD, BAD, INK, FAINT = "#2c7a4b", "#b3332e", "#2b333b", "#77818c"
_X, _Y = "#1b7f8c", "#a8487a"
_CAMERAS = ("#d9a02b", "#6a9f3b", "#4b7fb8", "#a8487a")


def timelines(part: "SubFigure", episode: Episode) -> None:
    """Draw them, with the gaps of the recording over all."""
    axes = part.subplots(5, 1, sharex=True, height_ratios=[0.55, 2.4, 1.5, 1.5, 1.7])
    _who(axes[0], episode)
    _places(axes[1], episode)
    _speeds(axes[2], episode)
    _task(axes[3], episode)
    _latencies(axes[4], episode)
    about = episode.about
    end_s = seconds_of(episode, about.t_last_ns)
    for ax in axes[1:]:
        for gap in episode.streams.gaps:
            ax.axvspan(*_gap_s(episode, gap.t_from_ns, gap.t_to_ns), color=BAD, alpha=0.16, lw=0)
        ax.grid(axis="x", color="#e6eaee", lw=0.8)
        ax.set_axisbelow(True)
    axes[-1].set(xlabel="time since the begin [s]", xlim=(min(0.0, end_s), max(end_s, 0.1)))


def _who(ax: "Axes", episode: Episode) -> None:
    """A band in the colour of who wanted the motion; events, refusals and gaps on it."""
    ticks = episode.streams.ticks
    t_s = seconds_of(episode, ticks.t_ns)
    for source, rows in spells(ticks.source):
        end = min(rows.stop, len(t_s) - 1)
        ax.axvspan(t_s[rows.start], t_s[end], color=COLOURS[source], lw=0)
    for gap in episode.streams.gaps:
        begin, end = _gap_s(episode, gap.t_from_ns, gap.t_to_ns)
        ax.axvspan(begin, end, fc="white", ec=BAD, hatch="////", lw=1)
    refused = t_s[refusals(ticks.accepted, ticks.limit)]
    ax.plot(refused, np.full(len(refused), 0.12), "|", color="black", ms=6, mew=0.8)
    _events(ax, episode)
    handles = [
        _patch(colour, source.name.lower())
        for source, colour in COLOURS.items()
        if (ticks.source == source).any()
    ]
    handles += [_patch(BAD, "gap")] if episode.streams.gaps else []
    handles += [_mark("|", "black", "refused by the gate")] if len(refused) else []
    ax.legend(
        handles=handles,
        ncols=len(handles) or 1,
        loc="lower right",
        bbox_to_anchor=(1.0, 1.28),
        frameon=False,
        fontsize=8,
        borderaxespad=0,
    )
    ax.set_title("who wanted the motion", loc="left", fontsize=10, pad=14)
    ax.set(yticks=[], ylim=(0, 1))
    ax.spines[:].set_visible(False)


def _events(ax: "Axes", episode: Episode) -> None:
    """Mark what happened; where much happens at once, the first has its name."""
    apart_s, last_s = 0.05 * max(1.0, episode.about.duration_s), -np.inf
    for event in sorted(episode.streams.events, key=lambda event: event.t_ns):
        at = seconds_of(episode, event.t_ns)
        ax.axvline(at, color=INK, lw=0.8)
        if at - last_s < apart_s:
            continue
        last_s = at
        state = event.text.partition(" by ")[0].rpartition("-> ")[2]
        ax.annotate(
            state if event.name == "state" and state else event.name,
            (at, 1.0),
            (0, 3),
            textcoords="offset points",
            fontsize=7,
            ha="center",
            color=INK,
        )


def _patch(colour: str, label: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(fc=colour, label=label)


def _mark(marker: str, colour: str, label: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], ls="", marker=marker, color=colour, label=label)


def _places(ax: "Axes", episode: Episode) -> None:
    """The tool's x and y, measured, commanded, and as the action that a policy would learn."""
    ticks, board = episode.streams.ticks, board_frame(episode)
    measured = board.to_px(ticks.T_base_tcp[:, :3, 3])
    commanded = board.to_px(ticks.T_base_cmd[:, :3, 3])
    for axis, (name, colour) in enumerate((("x", _X), ("y", _Y))):
        ax.plot(
            seconds_of(episode, ticks.t_ns),
            commanded[:, axis],
            color=colour,
            lw=0.9,
            ls=(0, (4, 2)),
            label=f"{name} commanded",
        )
        ax.plot(
            seconds_of(episode, ticks.t_state_ns),
            measured[:, axis],
            color=colour,
            lw=1.6,
            label=f"{name} measured",
        )
        for k, (t_ns, action) in enumerate(_actions(episode)):
            ax.step(
                seconds_of(episode, t_ns),
                action[:, axis],
                where="post",
                color=colour,
                lw=0.9,
                alpha=0.55,
                label=f"{name} action" if k == 0 else None,
            )
    ax.set_ylabel("tool [px]")
    ax.legend(ncols=6, fontsize=7, loc="upper left", frameon=False, bbox_to_anchor=(0, 1.14))


def _actions(episode: Episode) -> list[tuple[NDArray[np.int64], Array]]:
    try:
        return [(part.t_ns, part.action) for part in stretches_of(episode)]
    except DatasetError:
        return []


def _speeds(ax: "Axes", episode: Episode) -> None:
    """How fast the tool was sent and went, and how the device was deflected."""
    ticks = episode.streams.ticks
    for name, T, t_ns, colour in (
        ("commanded", ticks.T_base_cmd, ticks.t_ns, "#9fb4c9"),
        ("measured", ticks.T_base_tcp, ticks.t_state_ns, INK),
    ):
        t_s, speed = _speed(T[:, :3, 3], t_ns)
        ax.plot(
            seconds_of(episode, t_ns[0]) + t_s if len(t_s) else t_s,
            speed,
            color=colour,
            lw=1.1,
            label=name,
        )
    ax.set_ylabel("tool speed\n[mm/s]")
    ax.set_ylim(bottom=0)
    ax.legend(ncols=3, fontsize=7, loc="upper right", frameon=False)
    teleop = episode.streams.teleop
    if len(teleop):
        size = np.linalg.norm(teleop.deflection[:, :3], axis=1)
        other = ax.twinx()
        other.fill_between(
            seconds_of(episode, teleop.t_ns), size, color=COLOURS[Source.HUMAN], alpha=0.15, lw=0
        )
        other.set(ylim=(0, 1.5), yticks=[0, 1])
        other.set_ylabel("deflection", color=COLOURS[Source.HUMAN], fontsize=8)


def _speed(p_m: Array, t_ns: NDArray[np.int64]) -> tuple[Array, Array]:
    """Return times from the first sample [s] and speeds [mm/s], both over some 20 ms."""
    if len(t_ns) < 3:
        return np.empty(0), np.empty(0)
    step = max(1, round(20 * MS / max(1.0, float(np.median(np.diff(t_ns))))))
    span_s = np.maximum((t_ns[step:] - t_ns[:-step]) / S, 1e-6)
    speed = np.linalg.norm(p_m[step:] - p_m[:-step], axis=1) / span_s * 1e3
    return ((t_ns[step:] + t_ns[:-step]) / 2 - t_ns[0]) / S, speed


def _task(ax: "Axes", episode: Episode) -> None:
    """How much of the goal is covered; in a real cell, where the block is."""
    world = episode.streams.world
    if len(world):
        t_s = seconds_of(episode, world.t_ns)
        ax.fill_between(t_s, world.coverage, color=GOOD, alpha=0.18, lw=0)
        ax.plot(t_s, world.coverage, color=GOOD, lw=1.3, label="coverage of the goal")
        ax.plot(t_s, world.best_score, color=INK, lw=1.0, ls=":", label="best score so far")
        ax.set(ylim=(0, 1.05), ylabel="task")
    else:
        t_ns, block = block_px(episode)
        for axis, (name, colour) in enumerate((("x", _X), ("y", _Y))):
            ax.plot(seconds_of(episode, t_ns), block[:, axis], color=colour, lw=1.2, label=name)
        ax.set_ylabel("block [px]")
    if ax.lines:
        ax.legend(ncols=3, fontsize=7, loc="upper left", frameon=False)


def _latencies(ax: "Axes", episode: Episode) -> None:
    """All that took time, on one logarithmic axis."""
    ticks = episode.streams.ticks
    late_ms = np.maximum(ticks.late_ns / MS, 1e-3)
    ax.plot(
        seconds_of(episode, ticks.t_ns), late_ms, ".", ms=1.2, color="#a9b3bd", label="arm late"
    )
    for (name, times), colour in zip(episode.streams.cameras.items(), _CAMERAS, strict=False):
        latency_ms = (times.t_arrival_ns - times.t_capture_ns) / MS
        at = seconds_of(episode, times.t_capture_ns)
        ax.plot(at, latency_ms, ".", ms=2.5, color=colour, label=f"{name} capture to arrival")
    sent_ns, ages_ms = action_ages(episode.streams)
    if len(ages_ms):
        at = seconds_of(episode, sent_ns)
        ax.plot(at, ages_ms, "D", ms=3, color=COLOURS[Source.POLICY], label="action age")
    ax.set_yscale("log")
    ax.set_ylabel("latency [ms]")
    if ax.lines:
        ax.legend(
            ncols=5,
            fontsize=7,
            loc="upper left",
            frameon=False,
            markerscale=1.5,
            bbox_to_anchor=(0, 1.2),
        )


def spells(source: NDArray[np.int64]) -> Iterator[tuple[Source, slice]]:
    """Yield who wanted the motion, and for which cycles in a row."""
    cuts = np.flatnonzero(np.diff(source)) + 1
    edges = [0, *cuts.tolist(), len(source)]
    for begin, end in pairwise(edges):
        if end > begin:
            yield Source(int(source[begin])), slice(begin, end)


def block_px(episode: Episode) -> tuple[NDArray[np.int64], Array]:
    """Return when the block was seen, and its poses (N, 3) [px, px, rad]."""
    signal = episode.streams.signals.get(BLOCK_POSE)
    if signal is None or not len(signal.t_ns):
        return np.empty(0, np.int64), np.empty((0, 3))
    return signal.t_ns, board_frame(episode).pose_to_px(signal.value)


def board_frame(episode: Episode) -> BoardFrame:
    """Return where the board of its cell lay."""
    return BoardFrame.of_task(episode.cell.task)


def _gap_s(episode: Episode, from_ns: int, to_ns: int) -> tuple[float, float]:
    """Return a gap's ends [s], at least wide enough to be seen."""
    begin, end = float(seconds_of(episode, from_ns)), float(seconds_of(episode, to_ns))
    return begin, max(end, begin + 0.004 * max(1.0, episode.about.duration_s))


def seconds_of(episode: Episode, t_ns: Any) -> Any:
    """Return instants as seconds since the episode's begin."""
    return (t_ns - episode.about.origin.t_begin_ns) / S
