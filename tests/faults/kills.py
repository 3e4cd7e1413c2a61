"""kill -9 of one process at a random instant of an episode, and what the episode still holds."""

import hashlib
import os
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random
from typing import Final

from robotd.core.clock import S
from robotd.core.process_names import ARM, RECORDER, TELEOP, WORLD, camera_process
from robotd.episodes.dataset import episodes, open_episodes, quarantined
from tests.end_to_end.cell_site import wait_for
from tests.faults.cell import FaultCell
from tests.faults.injection import Injection
from tests.faults.kill_judgement import Judgement, Kill, Struck, judge
from tests.faults.reference import Reference
from tests.faults.witness import Witness

VICTIMS: Final = ("recorder", "camera", "teleop", "world", "arm", "conductor")
PLAIN: Final = "plain recorder"
"""Row of the reference."""
AFTER_S: Final = (0.3, 2.2)
"""A process is killed so long after its episode began."""

WATCHED_S: Final = 0.4
"""So long at least nothing may move once the fault is known."""

TRIES_N: Final = 5


def series(count: int, seed: int) -> list[Kill]:
    """Return kills of all victims in turn, each round in an order of its own.

    A process that dies too often within a minute is given up by the daemon: so they take turns.
    """
    random = Random(seed)
    order: list[str] = []
    while len(order) < count:
        order += random.sample(VICTIMS, len(VICTIMS))
    return [
        Kill(number=number, victim=victim, seed=seed * 1_000_000 + number)
        for number, victim in enumerate(order[:count])
    ]


def victims(cell: FaultCell) -> dict[str, str]:
    """Return what can be killed: name in the table to name of the process."""
    return {
        "recorder": RECORDER,
        "conductor": "conductor",
        "teleop": TELEOP,
        "camera": camera_process(cell.cameras[0]),
        "world": WORLD,
        "arm": ARM,
    }


class Killing:
    """A cell whose processes are killed one after the other; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open = ExitStack()
        self._cell = self._open.enter_context(FaultCell(folder))
        self._watching = ExitStack()
        self._witness: Witness | None = None
        self._hashes: dict[str, str] = {}

    def __enter__(self) -> "Killing":
        return self

    def __exit__(self, kind, error, trace) -> None:
        self._watching.close()
        self._open.__exit__(kind, error, trace)

    def run(self, kills: Sequence[Kill]) -> Iterator[Injection]:
        """Do them all; yields what came of each."""
        for kill in kills:
            found = self._inject(kill)
            yield from (found.of(kill), *found.beside)

    def _inject(self, kill: Kill) -> Judgement:
        cell, found = self._cell, Judgement()
        cell.up()
        witness = self._watch()
        with ExitStack() as stack:
            reference = None
            if kill.victim == "recorder":
                where = self._folder / f"reference-{kill.number}"
                reference = stack.enter_context(Reference(cell.run_dir, where, cell.cameras))
            struck = self._strike(kill, witness, reference)
            if reference is not None:
                reference.kill()
                found.beside.append(_look_at(reference, kill, struck))
        self._settle(kill, struck.episode)
        judge(kill, struck, self._cell, witness, found)
        self._compare_earlier(struck.episode, found)
        witness.forget_before(time.monotonic_ns() - S)
        return found

    def _strike(self, kill: Kill, witness: Witness, reference: Reference | None) -> Struck:
        """Kill in the middle of an episode; one that a loaded computer ends before is no matter."""
        cell, random = self._cell, Random(kill.seed)
        for _ in range(TRIES_N):
            episode = cell.record()
            if reference is not None:
                reference.wait_ready()
            begun_ns, pid = time.monotonic_ns(), cell.pid(victims(cell)[kill.victim])
            time.sleep(random.uniform(*AFTER_S))
            if episode in witness.ends:
                continue
            fault_ns = time.monotonic_ns()
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                return Struck(episode=episode, begun_ns=begun_ns, fault_ns=fault_ns)
        raise AssertionError(
            f"none of {TRIES_N} episodes lasted until the {kill.victim} was killed"
        )

    def _watch(self) -> Witness:
        """Return the witness of the present daemon."""
        if self._witness is None:
            witness = Witness(self._cell.run_dir, self._cell.cameras)
            self._witness = self._watching.enter_context(witness)
        return self._witness

    def _settle(self, kill: Kill, episode: str) -> None:
        """Wait until the episode is complete again and the arm had time to do what it must not."""
        cell = self._cell
        if kill.victim == "conductor":
            cell.daemon.wait()
            wait_for("the processes' end", lambda: not cell.run_dir.exists())
            self._watching.close()
            self._witness = None
            cell.up()
        else:
            stopped = "FAULT" if kill.victim == "arm" else "PAUSED"
            cell.operator.until("a stop", lambda s: s.state == stopped)
            time.sleep(WATCHED_S)
        wait_for("the episode", lambda: episode not in open_episodes(cell.dataset))

    def _compare_earlier(self, episode: str, found: Judgement) -> None:
        """See that the episodes of before are the same to the byte, and remember them all."""
        present = {
            name: _hash_of(self._cell.dataset / name) for name in episodes(self._cell.dataset)
        }
        for name, value in self._hashes.items():
            found.check(present.get(name) == value, f"the earlier episode {name} was changed")
        found.check(
            not open_episodes(self._cell.dataset), f"{open_episodes(self._cell.dataset)} left open"
        )
        found.check(episode in present or episode in quarantined(self._cell.dataset), "it is gone")
        self._hashes = present


def _look_at(reference: Reference, kill: Kill, struck: Struck) -> Injection:
    """Return what the same fault did to the plain recorder."""
    readable = reference.held()
    shutil.rmtree(reference.folder)
    since_ns = max(readable.newest_ns, struck.begun_ns)
    measures = {
        "recorded_s": (struck.fault_ns - struck.begun_ns) / S,
        "lost_s": (struck.fault_ns - since_ns) / S,
        "readable_ticks_n": readable.ticks_n,
        "readable_pictures_n": readable.pictures_n,
    }
    return Injection(row=PLAIN, number=kill.number, seed=kill.seed, measures=measures)


def _hash_of(folder: Path) -> str:
    """Return one checksum over names and contents of all files of an episode."""
    total = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()
