"""The controller's safety limits that belong beside ours: a little wider, so that ours act first.

They cannot be read over the network: a person compares them on the pendant.
"""

from dataclasses import dataclass
from math import acos, degrees
from typing import Final

import numpy as np

from robotd.core.config import CellConfig, Pose
from robotd.core.finding import Finding

SPEED_MARGIN_M_S: Final = 0.05
PLANE_MARGIN_M: Final = 0.05
JOINT_MARGIN_DEG: Final = 5.0
JOINT_SPEED_MARGIN_DEG_S: Final = 5.0
TOOL_MARGIN_DEG: Final = 5.0
FORCE_MARGIN_N: Final = 25.0
"""At least the tolerance that Universal Robots gives for each function of an e-Series arm:
50 mm/s, 40 mm, 5°, 1.15°/s, 3° and 25 N."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendantLimit:
    """One limit on both sides.

    Attributes:
        name: As a person calls it.
        ours: What robotd keeps to, and the key that says so.
        theirs: What the pendant should say.
        where: Its page on the pendant: e-Series / CB3.
    """

    name: str
    ours: str
    theirs: str
    where: str


def pendant_limits(cell: CellConfig) -> list[PendantLimit]:
    """Return what to set on the pendant for a cell."""
    arm, envelope = cell.arm, cell.envelope
    box, joint_deg_s = envelope.tool_box, degrees(envelope.joint_speed_rad_s)
    outer = [
        f"{axis} {low - PLANE_MARGIN_M:.3f} to {high + PLANE_MARGIN_M:.3f}"
        for axis, low, high in zip("xyz", box.min_m, box.max_m, strict=True)
    ]
    inner = [
        f"{axis} {low:g} to {high:g}"
        for axis, low, high in zip("xyz", box.min_m, box.max_m, strict=True)
    ]
    lows, highs = _degrees(envelope.q_min_rad), _degrees(envelope.q_max_rad)
    cone_deg = degrees(envelope.tool_cone_rad)
    force_n = arm.guard.max_force_n
    return [
        PendantLimit(
            name="tool and elbow speed",
            ours=f"{envelope.tool_speed_m_s:g} m/s (envelope.tool_speed_m_s)",
            theirs=f"{envelope.tool_speed_m_s + SPEED_MARGIN_M_S:.2f} m/s",
            where="Robot Limits / General Limits",
        ),
        PendantLimit(
            name="joint speed",
            ours=f"{joint_deg_s:.0f}°/s (envelope.joint_speed_rad_s)",
            theirs=f"{joint_deg_s + JOINT_SPEED_MARGIN_DEG_S:.0f}°/s, every joint",
            where="Joint Limits",
        ),
        PendantLimit(
            name="joint position",
            ours=f"{_ranges(lows, highs)} (envelope.q_min_rad, q_max_rad)",
            theirs=_ranges(
                [low - JOINT_MARGIN_DEG for low in lows],
                [high + JOINT_MARGIN_DEG for high in highs],
            ),
            where="Joint Limits",
        ),
        PendantLimit(
            name="planes around the tool",
            ours=f"{', '.join(inner)} m (envelope.tool_box, base frame)",
            theirs=f"{', '.join(outer)} m",
            where="Planes / Boundaries",
        ),
        PendantLimit(
            name="tool direction",
            ours=f"{cone_deg:.0f}° around tool_axis (envelope.tool_cone_rad)",
            theirs=f"{cone_deg + TOOL_MARGIN_DEG:.0f}°",
            where="Tool Direction / Boundaries",
        ),
        PendantLimit(
            name="tool force",
            ours=f"{force_n:g} N (arm.guard.max_force_n; a CB3 is guarded by joint currents)",
            theirs=f"the next that it takes from {force_n + FORCE_MARGIN_N:g} N up",
            where="Robot Limits / General Limits",
        ),
        PendantLimit(
            name="payload",
            ours=f"{arm.payload_kg:g} kg (arm.payload_kg)",
            theirs="the same, with the tool's centre of gravity",
            where="Installation, Payload / TCP Configuration",
        ),
        PendantLimit(
            name="tool centre point",
            ours=f"{_tcp(arm.tool)} (arm.tool)",
            theirs="the same, as the active TCP",
            where="Installation, TCP / TCP Configuration",
        ),
    ]


def check_pendant(cell: CellConfig) -> list[Finding]:
    """Return both sides of every limit, for a person to compare."""
    return [
        Finding(
            name=limit.name,
            found=f"here {limit.ours}",
            expected=f"on the pendant {limit.theirs}",
            status="unknown",
            fix=f"compare on the pendant: {limit.where} (e-Series / CB3)",
        )
        for limit in pendant_limits(cell)
    ]


def _degrees(angles_rad: tuple[float, ...]) -> list[float]:
    return [degrees(angle) for angle in angles_rad]


def _ranges(lows: list[float], highs: list[float]) -> str:
    return ", ".join(f"{low:.0f} to {high:.0f}°" for low, high in zip(lows, highs, strict=True))


def _tcp(tool: Pose) -> str:
    """Return a pose as the pendant shows it: millimetres and a rotation vector [rad]."""
    w, *axis = tool.quat_wxyz if tool.quat_wxyz[0] >= 0 else [-part for part in tool.quat_wxyz]
    length = float(np.linalg.norm(axis))
    turn = 2 * acos(min(1.0, w)) / length if length > 0 else 0.0
    numbers = [1e3 * part for part in tool.position_m] + [turn * part for part in axis]
    x, y, z, rx, ry, rz = (round(number, 3) + 0.0 for number in numbers)
    return f"X {x:g} Y {y:g} Z {z:g} mm, RX {rx:g} RY {ry:g} RZ {rz:g} rad"
