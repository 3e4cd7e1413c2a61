"""What an episode holds against what a witness saw, and what the arm did after a fault. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import dist
from pathlib import Path
from typing import Final

from robotd.core.arm_codes import ArmPhase
from robotd.core.clock import MS, S
from robotd.episodes.reader import Episode
from tests.faults.witness import Picture, Tick

MOVING_M_S: Final = 0.005
"""A tool that is commanded to move slower counts as standing when a fault is timed."""

STILL_M: Final = 1e-5
"""A command that stays within this of where it ends stands still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What of it an episode holds.

    Attributes:
        status: `complete` or `recovered`.
        outcome: As written in it.
        tick_ns: Times of its ticks, in the order of the file.
        picture_index: Camera to the ring indexes of its pictures, likewise.
        gaps_n: Items that it says were lost.
        lost_s: What it says that it lost at its end [s].
    """

    status: str
    outcome: str
    tick_ns: list[int]
    picture_index: dict[str, list[int]]
    gaps_n: int
    lost_s: float


def read_held(folder: Path) -> Held:
    """Read an episode.

    Raises:
        DatasetError: It is damaged.
    """
    episode = Episode(folder)
    streams, about = episode.streams, episode.about
    return Held(
        status=about.status,
        outcome=about.outcome,
        tick_ns=streams.ticks.t_ns.tolist(),
        picture_index={name: times.ring_index.tolist() for name, times in streams.cameras.items()},
        gaps_n=sum(gap.count for gap in streams.gaps),
        lost_s=about.lost_s,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What an episode lacks of a stream.

    Attributes:
        expected_n: Items that it should hold.
        holes_n: Items missing between two that it holds, or at its beginning.
        strangers_n: Items that nobody else saw, or that stand twice or out of order.
        tail_n: Items missing at its end.
        tail_s: From the last item held to the end of what should be there [s]; 0 for none missing.
    """

    expected_n: int
    holes_n: int
    strangers_n: int
    tail_n: int
    tail_s: float


def loss(seen: Sequence[tuple[int, int]], held: Sequence[int], until_ns: int) -> Loss:
    """Compare what should be there with what is.

    Args:
        seen: Key and time [ns] of each item since the episode began, as a witness saw them.
        held: Keys in the order of the file.
        until_ns: What came up to then should be there; more may be.
    """
    expected = [(key, t_ns) for key, t_ns in seen if t_ns <= until_ns]
    there, known = set(held), {key for key, _ in seen}
    last = max((i for i, (key, _) in enumerate(expected) if key in there), default=-1)
    disorder_n = sum(b <= a for a, b in pairwise(held))
    tail_n = len(expected) - 1 - last
    since_ns = expected[max(last, 0)][1] if expected else until_ns
    return Loss(
        expected_n=len(expected),
        holes_n=sum(key not in there for key, _ in expected[: last + 1]),
        strangers_n=sum(key not in known for key in held) + disorder_n,
        tail_n=tail_n,
        tail_s=(until_ns - since_ns) / S if tail_n else 0.0,
    )


def tick_loss(seen: Sequence[Tick], held: Held, until_ns: int) -> Loss:
    """Compare the arm's cycles, by their times."""
    return loss([(tick.t_ns, tick.t_ns) for tick in seen], held.tick_ns, until_ns)


def picture_loss(camera: str, seen: Sequence[Picture], held: Held, until_ns: int) -> Loss:
    """Compare a camera's pictures, by their numbers in its ring."""
    items = [(picture.index, picture.t_arrival_ns) for picture in seen]
    return loss(items, held.picture_index.get(camera, []), until_ns)


@dataclass(slots=True, kw_only=True)
class Rest:
    """How the arm came to rest after a fault.

    Attributes:
        moving: Whether it was commanded to move when the fault came.
        react_ms: From the fault to the first cycle that no longer follows a plan; None where it
            stood, or where its cycles ended with the fault.
        still_ms: From the fault to the first command of the last place; None likewise.
        failures: What should not have happened, one sentence each.
    """

    moving: bool = False
    react_ms: float | None = None
    still_ms: float | None = None
    failures: list[str] = field(default_factory=list[str])


def rest_after(ticks: Sequence[Tick], fault_ns: int) -> Rest:
    """Judge the arm's cycles around a fault, up to where a person lets it move again."""
    before = [tick for tick in ticks if tick.t_ns <= fault_ns]
    after = [tick for tick in ticks if tick.t_ns > fault_ns]
    rest = Rest(moving=_moves(before[-2:]))
    own = _same_process(before[-1:] + after)[1:]
    if any(tick.phase is ArmPhase.FOLLOWING for tick in after[len(own) :]):
        rest.failures.append("the arm follows a plan after its process was started again")
    following = [i for i, tick in enumerate(own) if tick.phase is ArmPhase.FOLLOWING]
    stop = following[-1] + 1 if following else 0
    if following and stop == len(own):
        rest.failures.append("the last that was seen of the arm follows a plan")
    elif rest.moving and own:
        rest.react_ms = (own[stop].t_ns - fault_ns) / MS
        rest.still_ms = max(0, _still(own).t_ns - fault_ns) / MS
    return rest


def _moves(ticks: Sequence[Tick]) -> bool:
    if len(ticks) < 2 or ticks[-1].phase is not ArmPhase.FOLLOWING:
        return False
    a, b = ticks
    return dist(a.p_cmd_m, b.p_cmd_m) > MOVING_M_S * (b.t_ns - a.t_ns) / S


def _same_process(ticks: list[Tick]) -> list[Tick]:
    """Return the cycles of the process that the first belongs to."""
    numbered = enumerate(ticks)
    other = next((i for i, tick in numbered if tick.index != ticks[0].index + i), len(ticks))
    return ticks[:other]


def _still(ticks: Sequence[Tick]) -> Tick:
    """Return the first cycle whose command is the last place, of those that send commands."""
    engaged = [tick for tick in ticks if tick.session != 0] or ticks[:1]
    place = engaged[-1].p_cmd_m
    moving = [i for i, tick in enumerate(engaged) if dist(tick.p_cmd_m, place) > STILL_M]
    return engaged[min(moving[-1] + 1, len(engaged) - 1)] if moving else engaged[0]
