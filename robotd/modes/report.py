"""The page of figures that a run ends with, and its numbers, from the run's trace alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import ArmPhase, Limit
from robotd.core.figures import quantile
from robotd.modes.trace import ChunkRow, LoadedTrace
from robotd.sim.pusht_geometry import BLOCK_OUTLINE_PX, BOARD_PX, GOAL_POSE, from_block_frame

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


def _column(trace: LoadedTrace, name: str) -> NDArray[Any]:
    return trace.arrays["chunk"][:, ChunkRow.__struct_fields__.index(name)]


def _action_age_ms(trace: LoadedTrace) -> NDArray[np.float64]:
    """Return, for each chunk that was executed, first row sent minus observation [ms]."""
    t_obs, _, t_sent = np.asarray(trace.arrays["chunk_t_ns"], dtype=np.int64).T
    return (t_sent - t_obs)[t_sent > 0] * 1e-6


def _brakes(phase: NDArray[Any]) -> int:
    """Count how often the arm went from following to braking."""
    following, braking = phase[:-1] == ArmPhase.FOLLOWING, phase[1:] == ArmPhase.BRAKING
    return int(np.count_nonzero(following & braking))


def figures(trace: LoadedTrace) -> RunFigures:
    """Reduce a trace to its numbers."""
    a, meta = trace.arrays, trace.meta
    late, world = a["tick_late_ms"], a["world"]
    limits = np.asarray(a["tick_limit"])
    refused = ~np.asarray(a["tick_accepted"], dtype=bool) & (limits != Limit.NONE)
    tool = np.asarray(a["tool_px"], dtype=np.float64)
    error_mm = np.linalg.norm(tool[:, :2] - tool[:, 2:], axis=1) * meta.board_m / BOARD_PX * 1e3
    ages = _action_age_ms(trace)
    return RunFigures(
        outcome=meta.outcome,
        message=meta.message,
        policy=meta.policy,
        seed=meta.seed,
        duration_s=(meta.t_end_ns - meta.t_start_ns) * 1e-9,
        score=float(world[:, 6].max()) if world.size else -1.0,
        max_coverage=float(world[:, 5].max()) if world.size else -1.0,
        success=meta.outcome == "success",
        rate_hz=meta.rate_hz,
        realtime=meta.realtime,
        ticks_n=int(late.size),
        skipped_periods_n=int(a["tick_skipped"].sum()),
        late_p50_ms=quantile(late, 0.5),
        late_p99_ms=quantile(late, 0.99),
        late_p999_ms=quantile(late, 0.999),
        refused_n=int(refused.sum()),
        refused_by_limit={
            Limit(value).name.lower(): int((limits[refused] == value).sum())
            for value in np.unique(limits[refused])
        },
        brakes_n=_brakes(np.asarray(a["tick_phase"])[a["tick_t_ns"] <= meta.t_end_ns]),
        chunks_n=int(a["chunk"].shape[0]),
        round_trip_p50_ms=quantile(_column(trace, "round_trip_ms"), 0.5),
        round_trip_p99_ms=quantile(_column(trace, "round_trip_ms"), 0.99),
        infer_p50_ms=quantile(_column(trace, "infer_ms"), 0.5),
        action_age_p50_ms=quantile(ages, 0.5),
        action_age_p99_ms=quantile(ages, 0.99),
        tracking_p50_mm=quantile(error_mm, 0.5),
        tracking_p99_mm=quantile(error_mm, 0.99),
    )


def draw(trace: LoadedTrace, path: Path) -> RunFigures:
    """Draw the page as a picture at `path` and return its numbers.

    Raises:
        OSError: The picture cannot be written.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    numbers = figures(trace)
    figure, axes = plt.subplots(2, 3, figsize=(15, 9.2), layout="constrained")
    result = f"score {numbers.score:.3f}" if numbers.score >= 0 else "no score"
    figure.suptitle(
        f"{trace.meta.cell} · {numbers.policy} · seed {numbers.seed} · {result} · "
        f"{numbers.outcome} after {numbers.duration_s:.1f} s",
        fontsize=14,
    )
    _board(axes[0, 0], trace)
    _coverage(axes[0, 1], trace)
    _numbers(axes[0, 2], numbers)
    _histogram(
        axes[1, 0],
        np.asarray(trace.arrays["tick_late_ms"]) * 1e3,
        "arm loop lateness [µs]",
        log=True,
    )
    _histogram(axes[1, 1], _column(trace, "round_trip_ms"), "inference round trip [ms]")
    _histogram(axes[1, 2], _action_age_ms(trace), "action age [ms]")
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return numbers


def _outline(pose: tuple[float, ...] | NDArray[Any]) -> NDArray[np.float64]:
    corners = from_block_frame(np.asarray(pose, dtype=np.float64), BLOCK_OUTLINE_PX)
    return np.vstack([corners, corners[:1]])


def _board(ax: "Axes", trace: LoadedTrace) -> None:
    """Goal, block at start and end, the tool's path and every n-th chunk over it."""
    world, tool = np.asarray(trace.arrays["world"]), np.asarray(trace.arrays["tool_px"])
    ax.fill(*_outline(GOAL_POSE).T, color="#b9e3b9", label="goal")
    if world.size:
        ax.fill(*_outline(world[0, 2:5]).T, color="#c9ccd4", alpha=0.8, label="block, start")
        ax.plot(*_outline(world[-1, 2:5]).T, color="#5a6478", lw=2, label="block, end")
    actions = np.asarray(trace.arrays["chunk_actions"])
    if actions.ndim == 3 and actions.shape[2] == 2:
        chosen = np.unique(np.linspace(0, len(actions) - 1, CHUNKS_DRAWN).astype(int))
        for k, index in enumerate(chosen):
            ax.plot(
                *actions[index].T,
                color="#d9822b",
                lw=1,
                marker=".",
                ms=3,
                alpha=0.75,
                label="chunks" if k == 0 else None,
            )
    ax.plot(tool[:, 2], tool[:, 3], color="#8fb3e0", lw=1, label="tool, commanded")
    ax.plot(tool[:, 0], tool[:, 1], color="#1f4e9c", lw=1.4, label="tool, measured")
    ax.set(xlim=(0, BOARD_PX), ylim=(BOARD_PX, 0), aspect="equal", title="path on the board [px]")
    ax.legend(fontsize=8, loc="upper right")


def _coverage(ax: "Axes", trace: LoadedTrace) -> None:
    world = np.asarray(trace.arrays["world"])
    t_s = (np.asarray(trace.arrays["world_t_ns"]) - trace.meta.t_start_ns) * 1e-9
    if world.size:
        ax.plot(t_s, world[:, 5], color="#2c7a4b")
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
