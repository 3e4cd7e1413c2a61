"""`make mutants`: each change of gate, IK and follower has to fail a test; a table, and JSON.

A change that no test can find out stands in `tests/mutants.toml` with the reason; at most five do.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec
from rich.console import Console
from rich.table import Table

from tests.mutants.justified import Justified, left_over, read_justified
from tests.mutants.operators import mutants_of
from tests.mutants.targets import TARGETS
from tests.mutants.trial import BROKEN, HUNG, KILLED, SURVIVED, Result, prepare, trials

BASELINE_LIMIT_S = 120.0
COLUMNS = ("module", "mutants", "killed", "hung", "survived", "seconds")


def main() -> int:
    """Try them all, or those named; 1 where one survived that no line justifies."""
    words = _words()
    log = words.out / "log"
    log.mkdir(parents=True, exist_ok=True)
    prepare()
    names: list[str] = words.names or list(TARGETS)
    begun = time.monotonic()
    jobs = [
        (name, TARGETS[name], mutant)
        for name in names
        for mutant in mutants_of(TARGETS[name].path.read_text())
        if words.only is None or mutant.number in words.only
    ]
    if words.sample:
        jobs = Random(words.seed).sample(jobs, min(words.sample, len(jobs)))
        names = list(dict.fromkeys(name for name, _, _ in jobs))
    options = {"workers": words.workers, "log": log}
    # The tests that a sample is part of see to it that they pass without any change.
    plain = [] if words.sample else [(name, TARGETS[name], None) for name in names]
    whole = list(trials(plain, limit_s=BASELINE_LIMIT_S, **options))
    if failed := [result.target for result in whole if result.verdict != SURVIVED]:
        sys.stderr.write(f"the tests of {', '.join(failed)} fail without any change: see {log}\n")
        return 1
    results = []
    # Some survive for as long as all tests take, and some never end.
    limit_s = 20.0 + 3.0 * max((result.seconds for result in whole), default=30.0)
    for result in trials(jobs, limit_s=limit_s, **options):
        results.append(result)
        if result.verdict != KILLED:
            sys.stderr.write(f"{_line(result)}\n")
    justified = [line for line in read_justified() if line.module in names]
    complaints = left_over(results, justified, complete=not (words.sample or words.only))
    complaints += [_line(result) for result in results if result.verdict == BROKEN]
    _write(words.out, results, justified, complaints, time.monotonic() - begun)
    Console().print(_table(names, results))
    sys.stderr.write("".join(f"{complaint}\n" for complaint in complaints))
    return 1 if complaints else 0


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(TARGETS)}; default: all")
    parser.add_argument("--sample", type=int, default=0, help="only so many, drawn by the seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of mutants")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("out/mutants"))
    words = parser.parse_args()
    if unknown := set(words.names) - set(TARGETS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; one of {', '.join(TARGETS)}")
    return words


def _line(result: Result) -> str:
    mutant = result.mutant
    assert mutant is not None
    where = f"{result.target} #{mutant.number}, line {mutant.line_n}"
    return f"{result.verdict}: {where}: {mutant.line}   [{mutant.change}]"


def _counts(name: str, results: Sequence[Result]) -> tuple[str, ...]:
    own = [result for result in results if result.target == name]
    found = Counter(result.verdict for result in own)
    seconds = sum(result.seconds for result in own)
    return (
        name,
        *map(str, (len(own), found[KILLED], found[HUNG], found[SURVIVED], round(seconds))),
    )


def _table(names: Sequence[str], results: Sequence[Result]) -> Table:
    table = Table(*COLUMNS)
    for name in names:
        table.add_row(*_counts(name, results))
    return table


def _write(
    out: Path,
    results: Sequence[Result],
    justified: Sequence[Justified],
    complaints: Sequence[str],
    seconds: float,
) -> None:
    names = list(dict.fromkeys(result.target for result in results))
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    lines += [f"| {' | '.join(_counts(name, results))} |" for name in names]
    (out / "mutants.md").write_text("\n".join(lines) + "\n")
    found = {
        "seconds": round(seconds, 1),
        "modules": [dict(zip(COLUMNS, _counts(name, results), strict=True)) for name in names],
        "survivors": [_line(result) for result in results if result.verdict == SURVIVED],
        "justified": [msgspec.to_builtins(line) for line in justified],
        "complaints": list(complaints),
    }
    (out / "mutants.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1))


if __name__ == "__main__":
    sys.exit(main())
