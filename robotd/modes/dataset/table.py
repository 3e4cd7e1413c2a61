"""What a person sees of a data set: a table of its episodes, and its numbers."""

import sys
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from robotd.episodes.survey import EpisodeRow, Survey

_COLOURS = {
    "success": "green",
    "failure": "red",
    "recovered": "yellow",
    "damaged": "bold red",
    "open": "yellow",
    "deleted": "dim",
    "quarantined": "dim",
}
_WIDE = 200
"""Columns where the output is no terminal, so that no line is broken."""


def print_rows(rows: Sequence[EpisodeRow]) -> None:
    """Print a line for each episode."""
    if not rows:
        sys.stdout.write("no episodes\n")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("episode", no_wrap=True)
    table.add_column("kind")
    for name in ("length", "score"):
        table.add_column(name, justify="right")
    table.add_column("label")
    table.add_column("outcome")
    table.add_column("size", justify="right")
    table.add_column("status")
    for row in rows:
        table.add_row(
            row.id,
            row.kind,
            f"{row.duration_s:.1f} s" if row.duration_s >= 0 else "",
            f"{row.score:.2f}" if row.score >= 0 else "",
            _coloured(row.label),
            row.outcome,
            size_text(row.bytes_n),
            _coloured(", ".join(_status(row))),
        )
    _console().print(table)
    for row in rows:
        if row.problem:
            _console().print(row.problem, style="red", markup=False, soft_wrap=True)


def print_info(found: Survey) -> None:
    """Print the numbers of a data set."""
    table = Table(title=found.dataset, title_justify="left", show_header=False, box=box.SIMPLE)
    lines = [
        ("episodes", _episodes(found)),
        ("time", f"{found.duration_s / 60:.1f} min"),
        (
            "length",
            f"{found.shortest_s:.1f} to {found.longest_s:.1f} s, median {found.median_s:.1f} s",
        ),
        ("kinds", _counts(found.kinds)),
        ("labels", _counts({name or "none": n for name, n in found.labels.items()})),
        ("outcomes", _counts(found.outcomes)),
        ("status", _counts(found.statuses)),
        ("cells", _counts(found.cells)),
        ("starts of the block", _block_starts(found)),
        ("starts of the tool", _tool_starts(found)),
        ("lost while recording", f"{found.dropped_n} items"),
        ("on the disk", _disk(found)),
    ]
    if not found.episodes_n - found.damaged_n:
        lines = [lines[0], lines[-1]]
    for name, text in lines:
        table.add_row(name, text)
    _console().print(table)


def size_text(bytes_n: int) -> str:
    """Return a size for people: 12.3 MB."""
    size = float(bytes_n)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _status(row: EpisodeRow) -> list[str]:
    parts = [row.place or row.status]
    return [*parts, f"{row.dropped_n} lost"] if row.dropped_n else parts


def _coloured(text: str) -> Text:
    return Text(text, style=_COLOURS.get(text.partition(",")[0], ""))


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in sorted(counts.items(), key=lambda c: -c[1]))


def _episodes(found: Survey) -> str:
    parts = [f"{found.episodes_n} complete"]
    others = {
        "damaged": found.damaged_n,
        "open": found.open_n,
        "in the trash": found.deleted_n,
        "in the quarantine": found.quarantined_n,
    }
    parts += [f"{n} {name}" for name, n in others.items() if n]
    return ", ".join(parts) + ("; being recorded into" if found.recording else "")


def _block_starts(found: Survey) -> str:
    starts = found.starts
    return (
        f"in {starts.block_squares_n} of {starts.squares_n} squares of the board, "
        f"{starts.block_directions_n} of {starts.directions_n} directions"
    )


def _tool_starts(found: Survey) -> str:
    starts = found.starts
    return f"in {starts.tool_squares_n} of {starts.squares_n} squares"


def _disk(found: Survey) -> str:
    trash = f", {size_text(found.deleted_bytes)} in the trash" if found.deleted_n else ""
    rate = found.bytes_n / found.duration_s * 60 if found.duration_s > 0 else 0
    each = f", {size_text(round(rate))} a minute" if rate else ""
    return f"{size_text(found.bytes_n)}{each}{trash}"


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDE)
