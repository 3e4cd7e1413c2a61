"""What is done to the devices and processes of a whole cell while an episode is recorded."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from robotd.core.process_names import CONTROLLER, TELEOP, WORLD, camera_process
from robotd.sim.realsense_faults import HEALTHY, CameraFaults, faults_file, write_faults
from tests.faults.cell import FaultCell

Strike = Callable[[FaultCell, Random], None]
Lift = Callable[[FaultCell], None]
CLOCK: Final = "stepped-clock"
"""File in a cell's folder that its wall clock follows: seconds added."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCase:
    """One fault.

    Attributes:
        id: Of its row.
        matrix: Its number in the fault matrix.
        fault: What happens, in words.
        how: How it is injected.
        strike: Does it.
        lift: Ends it.
        stops: Whether the arm has to stop; None: it may.
        react_ms: From the fault to the arm's first cycle that follows no plan.
        lossy: The episode may lack pictures, which it says itself.
        settings: Of its cell, for `--set`.
        pictures: A camera falls silent: what counts is the time since its last picture.
    """

    id: str
    matrix: str
    fault: str
    how: str
    strike: Strike
    lift: Lift = field(default=lambda cell: None)
    stops: bool | None = True
    react_ms: float | None = None
    lossy: bool = True
    settings: tuple[str, ...] = ()
    pictures: bool = False


def _camera(**faults: object) -> Strike:
    def strike(cell: FaultCell, random: Random) -> None:
        name = random.choice(cell.cameras)
        drawn = {key: value(random) if callable(value) else value for key, value in faults.items()}
        write_faults(faults_file(cell.run_dir, name), CameraFaults(**drawn))

    return strike


def _healthy(cell: FaultCell) -> None:
    for name in cell.cameras:
        write_faults(faults_file(cell.run_dir, name), HEALTHY)


def _stand_still(*names: str) -> Strike:
    """SIGSTOP one of these for a while, then SIGCONT."""

    def strike(cell: FaultCell, random: Random) -> None:
        name = random.choice([*names, *(camera_process(c) for c in cell.cameras if not names)])
        pid = cell.pid(name)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(random.uniform(0.3, 1.0))
        os.kill(pid, signal.SIGCONT)

    return strike


def _kill(cell: FaultCell, random: Random) -> None:
    name = random.choice((TELEOP, *map(camera_process, cell.cameras)))
    os.kill(cell.pid(name), signal.SIGKILL)


def _kill_camera_of_another_serial(cell: FaultCell, random: Random) -> None:
    name = random.choice(cell.cameras)
    write_faults(faults_file(cell.run_dir, name), CameraFaults(serial="999"))
    os.kill(cell.pid(camera_process(name)), signal.SIGKILL)


def _step_clock(cell: FaultCell, random: Random) -> None:
    step_s = random.choice((-3600.0, -0.05, 3600.0))
    (cell.folder / CLOCK).write_text(f"{step_s}")


def _unstep(cell: FaultCell) -> None:
    (cell.folder / CLOCK).unlink(missing_ok=True)


def clock_environment(folder: Path, seam: Path) -> dict[str, str]:
    """Variables of a cell whose wall clock can be stepped."""
    paths = filter(None, [str(seam), os.environ.get("PYTHONPATH", "")])
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "STEPPED_CLOCK": f"{folder / CLOCK}",
    }


FRAMES_MS: Final = 100.0
"""Three frames at 30 a second."""

REAL_CELL: Final = ("observe.missed_frames_stop=2",)
"""As in a real cell, whose cameras do not share the computer with their emulators."""

DEVICE_CASES: Final[tuple[DeviceCase, ...]] = (
    DeviceCase(
        id="camera unplugged",
        matrix="C1",
        fault="a camera is unplugged",
        how="the emulated camera is gone from the bus and silent; plugged in again later",
        strike=_camera(unplugged=True),
        lift=_healthy,
        react_ms=FRAMES_MS,
        settings=REAL_CELL,
        pictures=True,
    ),
    DeviceCase(
        id="camera frozen",
        matrix="C2",
        fault="a camera repeats itself",
        how="the same frame number, or growing numbers on the same picture",
        strike=_camera(frozen=lambda random: random.choice(("number", "content"))),
        lift=_healthy,
        react_ms=FRAMES_MS,
        settings=REAL_CELL,
        pictures=True,
    ),
    DeviceCase(
        id="frames late",
        matrix="C3",
        fault="frames come later",
        how="0.3 to 0.5 s later, with the stamps that they had",
        strike=_camera(delay_s=lambda random: random.uniform(0.3, 0.5)),
        lift=_healthy,
        stops=None,
    ),
    DeviceCase(
        id="stamps jump",
        matrix="C4",
        fault="a camera's stamps jump",
        how="by 5 s, either way",
        strike=_camera(stamp_error_s=lambda random: random.choice((-5.0, 5.0))),
        lift=_healthy,
        stops=None,
    ),
    DeviceCase(
        id="another camera",
        matrix="C5",
        fault="a camera comes back as another one",
        how="its process is killed, and the device that is found has another serial number",
        strike=_kill_camera_of_another_serial,
        lift=_healthy,
        react_ms=FRAMES_MS,
    ),
    DeviceCase(
        id="teleop stopped and continued",
        matrix="T2",
        fault="the process of the hand-held device stands still while deflected",
        how="SIGSTOP for 0.3 to 1 s, SIGCONT",
        strike=_stand_still(TELEOP),
        stops=None,
        react_ms=100.0,
        lossy=False,
    ),
    DeviceCase(
        id="device process killed",
        matrix="K3",
        fault="kill -9 of the process of a camera or of the hand-held device",
        how="SIGKILL while it records through the drivers; the daemon starts it again",
        strike=_kill,
        react_ms=100.0,
    ),
    DeviceCase(
        id="process stopped and continued",
        matrix="K4",
        fault="a process other than the arm's stands still",
        how="SIGSTOP of a camera, the world or the controller for 0.3 to 1 s, SIGCONT",
        strike=_stand_still(WORLD, CONTROLLER, camera_process("top")),
        stops=None,
    ),
    DeviceCase(
        id="clock stepped",
        matrix="N1",
        fault="the wall clock steps by an hour, or back by 50 ms",
        how="all processes of the cell see it so (`tests/faults/seam`)",
        strike=_step_clock,
        lift=_unstep,
        stops=False,
        lossy=False,
    ),
)
