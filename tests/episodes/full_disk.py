"""Fill a small disk with an episode; `python -m tests.episodes.full_disk`.

Arguments: run directory, data set, stop_mb, reserve_mb, pause between frames [s]. Writes one JSON
object: what the recorder said, what is in the episode. The disk is a tmpfs that only this process
sees: see `test_recorder_process.py`.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from robotd.core.clock import SystemClock
from robotd.core.run_files import camera_ring
from robotd.core.sample_records import pack_frame
from robotd.core.types import Frame
from robotd.episodes.recorder.recorder import Recorder
from tests.episodes.recorder_site import (
    CAMERA,
    HEIGHT_PX,
    WIDTH_PX,
    Site,
    read_episode,
    small_cell,
)


def main(run_dir, dataset, stop_mb, reserve_mb, pause_s):
    cell = small_cell(codec="png", reserve_mb=reserve_mb, stop_mb=stop_mb, flush_s=0.1)
    clock, random = SystemClock(), np.random.default_rng(1)
    said = {}
    with Site(run_dir, cell) as site:
        recorder = Recorder(cell, run_dir, clock)

        def answer(number):
            status = site.wait(lambda s: s.obeyed >= number, "an answer", turn=recorder.cycle)
            return status.refusal

        said["open"] = answer(site.open(dataset))
        if not said["open"]:
            said["begin"] = answer(site.begin(clock.now()))
            deadline = time.monotonic() + 20
            while not site.status.problem and time.monotonic() < deadline:
                now = clock.now()
                rgb = random.integers(0, 255, (HEIGHT_PX, WIDTH_PX, 3), np.uint8)
                frame = Frame(t_ns=now, t_arrival_ns=now, rgb=rgb)
                site.rings[camera_ring(CAMERA)].write(*pack_frame(frame))
                site.tick(now)
                recorder.cycle()
                time.sleep(pause_s)
            said["problem"] = site.status.problem
            said["end"] = answer(site.end(clock.now()))
            file, items = read_episode(dataset)
            said |= {
                "status": file.status,
                "outcome": file.outcome,
                "reason": file.reason,
                "ticks": file.counts["/arm"],
                "frames": file.counts["/camera/top"],
                "read": sum(map(len, items.values())) == sum(file.counts.values()),
            }
        recorder.wind_up("done")
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(float, sys.argv[3:]))
