"""`make faults`: every row of the fault matrix, a table of bound and measured figure, and JSON.

An interrupted run goes on where it was with `--resume`.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from tests.bench.machine import describe
from tests.faults.campaigns import CAMPAIGNS, FULL_KILLS_N
from tests.faults.injection import HOST_FACTOR, Injection, Outcome, judged, summarise
from tests.faults.rows import BY_ID, ROWS

SEED = 3


def main() -> int:
    """Do the campaigns, or those named; 1 where anything failed."""
    words = _words()
    words.out.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    for name in words.names or CAMPAIGNS:
        _do(name, words)
    injections = [i for name in CAMPAIGNS for i in _read(words.out / f"{name}.jsonl")]
    outcomes = [summarise(row, injections) for row in ROWS]
    outcomes = [outcome for outcome in outcomes if outcome.injections]
    result = {
        "machine": describe(),
        "seed": words.seed,
        "kills": words.count,
        "host_factor": HOST_FACTOR,
        "seconds": round(time.monotonic() - begun, 1),
        "rows": msgspec.to_builtins(outcomes),
    }
    path = words.out / "faults.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1))
    (words.out / "faults.md").write_text("\n".join(_markdown(outcomes)) + "\n")
    Console().print(_table(outcomes))
    failures = [failure for outcome in outcomes for failure in outcome.failures]
    sys.stderr.write("".join(f"{failure}\n" for failure in failures))
    sys.stderr.write(f"{path}: {len(injections)} injections, {len(failures)} failures\n")
    return 1 if failures else 0


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(CAMPAIGNS)}; default: all")
    parser.add_argument("--count", type=int, default=FULL_KILLS_N, help="kills; the rest scales")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=Path("out/faults"))
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    words = parser.parse_args()
    if unknown := set(words.names) - set(CAMPAIGNS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; one of {', '.join(CAMPAIGNS)}")
    return words


def _do(name: str, words: argparse.Namespace) -> None:
    """Do one campaign; what it yields is kept line by line."""
    done, part = words.out / f"{name}.jsonl", words.out / f"{name}.jsonl.part"
    if words.resume and done.exists():
        sys.stderr.write(f"{name}: done before\n")
        return
    if not words.resume or name != "kill":  # only the longest one can go on in the middle
        part.unlink(missing_ok=True)
    before = sum(
        injection.row in BY_ID and injection.row.startswith("kill") for injection in _read(part)
    )
    with tempfile.TemporaryDirectory(prefix="robotd-faults-") as folder, part.open("ab") as file:
        for injection in CAMPAIGNS[name](Path(folder), words.count, words.seed, before):
            result = judged(BY_ID[injection.row], injection)
            file.write(msgspec.json.encode(result) + b"\n")
            file.flush()
            sys.stderr.write(f"{_line(result)}\n")
    part.rename(done)


def _read(path: Path) -> list[Injection]:
    if not path.exists():
        return []
    return [msgspec.json.decode(line, type=Injection) for line in path.read_bytes().splitlines()]


def _line(injection: Injection) -> str:
    figures = ", ".join(f"{name} {value:.3g}" for name, value in injection.measures.items())
    failed = f"  FAILED: {'; '.join(injection.failures)}" if injection.failures else ""
    return f"{injection.row} #{injection.number}: {figures}{failed}"


def _cells(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, ...]]:
    """Yield the table: a line for each figure of each row."""
    for outcome in outcomes:
        row, failed = outcome.row, f"{len(outcome.failures)}"
        head = (row.matrix, row.fault, f"{outcome.injections}")
        if not outcome.figures:
            yield (*head, "", "", "", "", failed)
        for figure in outcome.figures:
            bound = "" if figure.bound is None else f"{figure.bound:g}"
            largest = (
                f"{figure.max:g} ({figure.over_n} over)" if figure.over_n else f"{figure.max:g}"
            )
            yield (*head, figure.measure, bound, f"{figure.p50:g}", largest, failed)
            head, failed = ("", "", ""), ""


COLUMNS = ("row", "fault", "n", "figure", "bound", "p50", "max", "failures")


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(*COLUMNS)
    for cells in _cells(outcomes):
        table.add_row(*cells)
    return table


def _markdown(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"|{'---|' * len(COLUMNS)}"
    for cells in _cells(outcomes):
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
