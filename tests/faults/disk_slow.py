"""A disk that stalls or fails, and a recorder that is held up: nobody else is to notice."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

import numpy as np

from robotd.core.clock import S
from robotd.core.errors import SupervisorError
from robotd.core.process_names import RECORDER
from robotd.episodes.dataset import episodes, open_episodes
from robotd.episodes.verify import verify
from tests.end_to_end.cell_site import CHECKOUT, wait_for
from tests.faults.account import read_held, rest_after, tick_loss
from tests.faults.cell import FaultCell
from tests.faults.injection import Injection
from tests.faults.witness import Witness

STALLS: Final = "disk stalls"
STUCK: Final = "disk stuck"
FAILS: Final = "disk fails"
HELD_UP: Final = "recorder held up"
SEAM: Final = CHECKOUT / "tests/faults/seam"
MAX_BEHIND_S: Final = 1.5
SETTINGS: Final = (f"record.max_behind_s={MAX_BEHIND_S}",)
ERRORS: Final = ("EIO", "EROFS", "ENOSPC")


class FaultyDisk:
    """Tells the calls of `seam/sitecustomize.py` what to do."""

    def __init__(self, orders: Path) -> None:
        self._orders = orders
        path = os.pathsep.join(filter(None, [str(SEAM), os.environ.get("PYTHONPATH", "")]))
        self.environment = {**os.environ, "PYTHONPATH": path, "FAULTY_DISK": str(orders)}

    def order(self, words: str) -> None:
        """Have every call do this from now on."""
        partial = self._orders.with_suffix(".partial")
        partial.write_text(words)
        partial.replace(self._orders)

    def heal(self) -> None:
        """Be a good disk again."""
        self._orders.unlink(missing_ok=True)


def slow(folder: Path, *, count: int, seed: int) -> Iterator[Injection]:
    """Stall, jam and break the disk in turn, and hold up the recorder, `count` times each."""
    disk = FaultyDisk(folder / "orders")
    with FaultCell(folder, settings=SETTINGS, environment=disk.environment) as cell:
        cell.up()
        with Witness(cell.run_dir, cell.cameras) as witness:
            for number in range(4 * count):
                row = (STALLS, STUCK, FAILS, HELD_UP)[number % 4]
                bench = _Bench(cell, disk, witness, Random(seed + number))
                acts = {
                    STALLS: bench.stall,
                    STUCK: bench.jam,
                    FAILS: lambda n=number, b=bench: b.fail(ERRORS[n // 4 % len(ERRORS)]),
                    HELD_UP: bench.hold_up,
                }
                try:
                    acts[row]()
                finally:
                    disk.heal()
                yield Injection(
                    row=row,
                    number=number,
                    seed=seed + number,
                    measures=bench.measures,
                    failures=tuple(bench.failures),
                )


class ClientHeldUpError(Exception):
    """The computer held this process up until the daemon took its client for lost: no result."""


class _Bench:
    """One fault of the disk, and what is found of it."""

    def __init__(self, cell: FaultCell, disk: FaultyDisk, witness: Witness, random: Random) -> None:
        self._cell, self._disk, self._witness, self._random = cell, disk, witness, random
        self.measures: dict[str, float] = {}
        self.failures: list[str] = []

    def stall(self) -> None:
        """Each call takes a second: less than the queue holds, so nothing is lost or stopped."""
        episode, quiet_ns = self._begin()
        fault_ns = time.monotonic_ns()
        self._disk.order("stall 0.8")
        time.sleep(3.0)
        state = self._cell.operator.status().state
        self._disk.heal()
        if state != "RUNNING":
            self.failures.append(f"the cell is {state}: {self._cell.operator.status().reason}")
        with contextlib.suppress(SupervisorError):  # at its goal just then
            self._cell.operator.control.call("say", command="stop")
        self._compare_lateness(quiet_ns, fault_ns, time.monotonic_ns())
        self._judge(episode, fault_ns, lost="nothing")

    def jam(self) -> None:
        """A call takes longer than the queue may wait: the arm brakes, the episode is kept."""
        episode, quiet_ns = self._begin()
        fault_ns = time.monotonic_ns()
        self._disk.order(f"stall {MAX_BEHIND_S + 2.0}")
        self._await_stop(fault_ns)
        self._compare_lateness(quiet_ns, fault_ns, time.monotonic_ns())
        self._disk.heal()
        self._judge(episode, fault_ns, lost="marked")

    def fail(self, error: str) -> None:
        """One call fails, and the next would succeed: the arm brakes, what was safe is kept."""
        episode, _ = self._begin()
        fault_ns = time.monotonic_ns()
        self._disk.order(f"{error} 1")
        self._await_stop(fault_ns)
        self._judge(episode, fault_ns, lost="tail")

    def hold_up(self) -> None:
        """The recorder stands still for a while: the arm brakes, and the episode is kept."""
        episode, quiet_ns = self._begin()
        pid, fault_ns = self._cell.pid(RECORDER), time.monotonic_ns()
        os.kill(pid, signal.SIGSTOP)
        try:
            self._await_stop(fault_ns)
            time.sleep(self._random.uniform(0.1, 1.0))
        finally:
            os.kill(pid, signal.SIGCONT)
        self._compare_lateness(quiet_ns, fault_ns, time.monotonic_ns())
        self._judge(episode, fault_ns, lost="marked")

    def _begin(self) -> tuple[str, int]:
        """Record for a while; return the episode, and since when nothing is wrong."""
        seconds = self._random.uniform(1.0, 1.6)
        episode = self._cell.record_for(seconds, self._witness)
        return episode, time.monotonic_ns() - round(seconds * S)

    def _await_stop(self, fault_ns: int) -> None:
        stopped = ("PAUSED", "FAULT", "STOPPING", "DISARMED")
        status = self._cell.operator.until("a stop", lambda s: s.state in stopped)
        if "disappeared" in status.reason:
            raise ClientHeldUpError(status.reason)
        if "\n" in status.reason or not status.reason:
            self.failures.append(f"the reason is not one line: {status.reason!r}")
        time.sleep(0.4)
        self.measures["stop_s"] = (self._witness.stopped_ns(fault_ns) - fault_ns) / S
        rest = rest_after(self._witness.ticks_between(fault_ns - S, time.monotonic_ns()), fault_ns)
        self.failures += rest.failures
        if rest.still_ms is not None:
            self.measures["still_s"] = rest.still_ms / 1e3

    def _compare_lateness(self, quiet_ns: int, fault_ns: int, end_ns: int) -> None:
        """Note how late the arm's cycles were before the fault and during it."""
        for name, t_from_ns, t_to_ns in (
            ("late_p95_before_ms", quiet_ns, fault_ns),
            ("late_p95_during_ms", fault_ns, end_ns),
        ):
            ticks = self._witness.ticks_between(t_from_ns, t_to_ns)
            late_ns = [tick.late_ns for tick in ticks]
            self.measures[name] = float(np.quantile(late_ns, 0.95)) / 1e6 if late_ns else 0.0

    def _judge(self, episode: str, fault_ns: int, *, lost: str) -> None:
        dataset = self._cell.dataset
        wait_for("the episode", lambda: episode not in open_episodes(dataset), limit_s=30.0)
        if episode not in episodes(dataset):
            self.failures.append("the episode was not kept")
            return
        folder = dataset / episode
        health, held = verify(folder, deep=True), read_held(folder)
        seen = self._witness.ticks_between(self._witness.begins[episode], time.monotonic_ns())
        loss = tick_loss(seen, held, fault_ns)
        self.measures["tick_tail_s"] = loss.tail_s
        if health.health == "bad":
            self.failures.append(f"verify says bad: {health.reasons}")
        if lost == "nothing" and health.health != "ok":
            self.failures.append(f"verify says {health.health}: {health.reasons}")
        if lost == "tail" and health.health != "lossy":
            self.failures.append("an episode whose disk failed counts as whole")
        if loss.holes_n and not held.gaps_n:
            self.failures.append(f"{loss.holes_n} ticks are missing, and no gap says so")
