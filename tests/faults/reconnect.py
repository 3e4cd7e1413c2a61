"""What the harness has to be able to see: a client that moves the arm again by itself.

ur_rtde, unmodified, connects again after its connections were cut, uploads its script anew and goes
on. The same look at the controller that is taken after each fault of ours has to find that out.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Final

from tests.end_to_end.cell_site import CHECKOUT
from tests.faults.emulator import Emulator
from tests.faults.injection import Injection

ROW: Final = "reconnect of ur_rtde"
RATES_HZ: Final = {"ur5": 125, "ur5e": 500}
STILL_RAD: Final = 1e-6
"""What is left of a stop long after it; a hundredth of what the measurement of a joint resolves."""

STOP: Final = "robotd_stop"
BEGUN: Final = frozenset({"program_started", "program_resumed"})


def reconnecting(folder: Path, *, count: int, seed: int) -> Iterator[Injection]:
    """Cut the connections of a plain ur_rtde loop, and look whether the arm moves again."""
    for number in range(count):
        random = Random(seed + number)
        model = ("ur5e", "ur5")[number % 2]
        with ExitStack() as stack:
            emulator = stack.enter_context(lone_controller(folder, model, number))
            stack.enter_context(_plain_client(emulator.host, RATES_HZ[model]))
            time.sleep(random.uniform(0.2, 0.6))
            since = emulator.next_n()
            emulator.do("cut", reset=random.random() < 0.5)
            time.sleep(0.5)
            measures = unasked(emulator, since)
        seen = measures["travel_rad"] > 0 and measures["programs_n"] > 0
        failures = () if seen else ("ur_rtde's own reconnect was not seen: the harness is blind",)
        yield Injection(
            row=ROW, number=number, seed=seed + number, measures=measures, failures=failures
        )


def unasked(emulator: Emulator, since: int) -> dict[str, float]:
    """Return what the controller did of what only a person may have it do.

    A script that stops the arm may come at any time.

    Args:
        emulator: The controller.
        since: Number of the first event to look at.
    """
    travel_rad = emulator.travel_rad()
    travel_rad = travel_rad if travel_rad > STILL_RAD else 0.0
    told = [event for event in emulator.happened(since) if not event.detail.startswith(STOP)]
    return {
        "travel_rad": travel_rad,
        "programs_n": float(sum(event.what in BEGUN for event in told)),
        "uploads_n": float(sum(event.what == "uploaded" for event in told)),
    }


@contextmanager
def lone_controller(folder: Path, model: str, number: int) -> Iterator[Emulator]:
    """Yield a controller that belongs to no cell, on an address of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    host = f"127.88.{Random(str(folder)).randrange(1, 255)}.{number % 250 + 1}"
    words = ["-m", "robotd.cli", "sim", "ur", f"--model={model}", f"--address={host}"]
    with (folder / f"controller-{number}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *words], cwd=CHECKOUT, stdin=subprocess.DEVNULL, stderr=log
        )
        try:
            with Emulator(host) as emulator:
                yield emulator
        finally:
            process.terminate()
            process.wait()


@contextmanager
def _plain_client(host: str, rate_hz: int) -> Iterator[None]:
    words = ["-m", "tests.bench.plain_servo", f"--host={host}", f"--rate={rate_hz}", "--seconds=30"]
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "moving\n", "the plain client does not move the arm"
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
