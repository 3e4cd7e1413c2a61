"""The page of figures that a run ends with, and its numbers, from what was recorded alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from robotd.core.figures import quantile
from robotd.modes.arm_figures import brakes_n, by_limit, refusals
from robotd.modes.run.recorded_run import RecordedRun
from robotd.sim.pusht_geometry import BOARD_PX, GOAL_POSE, block_outline

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHUNKS_DRAWN = 12


class RunFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A run in numbers; -1 (or an empty list) where nothing was measured."""

    outcome: str
    message: str
    policy: str
    seed: int
    duration_s: float
    score: float
    max_coverage: float
    success: bool
    takeovers_n: int
    rate_hz: float
    realtime: bool
    ticks_n: int
    skipped_periods_n: int
    late_p50_ms: float
    late_p99_ms: float
    late_p999_ms: float
    refused_n: int
    refused_by_limit: dict[str, int]
    brakes_n: int
    chunks_n: int
    round_trip_p50_ms: float
    round_trip_p99_ms: float
    infer_p50_ms: float
    action_age_p50_ms: float
    action_age_p99_ms: float
    tracking_p50_mm: float
    tracking_p99_mm: float


def figures(run: RecordedRun) -> RunFigures:
    """Reduce a run to its numbers."""
    refused = refusals(run.accepted, run.limit)
    off_px = np.linalg.norm(run.tool_px[:, 0] - run.tool_px[:, 1], axis=1)
    error_mm = off_px * run.board_m / BOARD_PX * 1e3
    return RunFigures(
        outcome=run.outcome,
        message=run.message,
        policy=run.policy,
        seed=run.seed,
        duration_s=run.duration_s,
        score=float(run.best_score.max(initial=-1.0)),
        max_coverage=float(run.coverage.max(initial=-1.0)),
        success=run.outcome == "success" and run.takeovers_n == 0,  # it is the policy's
        takeovers_n=run.takeovers_n,
        rate_hz=run.rate_hz,
        realtime=run.realtime,
        ticks_n=len(run.tick_t_ns),
        skipped_periods_n=int(run.skipped_n.sum()),
        late_p50_ms=quantile(run.late_ms, 0.5),
        late_p99_ms=quantile(run.late_ms, 0.99),
        late_p999_ms=quantile(run.late_ms, 0.999),
        refused_n=int(refused.sum()),
        refused_by_limit=by_limit(run.limit[refused]),
        brakes_n=brakes_n(run.phase[run.tick_t_ns <= run.t_end_ns]),
        chunks_n=len(run.actions),
        round_trip_p50_ms=quantile(run.round_trip_ms, 0.5),
        round_trip_p99_ms=quantile(run.round_trip_ms, 0.99),
        infer_p50_ms=quantile(run.infer_ms, 0.5),
        action_age_p50_ms=quantile(run.action_age_ms, 0.5),
        action_age_p99_ms=quantile(run.action_age_ms, 0.99),
        tracking_p50_mm=quantile(error_mm, 0.5),
        tracking_p99_mm=quantile(error_mm, 0.99),
    )


def unrecorded(outcome: str, message: str, *, policy: str, seed: int) -> RunFigures:
    """Return the numbers of a run that ended before anything was measured."""
    return RunFigures(
        outcome=outcome,
        message=message,
        policy=policy,
        seed=seed,
        duration_s=0.0,
        score=-1.0,
        max_coverage=-1.0,
        success=False,
        takeovers_n=0,
        rate_hz=-1.0,
        realtime=False,
        ticks_n=0,
        skipped_periods_n=0,
        late_p50_ms=-1.0,
        late_p99_ms=-1.0,
        late_p999_ms=-1.0,
        refused_n=0,
        refused_by_limit={},
        brakes_n=0,
        chunks_n=0,
        round_trip_p50_ms=-1.0,
        round_trip_p99_ms=-1.0,
        infer_p50_ms=-1.0,
        action_age_p50_ms=-1.0,
        action_age_p99_ms=-1.0,
        tracking_p50_mm=-1.0,
        tracking_p99_mm=-1.0,
    )


