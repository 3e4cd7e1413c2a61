"""What an arm has to bear without stopping: late packets, and a computer that is busy."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final

import numpy as np

from robotd.core.arm_codes import ArmPhase
from robotd.core.clock import MS, S
from robotd.core.types import ArmTick
from tests.faults.arm_trial import MODELS, settings_of
from tests.faults.injection import Injection
from tests.faults.rig import Rig

JITTER: Final = "packets late"
STARVED: Final = "computer busy"
HOGS_N: Final = 8
WATCHED_S: Final = 3.0
OWN_GAP_PERIODS: Final = 3.0
LATE_SHARE: Final = 0.01
LATE_PERIODS: Final = 1.5
"""The controller looks once a period: so late it is seen up to two periods late."""


def borne(folder: Path, row: str, *, count: int, seed: int) -> Iterator[Injection]:
    """Have it suffer one of the two for some seconds, on both models in turn."""
    for number in range(count):
        model = MODELS[number % len(MODELS)]
        random = Random(seed + number)
        with Rig(folder / f"{row}-{number}", model, settings=settings_of(model)) as rig:
            rig.moving(0.3)
            t_ns, since = time.monotonic_ns(), rig.emulator.next_n()
            if row == JITTER:
                _late_packets(rig, random)
            else:
                with _hogs():
                    time.sleep(WATCHED_S)
            ticks = rig.since(t_ns)
            ended = [e for e in rig.emulator.happened(since) if e.what == "program_stopped"]
            breaches = rig.emulator.state()["breaches"]
            measures = _measures(ticks, rig.period_s)
            failures = [f"the oracle found {breaches[0]}"] if breaches else []
            failures += _judge(row, ticks, measures, ended=bool(ended), realtime=rig.realtime)
            rig.disarm()
        yield Injection(
            row=row,
            number=number,
            seed=seed + number,
            measures=measures,
            failures=tuple(f"{model}: {failure}" for failure in failures),
        )


def _late_packets(rig: Rig, random: Random) -> None:
    """Delay a hundredth of the time, both ways, a packet or two at a time."""
    until = time.monotonic() + WATCHED_S
    while time.monotonic() < until:
        rig.emulator.do("delay", ports=["rtde"], seconds=LATE_PERIODS * rig.period_s)
        time.sleep(rig.period_s)
        rig.emulator.do("delay", ports=["rtde"], seconds=0.0)
        time.sleep(rig.period_s * random.uniform(0.5, 1.5) / LATE_SHARE)


@contextmanager
def _hogs() -> Iterator[None]:
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(HOGS_N)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
        for hog in hogs:
            hog.wait()


def _measures(ticks: list[ArmTick], period_s: float) -> dict[str, float]:
    t_ns = np.array([tick.t_ns - tick.late_ns for tick in ticks], dtype=np.int64)
    gaps = np.diff([tick.t_ns for tick in ticks]) / (period_s * S)
    age_ms = [(tick.t_ns - tick.state.t_ns) / MS for tick in ticks]
    stopped = float(bool(ticks[-1].fault))
    held_up = float(gaps.max()) >= OWN_GAP_PERIODS  # by the computer, not by the packets
    return {
        "stops_n": 0.0 if held_up else stopped,
        "stops_by_own_gaps_n": stopped if held_up else 0.0,
        "largest_gap_periods": float(gaps.max()),
        "missed_n": float(sum(tick.skipped_n for tick in ticks)),
        # Deadlines are whole periods apart: two of them never fall together after a late one.
        "bursts_n": float((np.diff(t_ns) < 0.5 * period_s * S).sum()),
        "oldest_state_ms": float(max(age_ms)),
    }


def _judge(
    row: str, ticks: list[ArmTick], measures: dict[str, float], *, ended: bool, realtime: bool
) -> list[str]:
    failures: list[str] = []
    fault = next((tick.fault for tick in ticks if tick.fault), None)
    gap = measures["largest_gap_periods"]
    if row == JITTER and fault is not None and gap < OWN_GAP_PERIODS:
        failures.append(f"stopped by {fault.name}")
    if row == STARVED and fault is None and gap > 6 and realtime:
        failures.append(f"a gap of {gap:.1f} periods was no fault")
    if fault is None and ended:
        failures.append("the controller ended the program")
    stopped = next((i for i, tick in enumerate(ticks) if tick.fault), len(ticks))
    if any(tick.phase is ArmPhase.FOLLOWING for tick in ticks[stopped:]):
        failures.append("it follows a plan again")
    return failures
