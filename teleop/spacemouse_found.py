"""Which of the connected SpaceMice is meant, and how a person is let open it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from robotd.core.errors import AbsentDeviceError, DeviceError

RULES_FILE: Final = "/etc/udev/rules.d/70-spacemouse.rules"
"""Before 73-seat-late.rules, which gives devices tagged `uaccess` to who sits at the computer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A SpaceMouse that is connected.

    Attributes:
        model: As pyspacemouse calls it.
        path: Of its device file.
        serial: Its number; many have none.
        vendor_id: USB.
        permitted: Whether this process may open it.
    """

    model: str
    path: str
    serial: str
    vendor_id: int
    permitted: bool

    def __str__(self) -> str:
        return f"{self.model} at {self.path}"


def udev_rule(vendor_id: int) -> str:
    """Return the line that lets the person at the computer, and group plugdev, open a device."""
    return (
        f'KERNEL=="hidraw*", SUBSYSTEM=="hidraw", ATTRS{{idVendor}}=="{vendor_id:04x}", '
        'MODE="0660", GROUP="plugdev", TAG+="uaccess"'
    )


def permission_fix(found: Found) -> str:
    """Return what to do about a device that may not be opened, with the rule to write down."""
    return (
        f"put this line into {RULES_FILE}, run `sudo udevadm control --reload`, and plug it in "
        f"again: {udev_rule(found.vendor_id)}"
    )


def pick(found: Sequence[Found], select: str) -> int:
    """Return the index of the device to use.

    Args:
        found: Those connected.
        select: Model, serial number or path of one; empty: the only one.

    Raises:
        AbsentDeviceError: It is not connected, or may not be opened; with the udev rule.
        DeviceError: Several fit.
    """
    fits = [
        number
        for number, one in enumerate(found)
        if not select or select in (one.model, one.serial, one.path)
    ]
    if not fits:
        others = f" (connected: {', '.join(map(str, found))})" if found else ""
        meant = f"{select!r}, as in teleop.select," if select else "no SpaceMouse"
        says = f"{meant} is {'not ' if select else ''}connected"
        raise AbsentDeviceError(f"spacemouse: {says}{others}; plug it in")
    if len(fits) > 1:
        several = ", ".join(str(found[number]) for number in fits)
        raise DeviceError(
            f"spacemouse: {len(fits)} are connected ({several}); unplug one, or name the one to "
            "use: `teleop.select` is its model, serial number or path"
        )
    one = found[fits[0]]
    if not one.permitted:
        raise AbsentDeviceError(f"spacemouse: no permission to open {one}; {permission_fix(one)}")
    return fits[0]
