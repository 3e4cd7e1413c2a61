"""What the types of an arm's configuration cannot say: its controller, guard and kinematics."""

import re
from math import pi
from typing import Final

from robotd.core.config import ArmConfig, CellConfig
from robotd.core.errors import ConfigError

FULL_TURN_RAD: Final = 2 * pi
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_DOTTED = re.compile(r"[0-9.]+")
_ADDRESS = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}")
_LAST_BYTE = 255
_VERSION = re.compile(r"[0-9]+(\.[0-9]+){0,3}")


def check_arm(cell: CellConfig, source: str) -> None:
    """Check what the driver, the force guard and the kinematics are told.

    Raises:
        ConfigError: Names the key, its value and what was expected.
    """
    arm = cell.arm
    if arm.kind == "ur" and not cell.mock and not is_host(arm.host):
        raise ConfigError(
            source,
            "arm.host",
            got=repr(arm.host),
            expected="the controller's address, such as 192.168.1.10, or its name",
        )
    for joint, bound in enumerate(arm.guard.max_current_a):
        if not bound > 0:
            key = f"arm.guard.max_current_a[{joint}]"
            raise ConfigError(source, key, got=f"{bound:g}", expected="more than 0")
    if arm.ur.serial and not arm.ur.serial.isdecimal():
        raise ConfigError(source, "arm.ur.serial", got=repr(arm.ur.serial), expected="digits alone")
    if arm.ur.polyscope and not _VERSION.fullmatch(arm.ur.polyscope):
        got = repr(arm.ur.polyscope)
        raise ConfigError(source, "arm.ur.polyscope", got=got, expected="a version such as 5.13")
    _check_dh(arm, source)


def is_host(host: str) -> bool:
    """Whether that is an IPv4 address, or a name that a resolver may know."""
    if _DOTTED.fullmatch(host):
        parts = host.split(".")
        return bool(_ADDRESS.fullmatch(host)) and all(int(part) <= _LAST_BYTE for part in parts)
    return bool(_HOST.fullmatch(host)) and ".." not in host


def _check_dh(arm: ArmConfig, source: str) -> None:
    """Angles in degrees are the likely mistake; lengths may be hundreds of metres."""
    if arm.calibrated_dh is None:
        return
    for name in ("alpha_rad", "theta_rad"):
        worst = max(getattr(arm.calibrated_dh, name), key=abs)
        if abs(worst) > FULL_TURN_RAD:
            raise ConfigError(
                source,
                f"arm.calibrated_dh.{name}",
                got=f"{worst:g}",
                expected=f"within {FULL_TURN_RAD:.2f}",
                hint="looks like degrees; this key is in radians, 1.57 is 90°",
            )
