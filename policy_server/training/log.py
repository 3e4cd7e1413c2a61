"""The run's figures as JSON lines, one a moment, that go on where a resumed run goes on."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import msgspec

LOG = "log.jsonl"

WriteLine = Callable[[int, Mapping[str, float], float], None]
"""(step, figures, seconds since the start of this call)."""


def read_log(folder: Path) -> list[dict[str, float]]:
    """Return the run's lines so far; a line that a crash cut short is left out."""
    path = folder / LOG
    lines: list[dict[str, float]] = []
    if not path.is_file():
        return lines
    for text in path.read_bytes().splitlines():
        try:
            lines.append(cast("dict[str, float]", msgspec.json.decode(text)))
        except msgspec.DecodeError:
            continue
    return lines


@contextmanager
def open_log(folder: Path, *, from_step: int) -> Generator[WriteLine]:
    """Open the log for writing after `from_step`; lines of later steps are dropped."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = [line for line in read_log(folder) if line.get("step", 0) <= from_step]
    with (folder / LOG).open("wb") as file:

        def write(step: int, figures: Mapping[str, float], seconds: float) -> None:
            line: dict[str, Any] = {"step": step, "elapsed_s": round(seconds, 3), **figures}
            file.write(msgspec.json.encode(line) + b"\n")
            file.flush()

        for line in kept if from_step else []:
            file.write(msgspec.json.encode(line) + b"\n")
        yield write
