"""Cameras and hand-held devices as the kernel shows them, without their libraries."""

from pathlib import Path
from typing import Final

from robotd.core.finding import Finding
from robotd.modes.doctor.host import Host
from teleop.spacemouse_found import Found, permission_fix

INTEL: Final = "8086"
USB_3_MBIT_S: Final = 5000
CONNEXION: Final = 0x256F
LOGITECH: Final = 0x046D
OLD_SPACEMICE: Final = frozenset(
    (0xC603, 0xC605, 0xC606, 0xC621, 0xC623, 0xC625, 0xC626, 0xC627, 0xC628, 0xC629, 0xC62B)
)
"""Products that 3Dconnexion sold under Logitech's number (linux-usb.org/usb.ids)."""

_CAMERA_RULES: Final = (
    "librealsense's udev rules: config/99-realsense-libusb.rules of its repository into "
    "/etc/udev/rules.d, then udevadm control --reload && udevadm trigger"
)


def check_cameras(host: Host, wanted_n: int) -> list[Finding]:
    """Look at the RealSense cameras on this computer's USB.

    Args:
        host: The computer.
        wanted_n: Cameras that the cell has.
    """
    found = [device for device in host.entries("sys/bus/usb/devices/*") if _is_camera(host, device)]
    missing = len(found) < wanted_n
    expected = f"{wanted_n}" if wanted_n else "as many as the cell is to have"
    count = Finding(
        name="cameras on USB",
        found=f"{len(found)} RealSense" if found else "no RealSense",
        expected=expected,
        status="fail" if missing else "ok" if wanted_n else "unknown",
        fix="plug them in, then: lsusb -d 8086:" if missing else "",
    )
    return [count, *(_camera(host, device) for device in found)]


def _is_camera(host: Host, device: Path) -> bool:
    folder = host.relative(device)
    product = host.text(f"{folder}/product") or ""
    return host.text(f"{folder}/idVendor") == INTEL and "RealSense" in product


def _camera(host: Host, device: Path) -> Finding:
    folder = host.relative(device)
    speed = host.text(f"{folder}/speed") or ""
    mbit_s = int(speed) if speed.isdigit() else 0
    node = host.root / "dev/bus/usb" / _number(host, folder, "busnum")
    allowed = host.may_use(node / _number(host, folder, "devnum"))
    product = " ".join((host.text(f"{folder}/product") or "").split())
    fast = mbit_s >= USB_3_MBIT_S
    rights = "" if allowed else ", not yours to open"
    fix = "" if fast else "a USB 3 port and cable, without a hub, and pushed in all the way at once"
    return Finding(
        name=f"camera at USB {device.name}",
        found=f"{product}, {speed or 'unknown'} Mbit/s{rights}",
        expected=f"USB 3 ({USB_3_MBIT_S} Mbit/s or more), yours to open",
        status="ok" if fast and allowed else "warn" if allowed else "fail",
        fix=fix if allowed else _CAMERA_RULES,
    )


def _number(host: Host, folder: str, name: str) -> str:
    return (host.text(f"{folder}/{name}") or "0").zfill(3)


def check_hand_held(host: Host, *, wanted: bool) -> list[Finding]:
    """Look at the SpaceMouse and whether this user may read it.

    Args:
        host: The computer.
        wanted: Whether the cell has one.
    """
    lines: list[Finding] = []
    for device in host.entries("sys/class/hidraw/hidraw*"):
        known = _hid(host.text(f"{host.relative(device)}/device/uevent") or "")
        if known is not None:
            lines.append(_hid_rights(host, device.name, *known))
    if lines:
        return lines
    return [
        Finding(
            name="SpaceMouse",
            found="none",
            expected="one" if wanted else "none needed: the keyboard works too",
            status="fail" if wanted else "unknown",
            fix="plug it in, by cable or receiver but not both" if wanted else "",
        )
    ]


def _hid(uevent: str) -> tuple[int, str] | None:
    """Return vendor and name of a hand-held device, None where it is another one."""
    values = dict(line.split("=", 1) for line in uevent.splitlines() if "=" in line)
    words = values.get("HID_ID", "").split(":")
    if len(words) != 3:
        return None
    vendor, product = int(words[1], 16), int(words[2], 16)
    if vendor == CONNEXION or (vendor == LOGITECH and product in OLD_SPACEMICE):
        return vendor, values.get("HID_NAME", "SpaceMouse")
    return None


def _hid_rights(host: Host, node: str, vendor: int, name: str) -> Finding:
    allowed = host.may_use(host.root / "dev" / node)
    found = Found(model=name, path=f"/dev/{node}", serial="", vendor_id=vendor, permitted=allowed)
    return Finding(
        name="SpaceMouse",
        found=f"{found}{'' if allowed else ', not yours to read'}",
        expected="readable and writable by this user",
        status="ok" if allowed else "fail",
        fix="" if allowed else permission_fix(found),
    )
