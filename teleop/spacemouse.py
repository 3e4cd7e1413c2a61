"""A 3Dconnexion SpaceMouse as a `TeleopDevice`, through pyspacemouse's own tables and parser.

The only file that imports pyspacemouse and easyhid, which reads HID for it. What they do, and what
is done about it here (measured with pyspacemouse 2.1.0 and easyhid 0.0.10):

- a read takes one report, and most devices send two for one movement: all that wait are read;
- the parser keeps its last deflection for ever, also of a device that is gone: `teleop/cap.py`
  says what still holds;
- opening through it prints to stdout and takes the first device found: the handle is opened here.

The device's axes are those of a person who looks along its y: x right, y away, z up, turning
counterclockwise (pyspacemouse's HID_Z_UP).
"""

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import MonoNs
from robotd.core.config_teleop import TeleopConfig
from robotd.core.errors import AbsentDeviceError, DeviceError
from robotd.core.protocols import Clock
from robotd.core.types import TeleopSample
from robotd.core.vendor_libraries import ROBOT_EXTRA
from robotd.core.vendor_libraries import SPACEMOUSE as LIBRARY
from teleop.cap import Cap
from teleop.spacemouse_found import Found, pick

if TYPE_CHECKING:
    from pyspacemouse import DeviceInfo

AXES: Final = ("x", "y", "z", "roll", "pitch", "yaw")
REPORTS_N: Final = 256
"""Reports taken in one read at most: Linux keeps 64 of a device."""
MULTI_AXIS: Final = (1, 8)
"""Usage page and usage of the interface that sends motion (USB HID Usage Tables, 4.1)."""


class HidHandle(Protocol):
    """One HID device as easyhid hands it out: found, and opened or not."""

    path: str
    vendor_id: int
    product_id: int
    release_number: int
    manufacturer_string: str | None
    product_string: str | None
    serial_number: str | None

    def open(self) -> None:
        """Open it; raises `HIDException`."""
        ...

    def close(self) -> None:
        """Close it."""
        ...

    def read(self, size: int) -> bytearray:
        """Return one report, padded to `size`, or nothing; raises `HIDException` when gone."""
        ...

    def set_nonblocking(self, enable_nonblocking: bool) -> None:
        """Have `read` return at once."""
        ...


def connected() -> list[Found]:
    """Return what is connected, whether it may be opened or not.

    Raises:
        DeviceError: A library is missing; names the command that installs it.
    """
    return [_found(handle) for handle in _handles()]


def choose(select: str) -> HidHandle:
    """Return the device to use, not opened.

    Args:
        select: Model, serial number or path of one; empty: the only one.

    Raises:
        AbsentDeviceError: It is not connected, or may not be opened; with the udev rule.
        DeviceError: A library is missing, or several are connected and none was named.
    """
    handles = _handles()
    return handles[pick([_found(handle) for handle in handles], select)]


def try_out(config: TeleopConfig, clock: Clock) -> None:
    """Open and close the device: what is wrong with it is said before anything is started.

    Raises:
        DeviceError: It cannot be used; one line that says why and what to do.
    """
    with SpaceMouse(config, clock):
        pass


