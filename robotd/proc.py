"""`python -m robotd.proc NAME --run-dir DIR`: builds one process of a cell and becomes it.

The only place that builds devices. NAME: `arm`, `world`, `camera@...`.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from robotd.core.config import CellConfig
from robotd.core.errors import ConfigError, RobotdError
from robotd.core.process_names import ARM, WORLD, camera_of, camera_process
from robotd.core.protocols import Clock, RobotArm
from robotd.core.rundir import RunDir
from robotd.modes.cell_file import read_cell

EXIT_FAULT = 1
WATCHDOG_OVER_GAP = 1.5
"""The controller's watchdog waits so much longer than the arm process allows itself."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one process; returns its exit code, after one line on stderr where it failed."""
    parser = argparse.ArgumentParser(prog="python -m robotd.proc", description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--run-dir", type=Path, required=True)
    parser.add_argument("--no-realtime", action="store_true")
    words = parser.parse_args(argv)
    try:
        with RunDir.join(words.run_dir):
            _become(words.name, words.run_dir, without_realtime=words.no_realtime)
    except (RobotdError, OSError) as error:
        sys.stderr.write(f"robotd {words.name}: {error}\n")
        return EXIT_FAULT
    return 0


def _become(name: str, run_dir: Path, *, without_realtime: bool) -> None:
    """Import what this process needs, and nothing else, then be it until its end."""
    cell = read_cell(run_dir)
    if name == ARM:
        from robotd.servo import process

        process.main(run_dir, cell, _build_arm, without_realtime=without_realtime)
        return
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    if name == WORLD:
        from robotd.sim import world_process

        world_process.main(run_dir, cell)
    elif (camera := camera_of(name)) in cell.cameras:
        _be_camera(run_dir, camera, cell)
    else:
        names = ", ".join([ARM, WORLD, *map(camera_process, cell.cameras)])
        raise ConfigError("command line", "NAME", got=name, expected=f"one of {names}")


def _build_arm(cell: CellConfig, clock: Clock, gap_fault_s: float) -> RobotArm:
    if cell.arm.kind != "sim":
        raise ConfigError(
            cell.name,
            "arm.kind",
            got=cell.arm.kind,
            expected="sim",
            hint="there is no driver for it yet",
        )
    from robotd.sim.arm import SimArm

    watchdog_s = WATCHDOG_OVER_GAP * gap_fault_s
    return SimArm(cell.arm, cell.envelope, clock, watchdog_s=watchdog_s)


def _be_camera(run_dir: Path, name: str, cell: CellConfig) -> None:
    config = cell.cameras[name]
    if config.kind != "sim":
        raise ConfigError(
            cell.name,
            f"cameras.{name}.kind",
            got=config.kind,
            expected="sim",
            hint="there is no driver for it yet",
        )
    from robotd.hardware import camera_process
    from robotd.sim.camera_link import sim_camera

    camera, trackers = sim_camera(run_dir, name, cell)
    camera_process.main(run_dir, name, config, camera, trackers)


if __name__ == "__main__":
    sys.exit(main())
