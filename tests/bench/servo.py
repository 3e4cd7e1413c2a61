"""The arm's process against an emulated e-Series at 500 Hz, and beside it what scripts do today.

Ours is the process that drives a real arm, with its driver and control script; the other one is the
`servoL` and `waitPeriod` loop of unmodified ur_rtde. Each has a process of its own, the same
emulator and the same motion, first on the computer as it is and then with a busy process on every
core. A missed period is one in which nothing was sent.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from robotd.core.clock import S
from tests.bench.machine import quantiles
from tests.faults.reconnect import lone_controller
from tests.faults.rig import Rig

MODEL = "ur5e"
RATE_HZ = 500.0
SECONDS = 60.0
HOG = "while True: pass"
WARM_S = 1.0
SETTINGS = ("arm.gap_fault_s=0.4",)
"""Gaps are counted here, and end nothing."""


def run(*, seconds: float = SECONDS) -> dict[str, object]:
    """Measure ours and the plain loop, each idle and loaded; the plain one with rights as well."""
    loops: dict[str, Callable[[Path, float], dict[str, object]]] = {
        "ours": _ours,
        "plain": lambda folder, seconds: _plain(folder, seconds, realtime=False),
        "plain_realtime": lambda folder, seconds: _plain(folder, seconds, realtime=True),
    }
    result: dict[str, object] = {"seconds": seconds, "rate_hz": RATE_HZ}
    with tempfile.TemporaryDirectory(prefix="robotd-servo-") as folder:
        for name, measure in loops.items():
            for load in ("idle", "loaded"):
                with _hogs() if load == "loaded" else contextlib.nullcontext():
                    result[f"{name}_{load}"] = measure(Path(folder) / f"{name}-{load}", seconds)
    return result


def _ours(folder: Path, seconds: float) -> dict[str, object]:
    with Rig(folder, MODEL, settings=SETTINGS) as rig:
        rig.moving(WARM_S)
        begun_ns = time.monotonic_ns()
        time.sleep(seconds)
        ticks = rig.since(begun_ns)
        state = rig.emulator.state()
        fault = next((tick.fault.name for tick in ticks if tick.fault), "")
        rights = rig.realtime
        rig.disarm()
    sent = [tick for tick in ticks if not tick.fault]
    return {
        "realtime_rights": rights,
        "fault": fault,
        "oracle_breaches": len(state["breaches"]),
        **_figures([tick.t_ns for tick in sent]),
        # The cycle's own account: how long after its deadline it began.
        **quantiles([tick.late_ns for tick in sent], "wake_up_ms", factor=1e-6),
    }


def _plain(folder: Path, seconds: float, *, realtime: bool) -> dict[str, object]:
    with lone_controller(folder, MODEL, 0) as emulator:
        words = [sys.executable, "-m", "tests.bench.plain_servo", f"--host={emulator.host}"]
        words += [f"--rate={RATE_HZ}", f"--seconds={seconds + 2 * WARM_S}"]
        words += ["--realtime"] if realtime else []
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=seconds + 60
        )
        if done.returncode:
            return {"realtime_rights": realtime, "crashed": done.stderr.strip().splitlines()[-1:]}
        found = json.loads(done.stdout.splitlines()[-1])
        ended = [e.detail for e in emulator.happened() if e.what == "program_stopped"]
    sent_ns = np.array(found["sent_ns"], dtype=np.int64)
    sent_ns = sent_ns[sent_ns > sent_ns[0] + WARM_S * S]
    return {
        "realtime_rights": realtime,
        "refused": found["refused"],
        "program_ended": ended[:1],
        **_figures(sent_ns),
    }


def _figures(sent_ns: object) -> dict[str, object]:
    """Reduce the instants [ns] at which setpoints were sent."""
    periods = np.diff(np.asarray(sent_ns, dtype=np.int64)) * RATE_HZ / S
    missed = float(np.maximum(np.rint(periods) - 1.0, 0.0).sum())
    return {
        "sent": len(periods) + 1,
        "missed_periods_in_10000": round(1e4 * missed / (len(periods) + missed), 2),
        "largest_gap_periods": round(float(periods.max()), 2),
        **quantiles(np.abs(periods - 1.0), "jitter_ms", factor=1e3 / RATE_HZ),
    }


@contextlib.contextmanager
def _hogs() -> Iterator[None]:
    hogs = [subprocess.Popen([sys.executable, "-c", HOG]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
        for hog in hogs:
            hog.wait()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(seconds=float(sys.argv[1])), indent=1) + "\n")
