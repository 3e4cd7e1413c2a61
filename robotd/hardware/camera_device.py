"""What a camera's driver needs of its vendor's library; tests give a fake."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robotd.hardware.realsense_clock import Domain
from robotd.hardware.realsense_options import SensorOptions
from robotd.hardware.realsense_words import FoundCamera, Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A frame as the library gives it, its pictures copied.

    Attributes:
        number: The device's count.
        device_ns: Its stamp [ns], of the clock that `domain` names.
        domain: Which clock that is.
        rgb: (H, W, 3) uint8.
        depth: (H, W) uint16 in `depth_unit_m`; None without.
        depth_unit_m: Of the depth [m].
    """

    number: int
    device_ns: int
    domain: Domain
    rgb: NDArray[np.uint8]
    depth: NDArray[np.uint16] | None = None
    depth_unit_m: float = 0.0


class CameraDevice(Protocol):
    """What the driver needs of a library; used by one thread. Calls raise DeviceError."""

    def found(self) -> tuple[FoundCamera, ...]:
        """Return the cameras that are plugged in."""
        ...

    def choose(self, serial: str) -> bool:
        """Take the device of that serial; False where it is not plugged in."""
        ...

    def modes(self) -> tuple[Mode, ...]:
        """Return how its colour can be streamed."""
        ...

    def options(self) -> SensorOptions:
        """Return the options of the sensor that its colour comes from."""
        ...

    def start(self, mode: Mode) -> None:
        """Stream, until `stop`."""
        ...

    def take(self, timeout_s: float) -> Taken | None:
        """Return the next frame, or None where none comes in time."""
        ...

    def connected(self) -> bool:
        """Whether the device is still there. Returns within 1 ms."""
        ...

    def reset(self) -> None:
        """Reset this device alone; it vanishes and comes back."""
        ...

    def stop(self, patience_s: float) -> None:
        """Stop streaming; never raises, and leaves behind what takes longer."""
        ...

    def close(self, patience_s: float) -> None:
        """Stop, and let go of everything; never raises."""
        ...
