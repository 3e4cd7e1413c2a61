"""The names of a cell's processes, as `python -m robotd.proc NAME` knows them."""

from typing import Final

ARM: Final = "arm"
WORLD: Final = "world"
_CAMERA: Final = "camera@"


def camera_process(camera: str) -> str:
    """Return the name of a camera's process."""
    return f"{_CAMERA}{camera}"


def camera_of(process: str) -> str | None:
    """Return whose process that name is; None where it is not a camera's."""
    return process.removeprefix(_CAMERA) if process.startswith(_CAMERA) else None
