"""The picture of a flight record: errors, speeds, forces and what each cycle was about."""

from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import ArmFault, ArmPhase, Limit, PauseCause, Source
from robotd.core.clock import MS, S
from robotd.core.ur_codes import safety_names
from robotd.modes.flight.file import Flight

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

JOINTS: Final = ("#8c510a", "#d8b365", "#5ab4ac", "#01665e", "#762a83", "#c2a5cf")
INK: Final = "#2b3a42"
FAINT: Final = "#7a8791"
BAD: Final = "#b2182b"
_WIDEST: Final = 110
_NARROWEST: Final = 0.06
"""Of the record's length: what lasted less is coloured and not named."""
_COLOURS: Final = {
    "following": "#a6d5cd",
    "braking": "#f3d199",
    "fault": "#e9a6a6",
    "human": "#c3b1d6",
    "jog": "#c3b1d6",
    "policy": "#a6d5cd",
    "replay": "#b9cde8",
    "approach": "#e3dcc0",
    "normal": "#dfe5e8",
    "holding": "#dfe5e8",
    "disarmed": "#eef1f3",
    "hold": "#eef1f3",
}
"""Of words that are no trouble; all others are."""


def draw_flight(flight: Flight, target: BinaryIO) -> None:
    """Write the picture as a PNG.

    Raises:
        OSError: It cannot be written.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    about, columns = flight.about, flight.columns
    figure, axes = plt.subplots(
        6,
        1,
        figsize=(11, 12),
        sharex=True,
        layout="constrained",
        gridspec_kw={"height_ratios": [2, 2, 1.5, 1.5, 1, 1.6]},
    )
    try:
        t_s = (columns["t_ns"] - about.t_stop_ns) / S
        title = f"{about.t_wall}   {about.before} \u2192 {about.state}   {about.cause}"
        figure.suptitle(f"{title}\n{_folded(about.reason)}", fontsize=10, color=INK)
        _joints(axes[0], t_s, (columns["q_cmd_rad"] - columns["q_rad"]) * 1e3)
        _lines(axes[1], t_s, _speeds(flight), "tool [mm/s]")
        _joints(axes[2], t_s, columns["qd_rad_s"], "joints [rad/s]")
        force = np.linalg.norm(columns["force_n"][:, :3], axis=1)
        current = np.abs(columns["current_a"]).max(axis=1, initial=0.0)
        pushes = {"force [N]": force, "largest current [A]": current}
        _lines(axes[3], t_s, pushes, "force, current")
        late = {"late [ms]": columns["late_ns"] / MS}
        _lines(axes[4], t_s, late, "lateness [ms]")
        _codes(axes[5], t_s, flight)
        axes[5].set_xlabel("time before the stop [s]", color=INK)
        for each in axes:
            each.axvline(0.0, color=BAD, lw=1)
            each.spines[["top", "right"]].set_visible(False)
            each.tick_params(colors=FAINT, labelsize=8)
            each.margins(x=0)
        figure.savefig(target, dpi=110, format="png", facecolor="white")
    finally:
        plt.close(figure)


def _folded(text: str) -> str:
    words, lines = text.split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > _WIDEST:
            lines.append("")
        lines[-1] += f"{' ' if lines[-1] else ''}{word}"
    return "\n".join(lines)


def _speeds(flight: Flight) -> dict[str, Array]:
    """Return how fast the tool was told to be and was, from differences of places [mm/s]."""
    columns = flight.columns

    def speed(T: NDArray[Any], t_ns: NDArray[Any]) -> Array:
        moved = np.linalg.norm(np.diff(T[:, :3, 3], axis=0), axis=1)
        took_s = np.maximum(np.diff(t_ns), 1) / S
        speeds = np.zeros(len(t_ns))
        speeds[1:] = np.where(np.diff(t_ns) > 0, moved / took_s, np.nan) * 1e3
        return speeds

    return {
        "commanded": speed(columns["T_base_cmd"], columns["t_ns"]),
        "measured": speed(columns["T_base_tcp"], columns["t_state_ns"]),
    }


def _joints(axis: "Axes", t_s: Array, values: Array, name: str = "joint error [mrad]") -> None:
    for joint, colour in enumerate(JOINTS):
        axis.plot(t_s, values[:, joint], lw=1, color=colour, label=f"{joint + 1}")
    axis.set_ylabel(name, color=INK, fontsize=9)
    axis.legend(ncols=6, fontsize=7, frameon=False, loc="upper left")


def _lines(axis: "Axes", t_s: Array, lines: dict[str, Array], name: str) -> None:
    for (label, values), colour in zip(lines.items(), (INK, "#d6604d"), strict=False):
        axis.plot(t_s, values, lw=1, color=colour, label=label)
    most = max((float(np.nanmax(v, initial=0.0)) for v in lines.values()), default=0.0)
    axis.set_ylim(0.0, max(1.0, 1.1 * most))
    axis.set_ylabel(name, color=INK, fontsize=9)
    axis.legend(ncols=2, fontsize=7, frameon=False, loc="upper left")


def _codes(axis: "Axes", t_s: Array, flight: Flight) -> None:
    """One row for each thing that has names; a label where it changes."""
    columns = flight.columns
    rows: list[tuple[str, list[str]]] = [
        ("phase", [ArmPhase(code).name.lower() for code in columns["phase"].tolist()]),
        ("by", [Source(code).name.lower() for code in columns["source"].tolist()]),
        ("gate", [_unless_none(Limit(code).name) for code in columns["limit"].tolist()]),
        ("hold", [_unless_none(PauseCause(code).name) for code in columns["hold"].tolist()]),
        ("fault", [_unless_none(ArmFault(code).name) for code in columns["fault"].tolist()]),
        ("safety", [safety_names(code) for code in columns["safety_bits"].tolist()]),
    ]
    for row, (_, words) in enumerate(rows):
        for begin, end in _spells(words):
            if not words[begin]:
                continue
            colour = _COLOURS.get(words[begin], "#e9a6a6")
            axis.hlines(-row, t_s[begin], t_s[end], color=colour, lw=11)
            if t_s[end] - t_s[begin] >= _NARROWEST * (t_s[-1] - t_s[0]):
                axis.text(t_s[begin], -row, f" {words[begin]}", fontsize=7, va="center")
    axis.set_yticks([-row for row in range(len(rows))], [name for name, _ in rows])
    axis.set_ylim(-len(rows) + 0.4, 0.6)


def _unless_none(name: str) -> str:
    return "" if name == "NONE" else name.lower()


def _spells(words: list[str]) -> list[tuple[int, int]]:
    """Return (first, last) of each run of the same word."""
    starts = [i for i, word in enumerate(words) if i == 0 or word != words[i - 1]]
    ends = [*starts[1:], len(words)][: len(starts)]
    return [(a, max(a, min(b, len(words) - 1))) for a, b in zip(starts, ends, strict=True)]
