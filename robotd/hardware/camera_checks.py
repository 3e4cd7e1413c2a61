"""What the library says of the cameras that are plugged in, against what a cell wants of them."""

from collections.abc import Mapping, Sequence

from robotd.core.config import CameraConfig
from robotd.core.finding import Finding
from robotd.hardware.realsense_words import FoundCamera

_LINK_FIX = "a USB 3 port and cable, without a hub, and pushed in all the way at once"
_FIRMWARE_FIX = "update it with the RealSense viewer, or rs-fw-update"


def check_found(found: Sequence[FoundCamera], wanted: Mapping[str, CameraConfig]) -> list[Finding]:
    """Judge each camera that a cell wants, and tell of the others.

    Args:
        found: Those plugged in.
        wanted: The cell's, by name; those of kind `realsense` count.
    """
    by_serial = {camera.serial: camera for camera in found}
    real = {name: each.serial for name, each in wanted.items() if each.kind == "realsense"}
    lines = [_wanted(name, serial, by_serial, found) for name, serial in real.items()]
    others = [camera for serial, camera in by_serial.items() if serial not in real.values()]
    return [*lines, *map(_other, others)]


def _wanted(
    name: str,
    serial: str,
    by_serial: Mapping[str, FoundCamera],
    found: Sequence[FoundCamera],
) -> Finding:
    camera = by_serial.get(serial)
    if camera is not None:
        return _judged(f"camera {name}", camera)
    there = ", ".join(each.serial for each in found) or "none"
    return Finding(
        name=f"camera {name}",
        found=f"no camera {serial}; plugged in: {there}",
        expected=f"camera {serial} (cameras.{name}.serial)",
        status="fail",
        fix="plug it in, or write the number printed on it into the cell's file",
    )


def _other(camera: FoundCamera) -> Finding:
    return _judged(f"camera {camera.serial}", camera)


def _judged(name: str, camera: FoundCamera) -> Finding:
    fixes = [_LINK_FIX] if camera.slow_link else []
    fixes += [_FIRMWARE_FIX] if camera.old_firmware else []
    newest = camera.recommended_firmware
    return Finding(
        name=name,
        found=str(camera),
        expected=f"USB 3, firmware {newest} or newer" if newest else "USB 3",
        status="warn" if fixes else "ok" if camera.usb else "unknown",
        fix="; ".join(fixes),
    )
