"""One picture that tells an episode: what cameras saw, what the tool did, and what went wrong."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import S
from robotd.episodes.reader import Episode
from robotd.modes.dataset.figures import EpisodeFigures, figures
from robotd.modes.dataset.table import size_text
from robotd.modes.dataset.timelines import (
    BAD,
    COLOURS,
    FAINT,
    GOOD,
    INK,
    block_px,
    board_frame,
    seconds_of,
    spells,
    timelines,
)
from robotd.sim.pusht_geometry import BOARD_PX, GOAL_POSE, block_outline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

Array = NDArray[np.float64]

FRAMES_N: Final = 9
"""Pictures in the strip of a camera."""
_LABELS: Final = {"success": GOOD, "failure": BAD}


def draw_page(episode: Episode, target: BinaryIO) -> EpisodeFigures:
    """Write an episode's page as a PNG, and return its numbers.

    Raises:
        DatasetError: A picture in it is damaged.
        OSError: The file cannot be written.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    numbers = figures(episode)
    cameras = [name for name, times in episode.streams.cameras.items() if len(times)]
    heights = [1.2 if episode.about.reason else 0.95, *(1.45 for _ in cameras), 8.6]
    style = {
        "font.size": 9,
        "axes.edgecolor": "#b8c0c8",
        "axes.labelcolor": INK,
        "xtick.color": FAINT,
        "ytick.color": FAINT,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with plt.style.context(style):
        figure = plt.figure(figsize=(16, sum(heights)), layout="constrained")
        parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        _head(parts[0], episode)
        for part, camera in zip(parts[1:-1], cameras, strict=True):
            _strip(part, episode, camera)
        left, right = parts[-1].subfigures(1, 2, width_ratios=[5.4, 10.6])
        _board_and_numbers(left, episode, numbers)
        timelines(right, episode)
        try:
            figure.savefig(target, dpi=110, format="png", facecolor="white")
        finally:
            plt.close(figure)
    return numbers


def _head(part: "SubFigure", episode: Episode) -> None:
    about, origin = episode.about, episode.about.origin
    began = datetime.fromtimestamp((origin.t_begin_ns + origin.wall_offset_ns) / S, tz=UTC)
    title, facts_y, reason_y = (0.68, 0.36, 0.08) if about.reason else (0.60, 0.18, 0.0)
    part.text(0.012, title, about.id, fontsize=19, weight="bold", color=INK)
    score = f"score {about.score:.3f}" if about.score >= 0 else "no score"
    facts = [origin.kind, score, f"{about.duration_s:.1f} s", about.outcome]
    facts += ["recovered after a crash"] if about.status == "recovered" else []
    part.text(0.262, title + 0.02, "  ·  ".join(facts), fontsize=14, color=INK)
    label = about.label or "no label"
    part.text(
        0.988,
        title + 0.02,
        label,
        fontsize=13,
        ha="right",
        color="white" if about.label else FAINT,
        bbox={"boxstyle": "round,pad=0.35", "fc": _LABELS.get(label, "#eef1f4"), "ec": "none"},
    )
    texts = [f"{began:%Y-%m-%d %H:%M:%S} UTC", f"cell {origin.cell}"]
    texts += [f"{key} {value}" for key, value in sorted(origin.about.items()) if len(value) < 60]
    hashes = {"config": origin.config_sha256, "checkpoint": origin.checkpoint_sha256}
    texts += [f"{name} {sha[:10]}" for name, sha in hashes.items() if sha]
    texts += [f"robotd {origin.versions['robotd']}"] if "robotd" in origin.versions else []
    texts.append(size_text(about.log_bytes))
    part.text(0.012, facts_y, _fitted(texts, 190), fontsize=10, color=FAINT)
    if about.reason:
        part.text(0.012, reason_y, _fitted([about.reason], 190), fontsize=10, color=BAD)


def _fitted(texts: list[str], width: int) -> str:
    line = "   ·   ".join(texts)
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _strip(part: "SubFigure", episode: Episode, camera: str) -> None:
    """Pictures at even distances in time, with when they were captured."""
    times = episode.streams.cameras[camera]
    chosen = np.unique(np.linspace(0, len(times) - 1, FRAMES_N).round().astype(int)).tolist()
    axes = part.subplots(1, FRAMES_N, squeeze=False)[0]
    pictures = episode.frames(camera, chosen)
    for ax, number in zip(axes, chosen, strict=False):
        ax.imshow(next(pictures), interpolation="antialiased")
        ax.set_title(f"{seconds_of(episode, times.t_capture_ns[number]):.2f} s", fontsize=8, pad=3)
    for ax in axes:
        ax.set_axis_off()
    info = episode.about.origin.cameras[camera]
    part.supylabel(
        f"{camera}\n{info.width_px}×{info.height_px} {info.codec}", fontsize=8, color=FAINT
    )


def _board_and_numbers(part: "SubFigure", episode: Episode, numbers: EpisodeFigures) -> None:
    board, table = part.subplots(2, 1, height_ratios=[5.4, 3.2])
    _board(board, episode)
    _numbers(table, numbers)


def _board(ax: "Axes", episode: Episode) -> None:
    """Goal, block on its way, and the tool's path in the colour of who wanted it."""
    ax.fill(*block_outline(GOAL_POSE).T, color="#cfe8d3", zorder=0)
    blocks = block_px(episode)[1]
    for k in (
        np.unique(np.linspace(0, max(0, len(blocks) - 1), 6).astype(int)) if len(blocks) else ()
    ):
        share = k / max(1, len(blocks) - 1)
        last = share == 1
        ax.plot(
            *block_outline(blocks[k]).T,
            color="#4b5663",
            lw=2.0 if last else 0.9,
            alpha=0.25 + 0.75 * share,
            zorder=1,
        )
    ticks = episode.streams.ticks
    xy = board_frame(episode).to_px(ticks.T_base_tcp[:, :3, 3])
    for source, rows in spells(ticks.source):
        ax.plot(*xy[rows.start : rows.stop + 1].T, color=COLOURS[source], lw=1.5, zorder=2)
    if len(xy):
        ax.plot(*xy[0], "o", ms=7, mfc="white", mec=INK, zorder=3)
        ax.plot(*xy[-1], "s", ms=6, mfc=INK, mec=INK, zorder=3)
    ax.set(xlim=(0, BOARD_PX), ylim=(BOARD_PX, 0), aspect="equal")
    side_m = episode.cell.task.board_m
    ax.set_title(
        f"the board, {side_m:.2f} m: tool (○ first, ■ last), block, goal", loc="left", fontsize=10
    )
    quarters = np.linspace(0, BOARD_PX, 5)
    ax.set_xticks(quarters, [])
    ax.set_yticks(quarters, [])
    ax.grid(color="#edf0f3", lw=0.8)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(True)


def _numbers(ax: "Axes", n: EpisodeFigures) -> None:
    ax.axis("off")
    driven = ", ".join(f"{name} {s:.1f} s" for name, s in n.sources_s.items())
    refused = ", ".join(f"{count} {name}" for name, count in n.refused_by_limit.items())
    rows = [
        ("wanted by", driven or "nobody"),
        ("arm", f"{n.ticks_n} cycles at {n.rate_hz:.0f} Hz, {n.skipped_periods_n} skipped"),
        (
            "late p50 / p99 / max",
            f"{n.late_p50_ms:.2f} / {n.late_p99_ms:.2f} / {n.late_max_ms:.2f} ms",
        ),
        ("refused by the gate", f"{n.refused_n}" + (f" ({refused})" if refused else "")),
        ("behind the command, p99", f"{n.tracking_p99_mm:.1f} mm"),
    ]
    for name, camera in n.cameras.items():
        lost = f", {camera.lost_n} lost" if camera.lost_n else ""
        latency = f"{camera.latency_p50_ms:.0f} ms late, at most {camera.latency_max_ms:.0f}"
        rows.append((name, f"{camera.frames_n} frames at {camera.rate_hz:.0f} Hz, {latency}{lost}"))
    if n.teleop_n:
        rows.append(("hand-held device", f"{n.teleop_n} readings"))
    if n.chunks_n:
        ages = f"{n.action_age_p50_ms:.0f} / {n.action_age_p99_ms:.0f} ms"
        rows.append(("chunks", f"{n.chunks_n}, action age p50 / p99 {ages}"))
    lost = (
        f"{n.dropped_n} items, in {n.gaps_n} gap{'s' * (n.gaps_n > 1)}" if n.gaps_n else "nothing"
    )
    lost += f", {n.lost_s:.2f} s at the end" if n.lost_s else ""
    rows.append(("lost while recording", lost))
    for k, (name, text) in enumerate(rows):
        y = 0.97 - k * min(0.1, 1.0 / len(rows))
        ax.text(0.0, y, name, transform=ax.transAxes, color=FAINT, fontsize=9, va="top")
        bad = name == "lost while recording" and text != "nothing"
        ax.text(
            0.38,
            y,
            text,
            transform=ax.transAxes,
            color=BAD if bad else INK,
            fontsize=9,
            va="top",
        )
