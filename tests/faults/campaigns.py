"""What is done to find out: each campaign is one series of faults, for one row or several."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tests.faults import disk_full, disk_slow, signals
from tests.faults.arm_cases import CASES
from tests.faults.arm_jitter import JITTER, STARVED, borne
from tests.faults.arm_trial import trials
from tests.faults.cell import FaultCell
from tests.faults.device_cases import DEVICE_CASES
from tests.faults.devices import struck
from tests.faults.flips import damage
from tests.faults.hand import pulled
from tests.faults.injection import Injection
from tests.faults.kills import Killing, series
from tests.faults.reconnect import reconnecting
from tests.faults.second_recorder import second

FULL_KILLS_N: Final = 300
"""Kills in a full run; everything else scales with them."""

TRIES_N: Final = 50
"""Tries in a full run of each row after which nothing may move without a person."""

Campaign = Callable[[Path, int, int, int], Iterator[Injection]]
"""Takes an empty folder, the number of kills of the whole run, a seed, and how many injections of
it an interrupted run has done already."""


def _share(kills_n: int, full_n: int) -> int:
    return max(1, round(full_n * kills_n / FULL_KILLS_N))


def kill(folder: Path, kills_n: int, seed: int, done_n: int) -> Iterator[Injection]:
    """Kill processes."""
    with Killing(folder) as killing:
        yield from killing.run(series(kills_n, seed)[done_n:])


def signal(folder: Path, kills_n: int, seed: int, done_n: int) -> Iterator[Injection]:
    """Send signals."""
    del done_n
    for number, case in enumerate(signals.CASES):
        yield from signals.signalled(
            folder, case, count=_share(kills_n, 5), seed=seed + 1000 * number
        )


def full_disk(folder: Path, kills_n: int, seed: int, done_n: int) -> Iterator[Injection]:
    """Fill the disk."""
    del done_n
    yield from disk_full.refused(folder / "before", seed)
    yield from disk_full.filled(folder / "during", count=_share(kills_n, 10), seed=seed)


def slow_disk(folder: Path, kills_n: int, seed: int, done_n: int) -> Iterator[Injection]:
    """Stall, jam and break the disk."""
    del done_n
    yield from disk_slow.slow(folder, count=_share(kills_n, 6), seed=seed)


def dataset(folder: Path, kills_n: int, seed: int, done_n: int) -> Iterator[Injection]:
    """Have a second recorder come, and damage what the first has recorded."""
    del done_n
    with FaultCell(folder) as cell:
        episode = cell.keep_one(1.0)
        yield from second(cell, folder / "second", seed=seed)
        yield from damage(episode, folder, flips_n=_share(kills_n, 20000), seed=seed)


def arm(folder: Path, kills_n: int, seed: int, done_n: int) -> Iterator[Injection]:
    """Strike an arm that moves and its controller; the reference first: what has to be seen."""
    del done_n
    yield from reconnecting(folder / "reference", count=_share(kills_n, 10), seed=seed)
    kinds = Counter(case.matrix for case in CASES)
    for number, case in enumerate(CASES):
        count = -(-_share(kills_n, TRIES_N) // kinds[case.matrix])
        yield from trials(case, folder / str(number), count=count, seed=seed + 1000 * number)
    for row in (JITTER, STARVED):
        yield from borne(folder, row, count=_share(kills_n, 10), seed=seed)


def device(folder: Path, kills_n: int, seed: int, done_n: int) -> Iterator[Injection]:
    """Strike the devices and processes of a cell that records through the drivers."""
    del done_n
    for number, case in enumerate(DEVICE_CASES):
        yield from struck(
            folder / str(number), case, count=_share(kills_n, TRIES_N), seed=seed + 1000 * number
        )


def hand(folder: Path, kills_n: int, seed: int, done_n: int) -> Iterator[Injection]:
    """Pull out the hand-held device, and have it stuck."""
    del done_n
    yield from pulled(folder, count=_share(kills_n, TRIES_N), seed=seed)


CAMPAIGNS: Final[dict[str, Campaign]] = {
    "arm": arm,
    "device": device,
    "hand": hand,
    "kill": kill,
    "signal": signal,
    "full-disk": full_disk,
    "slow-disk": slow_disk,
    "dataset": dataset,
}