def draw(run: RecordedRun, path: Path) -> RunFigures:
    """Draw the page as a picture at `path` and return its numbers.

    Raises:
        OSError: The picture cannot be written.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    numbers = figures(run)
    figure, axes = plt.subplots(2, 3, figsize=(15, 9.2), layout="constrained")
    result = f"score {numbers.score:.3f}" if numbers.score >= 0 else "no score"
    figure.suptitle(
        f"{run.cell} · {numbers.policy} · seed {numbers.seed} · {result} · "
        f"{numbers.outcome} after {numbers.duration_s:.1f} s",
        fontsize=14,
    )
    _board(axes[0, 0], run)
    _coverage(axes[0, 1], run)
    _numbers(axes[0, 2], numbers)
    _histogram(axes[1, 0], run.late_ms * 1e3, "arm loop lateness [µs]", log=True)
    _histogram(axes[1, 1], run.round_trip_ms, "inference round trip [ms]")
    _histogram(axes[1, 2], run.action_age_ms, "action age [ms]")
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return numbers


def _board(ax: "Axes", run: RecordedRun) -> None:
    """Goal, block at start and end, the tool's path and every n-th chunk over it."""
    ax.fill(*block_outline(GOAL_POSE).T, color="#b9e3b9", label="goal")
    if len(run.block_px):
        ax.fill(*block_outline(run.block_px[0]).T, color="#c9ccd4", alpha=0.8, label="block, start")
        ax.plot(*block_outline(run.block_px[-1]).T, color="#5a6478", lw=2, label="block, end")
    drawn = [actions for actions in run.actions if actions.shape[1] == 2]
    for k in np.unique(np.linspace(0, len(drawn) - 1, CHUNKS_DRAWN).astype(int)) if drawn else ():
        ax.plot(
            *drawn[k].T,
            color="#d9822b",
            lw=1,
            marker=".",
            ms=3,
            alpha=0.75,
            label="chunks" if k == 0 else None,
        )
    measured, commanded = run.tool_px[:, 0], run.tool_px[:, 1]
    ax.plot(*commanded.T, color="#8fb3e0", lw=1, label="tool, commanded")
    ax.plot(*measured.T, color="#1f4e9c", lw=1.4, label="tool, measured")
    ax.set(xlim=(0, BOARD_PX), ylim=(BOARD_PX, 0), aspect="equal", title="path on the board [px]")
    ax.legend(fontsize=8, loc="upper right")


def _coverage(ax: "Axes", run: RecordedRun) -> None:
    if len(run.coverage):
        ax.plot(run.world_t_s, run.coverage, color="#2c7a4b")
    ax.axhline(0.95, color="#999999", ls="--", lw=1)
    ax.set(xlabel="time [s]", ylim=(0, 1.02), title="coverage of the goal")


def _numbers(ax: "Axes", n: RunFigures) -> None:
    ax.axis("off")
    rows = [
        ("score (max)", f"{n.score:.3f}"),
        ("coverage (max)", f"{n.max_coverage:.3f}"),
        ("outcome", n.outcome),
        ("arm loop", f"{n.rate_hz:.0f} Hz, real-time {'yes' if n.realtime else 'no'}"),
        ("cycles / skipped periods", f"{n.ticks_n} / {n.skipped_periods_n}"),
        (
            "lateness p50 / p99 / p99.9",
            f"{n.late_p50_ms:.2f} / {n.late_p99_ms:.2f} / {n.late_p999_ms:.2f} ms",
        ),
        ("gate refusals", f"{n.refused_n}"),
        ("brakes while running", f"{n.brakes_n}"),
        ("chunks", f"{n.chunks_n}"),
        ("round trip p50 / p99", f"{n.round_trip_p50_ms:.0f} / {n.round_trip_p99_ms:.0f} ms"),
        ("action age p50 / p99", f"{n.action_age_p50_ms:.0f} / {n.action_age_p99_ms:.0f} ms"),
        ("tracking p50 / p99", f"{n.tracking_p50_mm:.1f} / {n.tracking_p99_mm:.1f} mm"),
    ]
    table = ax.table(cellText=[list(row) for row in rows], loc="center", cellLoc="left", edges="")
    table.auto_set_font_size(False)
    table.set_fontsize(10)
    table.scale(1, 1.55)


def _histogram(ax: "Axes", values: NDArray[Any], title: str, *, log: bool = False) -> None:
    ax.set_title(title)
    if not values.size:
        ax.text(0.5, 0.5, "nothing measured", ha="center", transform=ax.transAxes)
        return
    ax.hist(values, bins=60, color="#5a8fd0", log=log)
    for q, name, color in (
        (0.5, "p50", "#333"),
        (0.99, "p99", "#d9822b"),
        (0.999, "p99.9", "#b33"),
    ):
        at = quantile(values, q)
        ax.axvline(at, color=color, lw=1, label=f"{name} {at:.1f}")
    ax.legend(fontsize=8)


def sentence(numbers: RunFigures, folder: Path) -> str:
    """Return what a person is told of an episode that is over."""
    score = f"score {numbers.score:.3f}, " if numbers.score >= 0 else ""
    helped = f", a person took over {n} times" if (n := numbers.takeovers_n) else ""
    return (
        f"seed {numbers.seed}: {score}{numbers.outcome} after {numbers.duration_s:.1f} s{helped}; "
        f"action age p99 {numbers.action_age_p99_ms:.0f} ms, gate refusals {numbers.refused_n}; "
        f"see {folder}/"
    )
