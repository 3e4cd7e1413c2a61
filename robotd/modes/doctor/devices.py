"""The devices of a cell: as the kernel shows them, and as their libraries do."""

from pathlib import Path
from typing import Final

from robotd.core.config import CellConfig
from robotd.core.errors import BusyError, ConfigError, ProcessDiedError
from robotd.core.finding import Finding
from robotd.core.process import spawn
from robotd.core.process_names import CONTROLLER, PROBE_ARM, PROBE_CAMERAS
from robotd.modes.doctor.host import Host
from robotd.modes.doctor.packages import usable
from robotd.modes.doctor.probes import Start, probes
from robotd.modes.doctor.report import Section
from robotd.modes.doctor.usb import check_cameras, check_hand_held

ARM_S: Final = 40.0
"""The dashboard's client may wait for seconds, and so may the registers."""
CAMERAS_S: Final = 30.0


def look_at_devices(
    host: Host, cell: CellConfig | None, base: Path | None, start: Start = spawn
) -> list[Section]:
    """Look at arm, cameras and hand-held device; blocks for seconds where a library does.

    Args:
        host: The computer.
        cell: The cell; None where none was named.
        base: Folder of the run directories; None for the default.
        start: How a process is started.
    """
    real = cell is not None and not cell.mock
    wanted_n = (
        sum(each.kind == "realsense" for each in cell.cameras.values()) if cell and real else 0
    )
    arm, cameras = _by_library(cell, base, start)
    on_usb = check_cameras(host, wanted_n) if cell is None or real else []
    wanted = cell is not None and real and cell.teleop.device == "spacemouse"
    return [
        *([Section(name="before arming", findings=tuple(arm))] if arm else []),
        Section(name="cameras", findings=(*on_usb, *cameras)),
        Section(name="hand-held device", findings=tuple(check_hand_held(host, wanted=wanted))),
    ]


def _by_library(
    cell: CellConfig | None, base: Path | None, start: Start
) -> tuple[list[Finding], list[Finding]]:
    """Return what is found out about the arm, and about the cameras."""
    mock = cell is not None and cell.mock
    has_controller = cell is not None and cell.arm.kind == "ur"
    arm = [] if cell is None or has_controller else [_simulated(cell)]
    cameras = [_emulated(cell)] if cell is not None and mock else []
    ask_cameras = not mock and usable("pyrealsense2")
    if not (has_controller or ask_cameras):
        return arm, cameras
    before = (CONTROLLER,) if mock else ()
    try:
        with probes(cell, base=base, before=before, start=start) as ask:
            if has_controller:
                arm = ask.ask(PROBE_ARM, "controller", ARM_S)
            if ask_cameras:
                cameras = ask.ask(PROBE_CAMERAS, "cameras by their library", CAMERAS_S)
    except (BusyError, ConfigError, ProcessDiedError) as error:
        busy = [_left_alone(str(error), taken=isinstance(error, BusyError))]
        return (busy, cameras) if has_controller else (arm, busy)
    return arm, cameras


def _simulated(cell: CellConfig) -> Finding:
    found = f"{cell.arm.model}, simulated without a controller: nothing to ask"
    return Finding(name="arm", found=found, status="ok")


def _emulated(cell: CellConfig) -> Finding:
    kinds = ", ".join(f"{name} ({camera.kind})" for name, camera in cell.cameras.items())
    return Finding(name="cameras", found=f"emulated: {kinds or 'none'}", status="ok")


def _left_alone(why: str, *, taken: bool) -> Finding:
    return Finding(
        name="devices by their libraries",
        found=why,
        expected="nobody else has them",
        status="unknown" if taken else "fail",
        fix="end the daemon for a full look" if taken else "",
    )
