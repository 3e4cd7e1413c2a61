"""`make bench`: every benchmark in one run, JSON and a table, the machine named."""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench import (
    arm_loop,
    cameras,
    cycle,
    demonstrations,
    evaluation,
    observe_to_plan,
    pusher,
    recording,
    server,
    servo,
)
from tests.bench.machine import describe

BENCHES = {
    "arm_cycle": cycle.run,
    "observe_to_plan": observe_to_plan.run,
    "server": server.run,
    "arm_loop": arm_loop.run,
    "servo": servo.run,
    "cameras": cameras.run,
    "recording": recording.run,
    "evaluation": evaluation.run,
    "demonstrations": demonstrations.run,
    "pusher": pusher.run,
}


def main() -> int:
    """Run them all, or those named, and write what they say."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BENCHES)}; default: all")
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    words = parser.parse_args()
    if unknown := set(words.names) - set(BENCHES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; one of {', '.join(BENCHES)}")
    results: dict[str, object] = {"machine": describe()}
    for name in words.names or BENCHES:
        sys.stderr.write(f"{name} ...\n")
        results[name] = BENCHES[name]()
    words.out.mkdir(parents=True, exist_ok=True)
    (words.out / "bench.json").write_text(json.dumps(results, indent=2))
    table = Table("benchmark", "figure", "value")
    for name, figures in results.items():
        for key, value in _flat(figures):
            table.add_row(name, key, str(value))
    Console().print(table)
    sys.stderr.write(f"{words.out / 'bench.json'}\n")
    return 0


def _flat(figures, prefix: str = ""):
    if not isinstance(figures, dict):
        yield prefix, figures
        return
    for key, value in figures.items():
        yield from _flat(value, f"{prefix} {key}".strip())


if __name__ == "__main__":
    sys.exit(main())