class SpaceMouse:
    """Implements `TeleopDevice`."""

    def __init__(
        self, config: TeleopConfig, clock: Clock, find: Callable[[], HidHandle] | None = None
    ) -> None:
        """Prepare; nothing is opened.

        Args:
            config: Which device, its dead zone, and its button for motion.
            clock: The robot computer's.
            find: Where the handle comes from; default: the devices connected.
        """
        self._config, self._clock = config, clock
        self._find = (lambda: choose(config.select)) if find is None else find
        self._open: _Opened | None = None
        self._gone = ""

    def read(self) -> TeleopSample | None:
        """Take all reports that wait; return what the device says. Never blocks.

        Raises:
            DeviceError: It was unplugged; its last sample was one that lets go.
        """
        now = self._clock.now()
        if self._open is None:
            raise DeviceError(self._gone or "spacemouse: not open")
        try:
            return self._open.read(now)
        except (_hid_error(), OSError) as error:
            self._gone = (
                f"spacemouse: {self._open.name} was unplugged ({error}); plug it in, let the cap "
                "go, and press its button anew"
            )
            last_word = self._open.cap.let_go(now)
            self._close()
            return last_word

    def __enter__(self) -> Self:
        """Open the device.

        Raises:
            DeviceError: There is none, or it cannot be opened.
        """
        self._gone = ""
        self._open = _Opened(self._find(), self._config, self._clock.now())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the device."""
        self._close()

    def _close(self) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            opened.close()


class _Tap:
    """A handle that notes which report was read last: the parser tells nobody."""

    def __init__(self, handle: HidHandle) -> None:
        self._handle = handle
        self.report: int | None = None
        self.product_string = handle.product_string
        self.manufacturer_string = handle.manufacturer_string
        self.release_number = handle.release_number
        self.serial_number = handle.serial_number

    def open(self) -> None:
        self._handle.open()

    def close(self) -> None:
        self._handle.close()

    def set_nonblocking(self, enable_nonblocking: bool) -> None:
        self._handle.set_nonblocking(enable_nonblocking)

    def read(self, size: int) -> bytearray:
        report = self._handle.read(size)
        self.report = report[0] if report else None
        return report


class _Opened:
    """One device while it is open.

    Attributes:
        name: Model and path.
        cap: What its reports amount to.
    """

    def __init__(self, handle: HidHandle, config: TeleopConfig, now: MonoNs) -> None:
        from pyspacemouse import AxisConvention, SpaceMouseDevice, apply_axis_convention

        info = apply_axis_convention(_info_of(handle), AxisConvention.HID_Z_UP)
        self.name = f"{info.name} at {handle.path}"
        self._tap = _Tap(handle)
        self._mouse = SpaceMouseDevice(info, device=self._tap)
        try:
            self._mouse.open()
            self._tap.set_nonblocking(True)
        except (RuntimeError, _hid_error(), OSError) as error:
            raise AbsentDeviceError(
                f"spacemouse: {self.name} cannot be opened ({error}); plug it in again"
            ) from error
        self.cap = Cap(
            tuple(info.mappings[axis].channel for axis in AXES),
            deadzone=config.deadzone,
            deadman_button=config.deadman_button,
            now=now,
        )

    def read(self, now: MonoNs) -> TeleopSample | None:
        """Take all reports that wait."""
        state = self._mouse.read()
        for _ in range(REPORTS_N):
            if self._tap.report is None:
                break
            self.cap.hear(self._tap.report, now)
            state = self._mouse.read()
        deflection: NDArray[np.float64] = np.array([getattr(state, axis) for axis in AXES])
        buttons = frozenset(number for number, down in enumerate(state.buttons) if down)
        return self.cap.sample(now, deflection, buttons)

    def close(self) -> None:
        """Close it; one that is gone has nothing to say about that."""
        self._mouse.close()


def _handles() -> list[HidHandle]:
    """Return the known devices that are connected, each once, by path."""
    _load()
    from easyhid import Enumeration

    try:
        devices = Enumeration().find()
    except AttributeError as error:  # easyhid found no library and looked for it in this program
        raise DeviceError(_NO_HIDAPI) from error
    known = [device for device in devices if (device.vendor_id, device.product_id) in _models()]
    motion = [device for device in known if (device.usage_page, device.usage) == MULTI_AXIS]
    by_path: dict[str, HidHandle] = {device.path: device for device in motion or known}
    return [by_path[path] for path in sorted(by_path)]


def _found(handle: HidHandle) -> Found:
    path = Path(handle.path)
    return Found(
        model=_info_of(handle).name,
        path=handle.path,
        serial=handle.serial_number or "",
        vendor_id=handle.vendor_id,
        permitted=not path.exists() or os.access(path, os.R_OK | os.W_OK),
    )


def _models() -> "dict[tuple[int, int], DeviceInfo]":
    """Return what pyspacemouse knows, by vendor and product."""
    from pyspacemouse import get_device_specs

    return {(info.vendor_id, info.product_id): info for info in get_device_specs().values()}


def _info_of(handle: HidHandle) -> "DeviceInfo":
    return _models()[handle.vendor_id, handle.product_id]


_NO_HIDAPI: Final = f"spacemouse: the library libhidapi is not installed; {LIBRARY.install_shared}"


def _load() -> None:
    """Import the vendor's library.

    Raises:
        DeviceError: It is missing; names the command that installs it.
    """
    try:
        import pyspacemouse
    except ImportError as error:
        raise DeviceError(
            f"spacemouse: pyspacemouse cannot be imported ({error}); {ROBOT_EXTRA}"
        ) from error
    except OSError as error:  # a library that is there and cannot be loaded
        raise DeviceError(_NO_HIDAPI) from error
    del pyspacemouse


def _hid_error() -> type[Exception]:
    from easyhid import HIDException

    return HIDException
