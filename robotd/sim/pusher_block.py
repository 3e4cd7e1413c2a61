"""Where the T can be pushed, what a push does to it, and how far it is around it, in closed form.

Nothing rubs in this world and the block has no memory of its speed, so a tool that pushes it at one
place of an edge, along the edge's normal, turns it about a point that is fixed in the block: with
lever d about the centre of gravity, I / (m d) away from it. A push is therefore a number of a
contact and an angle, and thousands of them are one product of complex numbers.

Places and directions in the plane are complex, x + iy [px]; the block's own frame has its origin in
the centre of gravity, x along the bar, y along the stem, as a pose is (place, angle).
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from robotd.sim.pusht_geometry import (
    AGENT_RADIUS_PX,
    BAR_PX,
    BLOCK_OUTLINE_PX,
    GOAL_POSE,
    STEM_PX,
    WALL_FAR_PX,
    WALL_NEAR_PX,
    WALL_RADIUS_PX,
)

Complex = NDArray[np.complexfloating[Any, Any]]
Float = NDArray[np.floating[Any]]
Bool = NDArray[np.bool_]

COG_PX: Final = 45.0
"""The centre of gravity lies so far along the stem from the bar's outer edge."""
GYRATION_PX2: Final = 3000.0
"""Moment of inertia over mass, as the benchmark has it."""
LEVER_PX: Final = 60.0
"""An angle's weight beside a distance: both cost the same area of the goal."""

_SPACING_PX: Final = 6.0
_FROM_CORNER_PX: Final = 4.0  # closer to the end of an edge the tool may slip off
_ROOM_PX: Final = 10.0  # a push begins so far from the block
_LEAST_LEVER_PX: Final = 0.5  # keeps the centre of a straight push at a finite distance
CORNERS: Final = BLOCK_OUTLINE_PX[:, 0] + 1j * (BLOCK_OUTLINE_PX[:, 1] - COG_PX)
"""Of the T's outline, in the block's frame."""
_TOOL_NEAR_PX: Final = 12.0  # the tool's place; walls do not hold it, only its picture ends there
_TOOL_FAR_PX: Final = 500.0
_BLOCK_NEAR_PX: Final = WALL_NEAR_PX + WALL_RADIUS_PX
_BLOCK_FAR_PX: Final = WALL_FAR_PX - WALL_RADIUS_PX


class Contacts:
    """All places at which the tool may push; constant.

    Attributes:
        tool: (K,) the tool's centre when it touches, in the block's frame.
        normal: (K,) unit directions into the block.
        lever: (K,) moment of a unit force about the centre of gravity [px].
        centre: (K,) the point about which a push turns the block, in its frame.
        rad_per_px: (K,) angle of the turn for each px that the tool moves on.
    """

    def __init__(self) -> None:
        tools: list[complex] = []
        normals: list[complex] = []
        for start, end in zip(CORNERS, np.roll(CORNERS, -1), strict=True):
            along = (end - start) / abs(end - start)
            normal = along * 1j  # the outline turns from x to y, so this points inwards
            for place in _places(abs(end - start)):
                tool = start + along * place - normal * AGENT_RADIUS_PX
                if not bool(
                    inside(np.array([tool - normal * _ROOM_PX]), AGENT_RADIUS_PX + _ROOM_PX - 0.5)[
                        0
                    ]
                ):
                    tools.append(tool)
                    normals.append(normal)
        self.tool: Complex = np.array(tools, dtype=np.complex128)
        self.normal: Complex = np.array(normals, dtype=np.complex128)
        lever = (np.conj(self.tool) * self.normal).imag
        straight = np.abs(lever) < _LEAST_LEVER_PX
        self.lever = np.where(straight, np.where(lever < 0, -1, 1) * _LEAST_LEVER_PX, lever)
        self.centre = 1j * self.normal * (GYRATION_PX2 / self.lever)
        self.rad_per_px = self.lever / (GYRATION_PX2 + self.lever**2)


def _places(length_px: float) -> Float:
    """Return places along an edge, from one end to the other."""
    count = int((length_px - 2 * _FROM_CORNER_PX) // _SPACING_PX) + 1
    return np.linspace(_FROM_CORNER_PX, length_px - _FROM_CORNER_PX, count)


def inside(points: Complex, margin_px: float) -> Bool:
    """Whether points of the block's frame lie in the T grown by a margin, with square corners."""
    x, y = points.real, points.imag + COG_PX
    hit = np.zeros(points.shape, dtype=np.bool_)
    for x_min, y_min, x_max, y_max in (BAR_PX, STEM_PX):
        hit |= (
            (x > x_min - margin_px)
            & (x < x_max + margin_px)
            & (y > y_min - margin_px)
            & (y < y_max + margin_px)
        )
    return hit


def crosses(start: Complex, end: Complex, margin_px: float) -> Bool:
    """Whether straight lines of the block's frame cross the T grown by a margin."""
    start, end = np.broadcast_arrays(start, end)
    hit = np.zeros(start.shape, dtype=np.bool_)
    for x_min, y_min, x_max, y_max in (BAR_PX, STEM_PX):
        enter, leave = np.zeros(start.shape), np.ones(start.shape)
        for at, to, low, high in (
            (start.real, end.real, x_min, x_max),
            (start.imag, end.imag, y_min - COG_PX, y_max - COG_PX),
        ):
            run = np.where(np.abs(to - at) < 1e-9, 1e-9, to - at)
            near, far = (low - margin_px - at) / run, (high + margin_px - at) / run
            enter = np.maximum(enter, np.minimum(near, far))
            leave = np.minimum(leave, np.maximum(near, far))
        hit |= enter < leave
    return hit


def pose_of(block_pose: Float) -> tuple[complex, float]:
    """Return place of the centre of gravity and angle of a (3,) pose of the board."""
    x, y, angle = block_pose.tolist()
    return complex(x, y) + COG_PX * 1j * np.exp(1j * angle), angle


GOAL_PLACE, GOAL_ANGLE = pose_of(np.array(GOAL_POSE))


def tool_fits(place: Complex) -> Bool:
    """Whether the tool at these places of the board is clear of the walls."""
    return (
        (place.real > _TOOL_NEAR_PX)
        & (place.real < _TOOL_FAR_PX)
        & (place.imag > _TOOL_NEAR_PX)
        & (place.imag < _TOOL_FAR_PX)
    )


def block_outside_px(place: Complex, angle: Float) -> Float:
    """Return how far blocks at poses (...) stick into the walls [px]; 0 where they do not."""
    corners = place[..., None] + np.exp(1j * angle)[..., None] * CORNERS
    x, y = corners.real, corners.imag
    over = np.maximum(
        np.maximum(_BLOCK_NEAR_PX - x, x - _BLOCK_FAR_PX),
        np.maximum(_BLOCK_NEAR_PX - y, y - _BLOCK_FAR_PX),
    )
    return np.maximum(over.max(axis=-1), 0.0)
