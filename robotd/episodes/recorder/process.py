"""The body of the recorder's process."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import cv2

from robotd.core.clock import SystemClock
from robotd.core.config import CellConfig
from robotd.core.process import StopFlag, announce_ready, die_with_parent
from robotd.core.process_names import RECORDER
from robotd.episodes.log import EpisodeLog
from robotd.episodes.recorder.recorder import Recorder

CYCLE_S: Final = 0.01
STOPPED: Final = "the recorder was stopped"


def main(
    run_dir: Path,
    cell: CellConfig,
    create_log: Callable[..., EpisodeLog] = EpisodeLog.create,
) -> None:
    """Record what the journal orders until SIGTERM, SIGINT or the parent's end.

    An episode that is open then is ended as `aborted` and completed; further signals skip nothing.

    Args:
        run_dir: Of the cell's processes.
        cell: What is recorded.
        create_log: Makes an episode's file.

    Raises:
        OSError: No room for the ring of the status, or no right.
    """
    cv2.setNumThreads(1)
    with StopFlag() as stop:
        die_with_parent()
        recorder = Recorder(cell, run_dir, SystemClock(), create_log=create_log)
        try:
            recorder.cycle()
            announce_ready(run_dir, RECORDER)
            while not stop.requested:
                stop.wait(CYCLE_S)
                recorder.cycle()
            recorder.cycle()  # the order to end may have come with the signal
        finally:
            recorder.wind_up(STOPPED)
