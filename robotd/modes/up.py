"""`robotd up`: be the daemon of a cell, in this process, until it is told to end."""

import logging
import os
import sys
from pathlib import Path

from robotd.core.clock import SystemClock
from robotd.core.config import CellConfig
from robotd.core.process import StopFlag, die_with_parent
from robotd.core.rundir import RunDir
from robotd.modes.cell_file import load_cell, write_cell
from robotd.modes.daemon.children import Children
from robotd.modes.daemon.conductor import Conductor
from robotd.modes.options import UpOptions

SAFETY_NOTICE = (
    "robotd is not a certified safety function: those are in the UR controller and its emergency "
    "stop. Keep them set a little wider than this cell's envelope, and within reach."
)


def up(options: UpOptions) -> int:
    """Run the daemon; returns when a signal or a client ends it."""
    cell = load_cell(options, tell=sys.stderr.write)
    logging.getLogger().setLevel(logging.INFO)
    with StopFlag() as stop:
        die_with_parent()
        conduct(cell, options, stop)
    return 0


def log_dir(cell: str) -> Path:
    """Return where the processes' output is kept beyond the run; the next start replaces it."""
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "robotd" / cell


def conduct(cell: CellConfig, options: UpOptions, stop: StopFlag) -> None:
    """Own the cell's run directory and conduct in it until `stop`."""
    with RunDir.create(cell.name, base=options.run_dir) as run:
        sys.stderr.write(f"{SAFETY_NOTICE}\n")
        write_cell(cell, run.path)
        logs = log_dir(cell.name) if options.run_dir is None else run.path
        logs.mkdir(parents=True, exist_ok=True)
        for old in logs.glob("*.log"):
            old.unlink()
        conductor = Conductor(
            cell=cell,
            run_dir=run.path,
            clock=SystemClock(),
            children=Children(cell, run.path, log_dir=logs, no_realtime=options.no_realtime),
        )
        conductor.run(stop)
