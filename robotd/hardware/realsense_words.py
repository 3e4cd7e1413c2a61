"""What is wrong with a camera, in one line each: missing, busy, or asked for what it cannot do."""

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from robotd.core.errors import ConfigError, DeviceError, one_line
from robotd.core.vendor_libraries import REALSENSE, ROBOT_EXTRA

_MODES_TOLD: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCamera:
    """A camera that is plugged in.

    Attributes:
        serial: The number printed on it.
        model: Its name, for example `Intel RealSense D435`.
        usb: The USB version of its link, for example `3.2`; empty where it does not say.
        firmware: Its version.
        recommended_firmware: What the library would have; empty where it does not say.
    """

    serial: str
    model: str = ""
    usb: str = ""
    firmware: str = ""
    recommended_firmware: str = ""

    @property
    def slow_link(self) -> bool:
        """Whether its link is slower than USB 3: a bad cable or port, with fewer modes."""
        return bool(self.usb) and not self.usb.startswith("3")

    @property
    def old_firmware(self) -> bool:
        """Whether the library would have a newer firmware."""
        wanted = _version(self.recommended_firmware)
        return bool(wanted) and _version(self.firmware) < wanted

    def __str__(self) -> str:
        link = f"USB {self.usb}" if self.usb else "link unknown"
        return f"{self.model or 'camera'} {self.serial}, {link}, firmware {self.firmware or '?'}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Mode:
    """One way in which a camera streams."""

    width_px: int
    height_px: int
    format: str
    rate_hz: int

    def __str__(self) -> str:
        return f"{self.width_px}x{self.height_px} {self.format} at {self.rate_hz} Hz"


def not_importable(error: ImportError) -> DeviceError:
    """Return why the library cannot be used, with the command that helps."""
    if "libusb" in str(error):
        return DeviceError(f"cameras: libusb-1.0 is not installed; run: {REALSENSE.install_shared}")
    if isinstance(error, ModuleNotFoundError):
        return DeviceError(f"cameras: pyrealsense2 is not installed; run: {ROBOT_EXTRA}")
    return DeviceError(f"cameras: pyrealsense2 cannot be loaded: {one_line(str(error))}")


def not_found(camera: str, serial: str, found: Sequence[FoundCamera]) -> DeviceError:
    """Return that no camera of that serial is plugged in, naming those that are."""
    there = "; ".join(map(str, found)) or "none"
    return DeviceError(
        f"{camera}: got no camera with serial {serial}, found {there}; "
        f"check its cable, and serial in its configuration"
    )


def gone(camera: str, serial: str) -> DeviceError:
    """Return that an open camera is no longer there."""
    return DeviceError(f"{camera}: unplugged (serial {serial}); plug it in again")


def silent(camera: str, waited_s: float) -> DeviceError:
    """Return that a camera was started and gives nothing."""
    return DeviceError(
        f"{camera}: started, but gave no frame in {waited_s:g} s; "
        f"check its cable, or that it has a USB 3 controller for itself"
    )


def no_such_mode(
    camera: str, wanted: Mode, modes: Iterable[Mode], found: FoundCamera
) -> ConfigError:
    """Return that a camera cannot stream so, with those ways that it has, the like first."""
    rates = [
        (size, sorted(mode.rate_hz for mode in same))
        for size, same in groupby(
            sorted({mode for mode in modes if mode.format == wanted.format}),
            key=lambda mode: (mode.width_px, mode.height_px),
        )
    ]
    area = wanted.width_px * wanted.height_px
    rates.sort(key=lambda entry: abs(entry[0][0] * entry[0][1] - area))
    parts = [
        f"{size[0]}x{size[1]} at {', '.join(map(str, found_hz))} Hz"
        for size, found_hz in rates[:_MODES_TOLD]
    ]
    more = f" and {len(rates) - _MODES_TOLD} sizes more" if len(rates) > _MODES_TOLD else ""
    has = "; ".join(parts) or f"no {wanted.format} at all"
    link = f"it is on USB {found.usb}, which has fewer modes" if found.slow_link else ""
    return ConfigError(camera, "mode", got=str(wanted), expected=has + more, hint=link)


def refused(camera: str, serial: str, error: RuntimeError) -> DeviceError:
    """Return what the library said when it refused to start a camera."""
    said = one_line(str(error))
    if "busy" in said.lower():
        return DeviceError(
            f"{camera}: busy (serial {serial}), another program has it; "
            f"close realsense-viewer, or the other daemon, and see `fuser /dev/video*`"
        )
    if "permission" in said.lower() or "access" in said.lower():
        return DeviceError(
            f"{camera}: no right to open it (serial {serial}): {said}; "
            f"install librealsense's udev rules and plug it in again"
        )
    return DeviceError(f"{camera}: the library refused (serial {serial}): {said}")


@contextmanager
def refusals(what: str) -> Generator[None]:
    """Turn what the library raises into one line that begins with `what`.

    Raises:
        DeviceError: The library raised.
    """
    try:
        yield
    except RuntimeError as error:
        raise DeviceError(one_line(f"{what}: {error}")) from error


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())
