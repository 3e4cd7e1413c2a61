"""The names of a cell's processes, as `python -m robotd.proc NAME` knows them."""

from typing import Final

ARM: Final = "arm"
WORLD: Final = "world"
CONTROLLER: Final = "controller"
"""The emulated UR controller of a mock."""
RECORDER: Final = "recorder"
TELEOP: Final = "teleop"
PROBE_ARM: Final = "probe@arm"
"""Looks at the arm, leaves its findings and ends."""
PROBE_CAMERAS: Final = "probe@cameras"
"""Looks at the cameras that are plugged in, leaves its findings and ends."""
_CAMERA: Final = "camera@"


def camera_process(camera: str) -> str:
    """Return the name of a camera's process."""
    return f"{_CAMERA}{camera}"


def camera_of(process: str) -> str | None:
    """Return whose process that name is; None where it is not a camera's."""
    return process.removeprefix(_CAMERA) if process.startswith(_CAMERA) else None
