"""The raw reports of a SpaceMouse: what the device itself would send for a deflection.

Written from the devices' report layout, apart from the parser that reads it: little-endian int16,
350 at full deflection. The device's own axes are x right, y towards the person and z down (USB HID
Usage Tables, 4.2), a deflection's are x right, y away and z up.
"""

import struct
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Layout = Literal["split", "whole"]
"""`split`: translation in report 1, rotation in report 2 (SpaceMouse Compact, Navigator, Pro);
`whole`: all six in report 1 (SpaceMouse Wireless, Enterprise)."""

FULL_SCALE: Final = 350
BUTTONS_REPORT: Final = 3
_DEVICE_SIGNS: Final = np.array([1, -1, -1, 1, -1, -1])


def axes_reports(deflection: NDArray[np.float64], layout: Layout) -> list[bytes]:
    """Return the reports that say a deflection (6,), each component -1 to 1."""
    counts = np.rint(deflection * FULL_SCALE).astype(int) * _DEVICE_SIGNS
    x, y, z, rx, ry, rz = counts.tolist()
    if layout == "whole":
        return [struct.pack("<B6h", 1, x, y, z, rx, ry, rz)]
    return [struct.pack("<B3h", 1, x, y, z), struct.pack("<B3h", 2, rx, ry, rz)]


def button_report(pressed: frozenset[int]) -> bytes:
    """Return the report that says which of the two buttons of a small device are down."""
    return struct.pack("<BB", BUTTONS_REPORT, sum(1 << number for number in pressed))
