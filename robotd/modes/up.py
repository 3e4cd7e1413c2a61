"""`robotd up`: be the daemon of a cell, in this process, until it is told to end."""

import logging
import sys

from robotd.core.clock import SystemClock
from robotd.core.config import CellConfig
from robotd.core.process import StopFlag, die_with_parent
from robotd.core.rundir import RunDir
from robotd.modes.cell_file import load_cell, write_cell
from robotd.modes.children import Children
from robotd.modes.conductor import Conductor
from robotd.modes.options import UpOptions

SAFETY_NOTICE = (
    "robotd is not a certified safety function: those are in the UR controller and its emergency "
    "stop. Keep them set a little wider than this cell's envelope, and within reach."
)


def up(options: UpOptions) -> int:
    """Run the daemon; returns when a signal or a client ends it."""
    cell = load_cell(options)
    logging.getLogger().setLevel(logging.INFO)
    with StopFlag() as stop:
        die_with_parent()
        conduct(cell, options, stop)
    return 0


def conduct(cell: CellConfig, options: UpOptions, stop: StopFlag) -> None:
    """Own the cell's run directory and conduct in it until `stop`."""
    with RunDir.create(cell.name, base=options.run_dir) as run:
        sys.stderr.write(f"{SAFETY_NOTICE}\n")
        write_cell(cell, run.path)
        conductor = Conductor(
            cell=cell,
            run_dir=run.path,
            clock=SystemClock(),
            children=Children(cell, run.path, no_realtime=options.no_realtime),
        )
        conductor.run(stop)
