"""The arm process's loop at 500 Hz: how late it wakes, with and without rights, idle and loaded.

Each setting is a process of its own; `python -m tests.bench.arm_loop --child` is one.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Generator

import numpy as np

from robotd.core.arm_codes import ArmPhase
from robotd.core.clock import SystemClock
from robotd.servo.loop import ArmLoop
from robotd.servo.realtime import obtain
from robotd.sim.arm import SimArm
from tests.bench.machine import quantiles
from tests.bench.motion import CircleOrders, mock_cell

HOG = "while True: pass"


def run(*, seconds: float = 30.0) -> dict[str, object]:
    """Measure the four settings one after the other."""
    result: dict[str, object] = {"seconds": seconds}
    for rights in (True, False):
        for loaded in (False, True):
            name = f"{'realtime' if rights else 'ordinary'}_{'loaded' if loaded else 'idle'}"
            with _hogs(os.cpu_count() or 1) if loaded else contextlib.nullcontext():
                result[name] = _child(seconds, rights)
    return result


@contextlib.contextmanager
def _hogs(count: int) -> Generator[None]:
    hogs = [subprocess.Popen([sys.executable, "-c", HOG]) for _ in range(count)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def _child(seconds: float, rights: bool) -> dict[str, object]:
    command = [sys.executable, "-m", "tests.bench.arm_loop", "--child", "--seconds", str(seconds)]
    command += ["--realtime"] if rights else []
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def measure(seconds: float, *, rights: bool) -> dict[str, object]:
    """Run the loop here, with a simulated arm that moves all the time."""
    cell, clock, late_ns, skipped, refused = mock_cell(), SystemClock(), [], [0], [0]
    got = obtain() if rights else None
    with SimArm(cell.arm, cell.envelope, clock, watchdog_s=2.0) as arm:
        start_ns = clock.now()
        orders = CircleOrders(cell, start_ns)
        cycles = round(seconds * arm.rate_hz)

        def newest():
            now = clock.now()
            return orders.disarmed(now) if len(late_ns) < 10 else orders(now)

        def publish(tick) -> None:
            late_ns.append(tick.late_ns)
            skipped[0] += tick.skipped_n
            refused[0] += not tick.verdict.accepted and tick.phase is ArmPhase.FOLLOWING

        loop = ArmLoop(
            arm=arm,
            config=cell.arm,
            envelope=cell.envelope,
            max_jump_m=0.2,
            gap_fault_s=2.0,
            orders=newest,
            publish=publish,
            clock=clock,
        )
        loop.run(lambda: len(late_ns) >= cycles)
        breaches = len(arm.oracle.breaches)
    return {
        "realtime_rights": bool(got and got.fifo and got.locked),
        "cycles": len(late_ns),
        "missed_periods": skipped[0],
        "refused": refused[0],
        "oracle_breaches": breaches,
        **quantiles(np.array(late_ns[50:]), "late_ms", factor=1e-6),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", action="store_true", required=True)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--realtime", action="store_true")
    words = parser.parse_args()
    sys.stdout.write(json.dumps(measure(words.seconds, rights=words.realtime)))
