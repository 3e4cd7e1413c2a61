"""Two emulated cameras through librealsense and the driver: frames lost, and how late readers are.

The processes are those of a mock cell (world, two cameras), and this one reads their rings as the
conductor and the recorder do. `handed over` counts from when the device was due to deliver the
frame, so it has the emulator's own lateness in it; `ring` from when the driver got it.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np
import psutil

from robotd.core.clock import MS, SystemClock
from robotd.core.config import CameraConfig, CellConfig
from robotd.core.config_load import load_toml
from robotd.core.data_files import data_file
from robotd.core.process import spawn
from robotd.core.process_names import WORLD, camera_process
from robotd.core.ring import RingReader
from robotd.core.run_files import CELL_FILE, camera_ring
from robotd.core.rundir import RunDir
from robotd.core.sample_records import unpack_frame

CAMERAS = ("a", "b")
SECONDS = 60.0
TARGET_P99_MS = 5.0
_WARM_UP_S = 2.0
_POLL_S = 0.0005


def run(seconds: float = SECONDS) -> dict[str, object]:
    """Stream for that long; return the figures of both cameras."""
    camera = CameraConfig(kind="realsense", width_px=640, height_px=480, rate_hz=30.0)
    cell = load_toml(data_file("configs/mock/cell.toml"), CellConfig)
    cell = msgspec.structs.replace(cell, cameras=dict.fromkeys(CAMERAS, camera))
    with (
        tempfile.TemporaryDirectory() as base,
        RunDir.create("cameras", base=Path(base)) as here,
    ):
        (here.path / CELL_FILE).write_bytes(msgspec.json.encode(cell))
        names = [WORLD, *map(camera_process, CAMERAS)]
        children = {name: spawn(name, here.path) for name in names}
        try:
            for child in children.values():
                child.wait_ready(20.0)
            time.sleep(_WARM_UP_S)
            return _measure(here.path, children, seconds, camera.latency_s)
        finally:
            for child in reversed(children.values()):
                child.terminate(3.0)


class Seen:
    """What one reader saw of one camera."""

    def __init__(self, path: Path, latency_s: float) -> None:
        self.ring = RingReader(path)
        self.index = self.ring.newest_index()
        self.numbers: list[int] = []
        self.indexes: list[int] = []
        self.ring_ms: list[float] = []
        self.due_ms: list[float] = []
        self.capture_ms: list[float] = []
        self._latency_ms = latency_s * 1e3

    def look(self, now_ns: int) -> None:
        """Read what is new."""
        backlog = self.ring.since(self.index)
        self.index = backlog.upto
        for record in backlog.records:
            frame = unpack_frame(record.payload)
            self.numbers.append(frame.frame_number)
            self.indexes.append(record.index)
            self.ring_ms.append((now_ns - frame.t_arrival_ns) / MS)
            self.due_ms.append((now_ns - frame.t_ns) / MS - self._latency_ms)


def _measure(run_dir: Path, children: dict, seconds: float, latency_s: float) -> dict[str, object]:
    clock = SystemClock()
    seen = {name: Seen(run_dir / camera_ring(name), latency_s) for name in CAMERAS}
    processes = {name: psutil.Process(child.pid) for name, child in children.items()}
    before = {name: sum(p.cpu_times()[:2]) for name, p in processes.items()}
    start_ns = clock.now()
    while clock.now() - start_ns < seconds * 1e9:
        for each in seen.values():
            each.look(clock.now())
        time.sleep(_POLL_S)
    took_s = (clock.now() - start_ns) / 1e9
    figures: dict[str, object] = {
        f"cpu {name} %": round(100 * (sum(p.cpu_times()[:2]) - before[name]) / took_s, 1)
        for name, p in processes.items()
    }
    for name, each in seen.items():
        each.ring.close()
        figures[f"camera {name}"] = _figures(each)
    lost_n = sum(figures[f"camera {name}"]["lost"] for name in CAMERAS)
    p99_ms = max(figures[f"camera {name}"]["ring p99 ms"] for name in CAMERAS)
    return figures | {
        "seconds": round(took_s, 1),
        "lost": lost_n,
        "ring p99 ms": p99_ms,
        "target met": lost_n == 0 and p99_ms < TARGET_P99_MS,
    }


def _figures(seen: Seen) -> dict[str, object]:
    ring, due = np.array(seen.ring_ms), np.array(seen.due_ms)
    numbers, indexes = np.array(seen.numbers), np.array(seen.indexes)
    return {
        "frames": len(numbers),
        "lost": int((np.diff(numbers) - 1).sum()),
        "lost in the ring": int((np.diff(indexes) - 1).sum()),
        "ring p50 ms": round(float(np.percentile(ring, 50)), 2),
        "ring p99 ms": round(float(np.percentile(ring, 99)), 2),
        "ring max ms": round(float(ring.max()), 2),
        "handed over p50 ms": round(float(np.percentile(due, 50)), 2),
        "handed over p99 ms": round(float(np.percentile(due, 99)), 2),
    }


def main() -> int:
    """Run it alone, for a shorter time."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cameras", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    sys.stdout.write(json.dumps(run(parser.parse_args().seconds), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
