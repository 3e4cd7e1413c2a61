"""`python -m robotd.proc NAME --run-dir DIR`: builds one process of a cell and becomes it.

The only place that builds devices. NAME: `arm`, `world`, `controller`, `recorder`, `camera@...`,
`teleop`.
"""

import argparse
import contextlib
import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from robotd.core.clock import SystemClock
from robotd.core.config import CellConfig
from robotd.core.errors import ConfigError, DeviceError, RobotdError
from robotd.core.process import die_with_parent
from robotd.core.process_names import (
    ARM,
    CONTROLLER,
    PROBE_ARM,
    PROBE_CAMERAS,
    RECORDER,
    TELEOP,
    WORLD,
    camera_of,
    camera_process,
)
from robotd.core.protocols import Camera, Clock, RobotArm, TeleopDevice, Tracker
from robotd.core.pusht_spec import AGENT_XY
from robotd.core.run_files import CELL_FILE, camera_ring
from robotd.core.run_files import CONTROLLER as CONTROLLER_FILE
from robotd.core.rundir import RunDir
from robotd.modes.cell_file import read_cell

if TYPE_CHECKING:
    from robotd.sim.operator import ScriptedOperator
    from robotd.sim.replay_operator import Demonstration

EXIT_FAULT = 1
NEW_CAMERA_PATIENCE_S = 2.0
KNOWN_CAMERA_PATIENCE_S = 15.0
"""A camera that was there in this run was unplugged: it is waited for."""
CONTROLLER_S = 10.0
WATCHDOG_OVER_GAP = 1.5
"""The controller's watchdog waits so much longer than the arm process allows itself."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one process; returns its exit code, after one line on stderr where it failed."""
    parser = argparse.ArgumentParser(prog="python -m robotd.proc", description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--run-dir", type=Path, required=True)
    parser.add_argument("--no-realtime", action="store_true")
    parser.add_argument("--operator", default="", help="of teleop: who operates")
    parser.add_argument("--demos", type=Path, help="of teleop: what `--operator replay` does again")
    words = parser.parse_args(argv)
    try:
        with RunDir.join(words.run_dir):
            _become(words)
    except (RobotdError, OSError) as error:
        sys.stderr.write(f"robotd {words.name}: {error}\n")
        return EXIT_FAULT
    return 0


def _become(words: argparse.Namespace) -> None:
    """Import what this process needs, and nothing else, then be it until its end."""
    name: str = words.name
    run_dir: Path = words.run_dir
    if name in (PROBE_ARM, PROBE_CAMERAS):
        _probe(run_dir, name)
        return
    cell = read_cell(run_dir)
    if name == ARM:
        from robotd.servo import process

        def build(cell: CellConfig, clock: Clock, gap_fault_s: float) -> RobotArm:
            return _build_arm(run_dir, cell, clock, gap_fault_s)

        process.main(run_dir, cell, build, without_realtime=words.no_realtime)
        return
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    if name == WORLD:
        from robotd.sim import world_process

        world_process.main(run_dir, cell)
    elif name == CONTROLLER:
        from robotd.sim.ur import process

        process.main(run_dir, cell)
    elif name == RECORDER:
        from robotd.episodes.recorder import process

        process.main(run_dir, cell)
    elif (camera := camera_of(name)) in cell.cameras:
        _be_camera(run_dir, camera, cell)
    elif name == TELEOP:
        from teleop import process

        process.main(run_dir, _build_device(run_dir, cell, words.operator, words.demos))
    else:
        cameras = map(camera_process, cell.cameras)
        names = ", ".join([ARM, WORLD, CONTROLLER, RECORDER, TELEOP, *cameras])
        raise ConfigError("command line", "NAME", got=name, expected=f"one of {names}")


def _build_arm(run_dir: Path, cell: CellConfig, clock: Clock, gap_fault_s: float) -> RobotArm:
    if cell.arm.kind == "ur":
        from robotd.hardware.ur import UrArm, UrRtde

        return UrArm(
            cell.arm,
            cell.envelope,
            clock,
            find_host=lambda: _emulated_host(run_dir) if cell.mock else cell.arm.host,
            gap_fault_s=gap_fault_s,
            library=UrRtde(),
        )
    from robotd.sim.arm import SimArm

    watchdog_s = WATCHDOG_OVER_GAP * gap_fault_s
    return SimArm(cell.arm, cell.envelope, clock, watchdog_s=watchdog_s)


def _emulated_host(run_dir: Path) -> str:
    """Return where this mock's controller is, once it has said so."""
    deadline = time.monotonic() + CONTROLLER_S
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError):
            return str(json.loads((run_dir / CONTROLLER_FILE).read_text())["host"])
        time.sleep(0.01)
    raise DeviceError(f"arm: the emulated controller did not come up within {CONTROLLER_S:g} s")


