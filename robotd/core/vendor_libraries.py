"""The vendors' libraries: what each imports, what of the system is below it, and how both come."""

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

ROBOT_EXTRA: Final = "pip install 'robotd[robot]'"
"""Brings all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorLibrary:
    """One Python package of a vendor.

    Attributes:
        modules: What is imported of it.
        shared: The system's library that it cannot do without; empty for none.
        debian: The Debian package that brings that one.
    """

    modules: tuple[str, ...]
    shared: str = ""
    debian: str = ""

    @property
    def install_shared(self) -> str:
        """The command that brings what is below it."""
        return f"sudo apt-get install {self.debian}"


UR_RTDE: Final = VendorLibrary(modules=("rtde_receive", "dashboard_client", "script_client"))
REALSENSE: Final = VendorLibrary(
    modules=("pyrealsense2",), shared="libusb-1.0.so.0", debian="libusb-1.0-0"
)
SPACEMOUSE: Final = VendorLibrary(
    modules=("pyspacemouse",), shared="libhidapi-hidraw.so.0", debian="libhidapi-hidraw0"
)

VENDOR_LIBRARIES: Final[Mapping[str, VendorLibrary]] = MappingProxyType(
    {"ur_rtde": UR_RTDE, "pyrealsense2": REALSENSE, "pyspacemouse": SPACEMOUSE}
)
"""By the name of the package."""


def loads(shared: str) -> bool:
    """Whether the system has a shared library that can be loaded."""
    try:
        ctypes.CDLL(shared)
    except OSError:
        return False
    return True
