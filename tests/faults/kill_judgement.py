"""What a killed process cost: what its episode holds, and how the arm came to rest."""

import time
from dataclasses import dataclass, field
from typing import Final

from robotd.core.clock import S
from robotd.core.errors import DatasetError
from robotd.episodes.dataset import quarantined
from robotd.episodes.verify import verify
from tests.faults.account import Held, picture_loss, read_held, rest_after, tick_loss
from tests.faults.cell import FaultCell
from tests.faults.injection import Injection
from tests.faults.witness import Witness

FLUSH_S: Final = 0.5
SLACK_S: Final = 0.1
"""A flush takes a moment itself, and what it brings to the disk was seen a moment before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One of a series."""

    number: int
    victim: str
    seed: int

    @property
    def row(self) -> str:
        """Name of its row in the table."""
        return f"kill {self.victim}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """A kill that was done.

    Attributes:
        episode: The one that was being recorded.
        begun_ns: When it was known to be.
        fault_ns: When the process was killed.
    """

    episode: str
    begun_ns: int
    fault_ns: int


@dataclass(slots=True)
class Judgement:
    """Collects what is found of one kill."""

    measures: dict[str, float] = field(default_factory=dict[str, float])
    failures: list[str] = field(default_factory=list[str])
    beside: list[Injection] = field(default_factory=list[Injection])

    def check(self, holds: bool, sentence: str) -> None:
        """Note a failure unless something holds."""
        if not holds:
            self.failures.append(sentence)

    def of(self, kill: Kill) -> Injection:
        """Return it as the kill's result."""
        return Injection(
            row=kill.row,
            number=kill.number,
            seed=kill.seed,
            measures=self.measures,
            failures=tuple(self.failures),
        )


def judge(kill: Kill, struck: Struck, cell: FaultCell, witness: Witness, found: Judgement) -> None:
    """Look at everything but the earlier episodes."""
    episode, fault_ns = struck.episode, struck.fault_ns
    now, begin_ns = time.monotonic_ns(), witness.begins[episode]
    found.measures["episode_s"] = (fault_ns - begin_ns) / S
    if witness.lost_n:
        found.measures["unseen_n"] = witness.lost_n
    rest = rest_after(witness.ticks_between(begin_ns, now), fault_ns)
    found.failures += rest.failures
    if rest.react_ms is not None and rest.still_ms is not None:
        found.measures |= {"react_ms": rest.react_ms, "still_ms": rest.still_ms}
    if episode in quarantined(cell.dataset):
        young = fault_ns - begin_ns < (FLUSH_S + SLACK_S) * S and kill.victim == "recorder"
        found.check(young, "its episode came into the quarantine")
        found.measures["tick_tail_s"] = (fault_ns - begin_ns) / S
        return
    try:
        held = read_held(cell.dataset / episode)
    except DatasetError as error:
        found.failures.append(f"its episode cannot be read: {error}")
        return
    _judge_losses(kill, struck, held, cell, witness, found)
    _judge_health(kill, struck, held, cell, found)
    if kill.victim == "recorder":
        _judge_promise(struck, held, witness, found)


def _judge_losses(
    kill: Kill, struck: Struck, held: Held, cell: FaultCell, witness: Witness, found: Judgement
) -> None:
    """Count what is missing: up to the kill, or up to the end where the recorder lived on."""
    now, begin_ns = time.monotonic_ns(), witness.begins[struck.episode]
    end = witness.ends.get(struck.episode)
    until_ns = struck.fault_ns if end is None or kill.victim == "recorder" else end.t_ns
    ticks = tick_loss(witness.ticks_between(begin_ns, now), held, until_ns)
    losses = {"tick": ticks}
    for camera in cell.cameras:
        seen = witness.pictures_between(camera, begin_ns, now)
        losses[f"picture of {camera}"] = picture_loss(camera, seen, held, until_ns)
    found.check(ticks.holes_n == 0, f"{ticks.holes_n} ticks are missing in between")
    holes_n = sum(lost.holes_n for lost in losses.values())
    found.check(holes_n <= held.gaps_n, f"{holes_n} pictures are missing and no gap says so")
    if held.gaps_n:
        found.measures["gap_n"] = held.gaps_n
    for what, lost in losses.items():
        strange = lost.strangers_n > witness.lost_n  # a loaded computer holds the witness up too
        found.check(not strange, f"{lost.strangers_n} times a {what} that nobody saw")
    pictures_s = max(lost.tail_s for what, lost in losses.items() if what != "tick")
    found.measures |= {"tick_tail_s": ticks.tail_s, "picture_tail_s": pictures_s}


def _judge_health(
    kill: Kill, struck: Struck, held: Held, cell: FaultCell, found: Judgement
) -> None:
    killed = kill.victim == "recorder"
    health = "lossy" if killed or held.gaps_n else "ok"
    status = "recovered" if killed else "complete"
    verified = verify(cell.dataset / struck.episode, deep=True)
    why = "; ".join(verified.reasons)
    found.check(verified.health == health, f"verify says {verified.health}: {why}")
    found.check(held.status == status, f"the episode is {held.status}, expected {status}")


def _judge_promise(struck: Struck, held: Held, witness: Witness, found: Judgement) -> None:
    """See that all is there that the recorder had said to be on the disk."""
    begin_ns = witness.begins[struck.episode]
    flushed_ns = witness.flushed_ns(struck.episode, struck.fault_ns)
    promised = [tick.t_ns for tick in witness.ticks_between(begin_ns, flushed_ns)]
    missing_n = len(set(promised) - set(held.tick_ns))
    found.check(missing_n == 0, f"{missing_n} ticks are missing that were said to be on the disk")