def _build_device(
    run_dir: Path, cell: CellConfig, operator: str, demos: Path | None
) -> TeleopDevice:
    if operator == "spacemouse":
        from teleop.spacemouse import SpaceMouse

        return SpaceMouse(cell.teleop, SystemClock())
    scripted = _build_operator(run_dir, cell, operator, demos)
    if cell.teleop.device != "spacemouse":
        return scripted
    from robotd.sim.hid_handle import FakeHandle
    from teleop.spacemouse import SpaceMouse

    clock = SystemClock()
    handle = FakeHandle(scripted, clock, buttons=cell.teleop.deadman_button)
    return SpaceMouse(cell.teleop, clock, lambda: handle)


def _build_operator(
    run_dir: Path, cell: CellConfig, operator: str, demos: Path | None
) -> "ScriptedOperator":
    if cell.mock and operator == "pusher":
        from robotd.sim import pusher_operator

        return pusher_operator.build(run_dir, cell)
    if cell.mock and operator == "replay" and demos is not None:
        from robotd.sim import replay_operator

        return replay_operator.build(run_dir, cell, _demonstrations(demos))
    raise ConfigError(
        "command line",
        "--operator",
        got=operator or "nothing",
        expected="spacemouse, or in a mock pusher, or replay with --demos",
    )


def _demonstrations(path: Path) -> list["Demonstration"]:
    """Read the demonstrations as the scripted operator wants them."""
    from robotd.episodes.replay_zip import load_replay
    from robotd.sim.replay_operator import Demonstration

    found = load_replay(path)
    ends = np.cumsum(found.lengths).tolist()
    agent, action = (found.arrays[key].astype(np.float64) for key in (AGENT_XY, "action"))
    return [
        Demonstration(start_xy_px=agent[begin], action_xy_px=action[begin:end])
        for begin, end in zip([0, *ends[:-1]], ends, strict=True)
    ]


def _be_camera(run_dir: Path, name: str, cell: CellConfig) -> None:
    from robotd.hardware import camera_process

    config = cell.cameras[name]
    if config.kind == "sim":
        from robotd.sim.camera_link import sim_camera

        camera, trackers = sim_camera(run_dir, name, cell)
    else:
        camera, trackers = _build_realsense(run_dir, name, cell)
    camera_process.main(run_dir, name, config, camera, trackers)


def _build_realsense(run_dir: Path, name: str, cell: CellConfig) -> tuple[Camera, list[Tracker]]:
    """Build the driver of a camera: on the USB bus, or in a mock on an emulated one."""
    from robotd.hardware import realsense
    from robotd.hardware.realsense_camera import RealsenseCamera

    config, title = cell.cameras[name], f"camera {name}"
    serial, trackers = config.serial, list[Tracker]()
    if cell.mock:
        from robotd.sim.realsense_link import emulated_realsense, emulated_serial

        source, trackers = emulated_realsense(run_dir, name, cell)
        serial = emulated_serial(name, serial)
    else:
        source = realsense.ContextSource()
        if config.tracks:
            logging.getLogger(__name__).warning(
                "%s: nothing measures %s in a real camera's frames yet", title, config.tracks
            )
    known = (run_dir / camera_ring(name)).exists()
    camera = RealsenseCamera(
        title,
        config,
        realsense.RealsenseDevice(title, config, source),
        serial=serial,
        patience_s=KNOWN_CAMERA_PATIENCE_S if known else NEW_CAMERA_PATIENCE_S,
    )
    return camera, trackers


def _probe(run_dir: Path, name: str) -> None:
    """Look at devices once, for the doctor, and leave what there is to say of them."""
    from robotd.modes.doctor.probes import leave_findings

    die_with_parent()
    if name == PROBE_CAMERAS:
        from robotd.hardware.camera_checks import check_found
        from robotd.hardware.realsense import find_cameras

        wanted = read_cell(run_dir).cameras if (run_dir / CELL_FILE).exists() else {}
        leave_findings(run_dir, name, check_found(find_cameras(), wanted))
        return
    from robotd.core.arm_model import kinematics_of
    from robotd.core.ur_models import ur_model
    from robotd.hardware.arm_look import look
    from robotd.hardware.ur import UrDashboard
    from robotd.servo.excess import Excess

    cell = read_cell(run_dir)
    host = _emulated_host(run_dir) if cell.mock else cell.arm.host
    kinematics, model = kinematics_of(cell.arm), ur_model(cell.arm.model)
    envelope = Excess(envelope=cell.envelope, model=model, kinematics=kinematics)
    leave_findings(run_dir, name, look(host, cell.arm, UrDashboard(host), envelope.said))


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # vendors' libraries hang in their destructors, and nobody would restart this
