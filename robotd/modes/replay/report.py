"""What a replay came to beside its episode: numbers, and a page that draws both."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from robotd.core.board_frame import BoardFrame
from robotd.core.figures import quantile
from robotd.sim.pusht_geometry import BOARD_PX, GOAL_POSE, block_outline

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

THEN, NOW = "#8fb3e0", "#1f4e9c"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One doing of a path; times count from its first command.

    Attributes:
        tool_t_s: (N,) when each tool position was measured [s].
        tool_m: (N, 3) measured tool positions in the base frame [m].
        world_t_s: (M,) times of the world's states [s]; empty where there is no world.
        block_px: (M, 3) the block's x, y [px] and angle [rad].
        coverage: (M,) coverage of the goal.
        score: The best score; -1 where there is none.
        duration_s: From the first command to the last [s].
    """

    tool_t_s: Array
    tool_m: Array
    world_t_s: Array
    block_px: Array
    coverage: Array
    score: float
    duration_s: float


class ReplayFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Then against now; -1 where nothing was measured."""

    episode: str
    replayed_as: str
    outcome: str
    path_error_p50_mm: float
    path_error_max_mm: float
    block_error_mm: float
    """Between the block's last place then and now."""
    block_error_deg: float
    score_then: float
    score_now: float
    duration_then_s: float
    duration_now_s: float


def path_error_mm(then: Account, now: Account) -> tuple[Array, Array]:
    """Return times (K,) [s] and distances (K,) [mm] of the measured tool then and now."""
    if not len(then.tool_t_s) or not len(now.tool_t_s):
        return np.empty(0), np.empty(0)
    both = (then.tool_t_s >= max(0.0, float(now.tool_t_s[0]))) & (
        then.tool_t_s <= min(then.duration_s, float(now.tool_t_s[-1]))
    )
    t_s = then.tool_t_s[both]
    axes = [np.interp(t_s, now.tool_t_s, now.tool_m[:, axis]) for axis in range(3)]
    return t_s, np.linalg.norm(np.stack(axes, axis=1) - then.tool_m[both], axis=1) * 1e3


def compare(
    then: Account, now: Account, *, episode: str, replayed_as: str, outcome: str, board_m: float
) -> ReplayFigures:
    """Reduce both to numbers."""
    _, error_mm = path_error_mm(then, now)
    block_mm, block_deg = _block_error(then, now, board_m)
    return ReplayFigures(
        episode=episode,
        replayed_as=replayed_as,
        outcome=outcome,
        path_error_p50_mm=quantile(error_mm, 0.5),
        path_error_max_mm=quantile(error_mm, 1.0),
        block_error_mm=block_mm,
        block_error_deg=block_deg,
        score_then=then.score,
        score_now=now.score,
        duration_then_s=then.duration_s,
        duration_now_s=now.duration_s,
    )


def _block_error(then: Account, now: Account, board_m: float) -> tuple[float, float]:
    if not len(then.block_px) or not len(now.block_px):
        return -1.0, -1.0
    difference = now.block_px[-1] - then.block_px[-1]
    turned_rad = (difference[2] + np.pi) % (2 * np.pi) - np.pi
    moved_m = float(np.hypot(*difference[:2])) * board_m / BOARD_PX
    return moved_m * 1e3, abs(float(np.degrees(turned_rad)))


def draw(
    then: Account, now: Account, numbers: ReplayFigures, frame: BoardFrame, path: Path
) -> None:
    """Draw both: tool and block on the board, the distance of the tools, the coverage.

    Raises:
        OSError: The picture cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 5), layout="constrained")
    FigureCanvasAgg(figure)
    board, error, cover = figure.subplots(1, 3)
    for account, name, color in ((then, "then", THEN), (now, "now", NOW)):
        board.plot(*frame.to_px(account.tool_m).T, color=color, lw=1, ls="--", label=f"tool {name}")
        _draw_block(board, account, f"block {name}", color)
        cover.plot(account.world_t_s, account.coverage, color=color, label=name)
    board.fill(*block_outline(GOAL_POSE).T, color="#b8dcc5", zorder=0)
    board.set(xlim=(0, BOARD_PX), ylim=(BOARD_PX, 0), aspect="equal", title="board [px]")
    t_s, error_mm = path_error_mm(then, now)
    error.plot(t_s, error_mm, color=NOW)
    error.set(xlabel="time [s]", ylim=(0, None), title="tool now to tool then [mm]")
    cover.axhline(0.95, color="#999999", ls="--", lw=1)
    cover.set(
        xlabel="time [s]",
        ylim=(0, 1.02),
        title=f"coverage; score {numbers.score_then:.3f} then, {numbers.score_now:.3f} now",
    )
    if len(then.tool_m) or len(now.tool_m):
        board.legend(fontsize=8, loc="upper right")
    cover.legend(fontsize=8, loc="upper left")
    figure.suptitle(f"{numbers.episode} replayed as {numbers.replayed_as}")
    figure.savefig(path, dpi=100)


def _draw_block(ax: "Axes", account: Account, name: str, color: str) -> None:
    if not len(account.block_px):
        return
    ax.plot(*account.block_px[:, :2].T, color=color, lw=1.4, label=name)
    ax.plot(*block_outline(account.block_px[-1]).T, color=color, lw=1)
