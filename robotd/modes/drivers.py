"""Whether this computer has what the drivers of a mock need, and the same cell without them."""

from collections.abc import Callable
from importlib.util import find_spec

import msgspec

from robotd.core.config import CellConfig
from robotd.core.vendor_libraries import REALSENSE, ROBOT_EXTRA, VENDOR_LIBRARIES, loads


def direct(cell: CellConfig) -> CellConfig:
    """Return a mock cell whose devices are simulated behind our own Protocols, without drivers."""
    return msgspec.structs.replace(
        cell,
        arm=msgspec.structs.replace(cell.arm, kind="sim"),
        cameras={
            name: msgspec.structs.replace(camera, kind="sim")
            for name, camera in cell.cameras.items()
        },
        teleop=msgspec.structs.replace(cell.teleop, device="none"),
    )


def missing(cell: CellConfig) -> str:
    """Return what the drivers of a cell lack here and the command that brings it; empty: nothing.

    Nothing is imported: the vendors' libraries belong into the processes of their devices.
    """
    return lacking(cell, _installed, loads)


def lacking(cell: CellConfig, installed: Callable[[str], bool], has: Callable[[str], bool]) -> str:
    """Return what `missing` does on a computer that has these.

    Args:
        cell: A cell.
        installed: Whether a module can be imported.
        has: Whether a shared library can be loaded.
    """
    for package in packages_of(cell):
        vendor = VENDOR_LIBRARIES[package]
        if not all(installed(module) for module in vendor.modules):
            return f"{package} is not installed ({ROBOT_EXTRA})"
        # pyrealsense2 cannot be imported without its own; HID is emulated above libhidapi.
        if vendor is REALSENSE and not has(vendor.shared):
            return f"{vendor.shared} is not installed ({vendor.install_shared})"
    return ""


def packages_of(cell: CellConfig) -> list[str]:
    """Return the packages that the cell's drivers import."""
    realsense = any(camera.kind == "realsense" for camera in cell.cameras.values())
    needed = {
        "ur_rtde": cell.arm.kind == "ur",
        "pyrealsense2": realsense,
        "pyspacemouse": cell.teleop.device == "spacemouse",
    }
    return [package for package, needs in needed.items() if needs]


def _installed(module: str) -> bool:
    return find_spec(module) is not None
