"""A full disk: before an episode, near its end, and at once; two megabytes are enough for that."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

from robotd.core.clock import S
from robotd.episodes.dataset import episodes, open_episodes
from robotd.episodes.verify import verify
from tests.end_to_end.cell_site import wait_for
from tests.faults.account import read_held, rest_after, tick_loss
from tests.faults.cell import FaultCell
from tests.faults.injection import Injection
from tests.faults.tiny_disk import TinyDisk
from tests.faults.witness import Witness

BEFORE: Final = "disk full before"
NEAR: Final = "disk nearly full during"
AT_ONCE: Final = "disk full at once during"
SETTINGS: Final = ("record.reserve_mb=1", "record.stop_mb=0.6")
KEEP_BYTES: Final = {NEAR: 500_000, AT_ONCE: 0}
"""What is left where somebody else fills the disk."""

REFUSED_S: Final = 90.0


def refused(folder: Path, seed: int) -> Iterator[Injection]:
    """Ask for an episode where there is less room than the reserve."""
    with (
        TinyDisk(folder) as disk,
        FaultCell(folder, dataset=disk.inside, prefix=disk.prefix) as cell,
    ):
        begun = time.monotonic()
        collect = cell.command(
            "collect",
            "--operator=pusher",
            "--episodes=1",
            f"--dataset={disk.inside}",
            "--set=record.reserve_mb=100",
        )
        code = collect.wait(REFUSED_S)
        said = [line for line in cell.said() if line.startswith("robotd: ")]
        left = episodes(disk.outside) + open_episodes(disk.outside)
    failures = []
    if code != 1:
        failures.append(f"exit code {code}, expected 1")
    if len(said) != 1 or "MB are free" not in said[0]:
        failures.append(f"it said {said}, expected one line that tells the room left")
    if left:
        failures.append(f"{left} were begun")
    measures = {"refused_s": time.monotonic() - begun}
    yield Injection(row=BEFORE, number=0, seed=seed, measures=measures, failures=tuple(failures))


def filled(folder: Path, *, count: int, seed: int) -> Iterator[Injection]:
    """Fill the disk while an episode is recorded, nearly and wholly in turn; then make room."""
    with TinyDisk(folder) as disk:
        settings = {"dataset": disk.inside, "prefix": disk.prefix, "settings": SETTINGS}
        with FaultCell(folder, **settings) as cell:
            cell.up()
            with Witness(cell.run_dir, cell.cameras) as witness:
                for number in range(2 * count):
                    row = (NEAR, AT_ONCE)[number % 2]
                    measures, failures = _fill(cell, disk, witness, row, Random(seed + number))
                    yield Injection(
                        row=row,
                        number=number,
                        seed=seed + number,
                        measures=measures,
                        failures=tuple(failures),
                    )


def _fill(cell, disk, witness, row, random) -> tuple[dict[str, float], list[str]]:
    failures: list[str] = []
    episode = cell.record_for(random.uniform(0.8, 1.5), witness)
    fault_ns = time.monotonic_ns()
    disk.fill(KEEP_BYTES[row])
    status = cell.operator.until("a stop", lambda s: s.state in ("PAUSED", "FAULT"))
    time.sleep(0.4)
    measures = {"stop_s": (witness.stopped_ns(fault_ns) - fault_ns) / S}
    begin_ns = witness.begins[episode]
    seen = witness.ticks_between(begin_ns, time.monotonic_ns())
    rest = rest_after(seen, fault_ns)
    failures += rest.failures
    if rest.still_ms is not None:
        measures["still_s"] = rest.still_ms / 1e3
    if "\n" in status.reason or not status.reason:
        failures.append(f"the reason is not one line: {status.reason!r}")
    disk.make_room()
    wait_for("the episode", lambda: episode not in open_episodes(disk.outside))
    if episode not in episodes(disk.outside):
        return measures, [*failures, "the episode was not kept"]
    folder = disk.outside / episode
    health, held = verify(folder, deep=True), read_held(folder)
    if health.health == "bad":
        failures.append(f"verify says bad: {health.reasons}")
    lost = tick_loss(seen, held, fault_ns)
    measures["tick_tail_s"] = lost.tail_s
    if lost.holes_n:
        failures.append(f"{lost.holes_n} ticks are missing in between")
    shutil.rmtree(folder)  # two megabytes hold but a few
    return measures, failures
