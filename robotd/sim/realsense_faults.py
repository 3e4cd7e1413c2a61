"""What is wrong with an emulated camera: a file beside its ring, which tests write.

The emulator looks at it before each frame, and a camera's process that is started again finds the
fault still there, as it would find a cable still unplugged.
"""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from robotd.core.whole_file import whole_file


class CameraFaults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The state of one emulated camera; the default is a healthy one."""

    unplugged: bool = False
    """Not on the bus; what streams is silent."""
    busy: bool = False
    """Somebody else has it: it cannot be started."""
    silent: bool = False
    """Streams nothing."""
    hangs_until_reset: bool = False
    """Streams nothing until it is reset."""
    frozen: Literal["no", "number", "content"] = "no"
    """The same frame again and again; or growing numbers on the same picture."""
    black: bool = False
    """The lens is covered; the sensor's noise remains."""
    brightness: Annotated[float, msgspec.Meta(ge=0, le=8)] = 1.0
    """Factor on the light: a step of the exposure."""
    delay_s: Annotated[float, msgspec.Meta(ge=0, le=5)] = 0.0
    """Frames come later by this, with the stamps that they had."""
    drop_every_n: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Each n-th frame is lost before the driver; 0: none."""
    stamp_error_s: Annotated[float, msgspec.Meta(ge=-7200, le=7200)] = 0.0
    """Added to the device's stamps."""
    domain: Literal["global", "system", "hardware"] = "global"
    """Of the stamps; the device's own clock starts near its end of 71.6 minutes."""
    serial: str = ""
    """Another number than the one that it should have: cameras swapped."""


HEALTHY: Final = CameraFaults()


def faults_file(run_dir: Path, camera: str) -> Path:
    """Return where the faults of a camera are kept."""
    return run_dir / f"camera.{camera}.faults.json"


def write_faults(path: Path, faults: CameraFaults) -> None:
    """Make a camera so, whole, from its next frame on."""
    with whole_file(path) as partial:
        partial.write_bytes(msgspec.json.encode(faults))


class FaultsFile:
    """Reads the faults of one camera where the file has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._faults = HEALTHY

    def __call__(self) -> CameraFaults:
        """Return them; a file that is not there means a healthy camera.

        Raises:
            msgspec.MsgspecError: The file is not one of `write_faults`.
        """
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._seen, self._faults = None, HEALTHY
            return HEALTHY
        seen = found.st_ino, found.st_mtime_ns
        if seen != self._seen:
            with suppress(FileNotFoundError):
                self._faults = msgspec.json.decode(self._path.read_bytes(), type=CameraFaults)
                self._seen = seen
        return self._faults
