"""Geometry of the Push-T board as plain arithmetic; needs numpy alone, so training can use it.

The board is a square of 512 px seen from above: x to the right, y down, angles from x towards y.
A state is (5,): agent x, agent y, block x, block y [px], block angle [rad]. The block's own frame
has its origin in the middle of the bar's outer edge, x along the bar, y along the stem; a block's
pose is (3,): x, y of that origin [px], angle [rad].

Source of all figures: the Push-T task (Chi et al. 2023, "Diffusion Policy") as in gym-pusht 0.1.8.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robotd.core.board_frame import BOARD_PX

WALL_NEAR_PX: Final = 5.0
WALL_FAR_PX: Final = 506.0
WALL_RADIUS_PX: Final = 2.0
AGENT_RADIUS_PX: Final = 15.0

BAR_PX: Final = (-60.0, 0.0, 60.0, 30.0)
"""The T's bar in the block's frame: x from, y from, x to, y to."""
STEM_PX: Final = (-15.0, 30.0, 15.0, 120.0)
"""The T's stem in the block's frame, likewise."""
BLOCK_AREA_PX2: Final = 120.0 * 30.0 + 30.0 * 90.0

GOAL_POSE: Final = (256.0, 256.0, float(np.pi / 4))
"""Where the block should lie."""
SUCCESS_COVERAGE: Final = 0.95


def _constant(rows: list[tuple[float, float]]) -> NDArray[np.float64]:
    array = np.array(rows)
    array.setflags(write=False)
    return array


BLOCK_OUTLINE_PX: Final = _constant(
    [(-60, 0), (60, 0), (60, 30), (15, 30), (15, 120), (-15, 120), (-15, 30), (-60, 30)]
)
"""(8, 2) corners of the T in the block's frame, in order."""

BLOCK_KEYPOINTS_PX: Final = _constant(
    [
        (9.26979, 90.04097),
        (-60.98347, -1.18673),
        (60.91276, -1.39336),
        (-0.27050, 25.54363),
        (-14.06493, 122.81585),
        (39.00274, 32.85740),
        (-39.96641, 32.72966),
        (-16.82434, 62.86318),
        (23.54146, -1.70029),
    ]
)
"""(9, 2) key points in the block's frame, those of the human demonstrations' `keypoint` array.

Derived from its numbers: the recorded points were taken back by the recorded block pose, and the
19,007 of 25,650 frames that agree with the median within 1e-4 px were averaged (in the others the
block moved between the two recordings, by up to 2 px).
"""


def keypoints(block_pose: ArrayLike) -> NDArray[np.float64]:
    """Return the (..., 9, 2) key points [px] of blocks at poses (..., 3)."""
    return from_block_frame(block_pose, BLOCK_KEYPOINTS_PX)


def from_block_frame(block_pose: ArrayLike, points_px: ArrayLike) -> NDArray[np.float64]:
    """Return points (P, 2) of the block's frame on the board, (..., P, 2), for poses (..., 3)."""
    pose = np.asarray(block_pose, dtype=np.float64)
    points = np.asarray(points_px, dtype=np.float64)
    cos, sin = np.cos(pose[..., 2, None]), np.sin(pose[..., 2, None])  # (..., 1)
    x, y = points[:, 0], points[:, 1]
    return np.stack(
        [pose[..., 0, None] + cos * x - sin * y, pose[..., 1, None] + sin * x + cos * y], axis=-1
    )


def block_outline(block_pose: ArrayLike) -> NDArray[np.float64]:
    """Return the closed outline (P + 1, 2) of a block at a pose (3,) on the board [px]."""
    return from_block_frame(block_pose, np.vstack([BLOCK_OUTLINE_PX, BLOCK_OUTLINE_PX[:1]]))


def box_corners(part: tuple[float, float, float, float]) -> NDArray[np.float64]:
    """Return the (4, 2) corners of a part of the T, `BAR_PX` or `STEM_PX`, in the block's frame."""
    x_min, y_min, x_max, y_max = part
    return np.array([(x_min, y_min), (x_max, y_min), (x_max, y_max), (x_min, y_max)])


def parse_state(state: ArrayLike) -> NDArray[np.float64]:
    """Return a (5,) state as floats.

    Raises:
        ValueError: Another shape, or a value that is not finite.
    """
    values = np.asarray(state, dtype=np.float64)
    if values.shape != (5,) or not bool(np.all(np.isfinite(values))):
        raise ValueError(f"state: got {values.tolist()}, expected 5 finite numbers")
    return values


def mirror_xy(xy_px: ArrayLike) -> NDArray[np.float64]:
    """Mirror positions or actions (..., 2) at the goal's axis, the board's anti-diagonal.

    Physics, goal and walls keep their form under it (the walls to 1 px), so a mirrored
    demonstration is another demonstration.
    """
    xy = np.asarray(xy_px, dtype=np.float64)
    return BOARD_PX - xy[..., ::-1]


def mirror_pose(block_pose: ArrayLike) -> NDArray[np.float64]:
    """Mirror block poses (..., 3) at the board's anti-diagonal; angles come out in [0, 2 pi)."""
    pose = np.asarray(block_pose, dtype=np.float64)
    angle = np.mod(np.pi / 2 - pose[..., 2:], 2 * np.pi)
    return np.concatenate([mirror_xy(pose[..., :2]), angle], axis=-1)


def mirror_state(state: ArrayLike) -> NDArray[np.float64]:
    """Mirror states (..., 5) at the board's anti-diagonal."""
    states = np.asarray(state, dtype=np.float64)
    return np.concatenate([mirror_xy(states[..., :2]), mirror_pose(states[..., 2:])], axis=-1)


def score(coverage_ratio: ArrayLike) -> NDArray[np.float64]:
    """Return the paper's reward, 1 from `SUCCESS_COVERAGE` on, of raw coverages (...)."""
    return np.clip(np.asarray(coverage_ratio, dtype=np.float64) / SUCCESS_COVERAGE, 0.0, 1.0)


def coverage(block_pose: ArrayLike) -> NDArray[np.float64]:
    """Return area(block and goal) / area(goal), (...), of blocks at poses (..., 3). Exact.

    The block is taken into the goal's frame, where the goal is two upright rectangles; the area
    common to a polygon and a rectangle is a sum over the polygon's edges (Green's theorem).
    """
    pose = np.asarray(block_pose, dtype=np.float64)
    goal_x, goal_y, goal_angle = GOAL_POSE
    cos, sin = np.cos(goal_angle), np.sin(goal_angle)
    dx, dy = pose[..., 0] - goal_x, pose[..., 1] - goal_y
    in_goal = np.stack(
        [cos * dx + sin * dy, cos * dy - sin * dx, pose[..., 2] - goal_angle], axis=-1
    )
    outline = from_block_frame(in_goal, BLOCK_OUTLINE_PX)
    area = _area_within(outline, BAR_PX) + _area_within(outline, STEM_PX)
    return np.clip(area / BLOCK_AREA_PX2, 0.0, 1.0)


def _area_within(
    outline: NDArray[np.float64], rectangle: tuple[float, float, float, float]
) -> NDArray[np.float64]:
    """Return the area [px^2] that polygons (..., P, 2), turning from x to y, share with it.

    Above each edge's share of the rectangle's x range lies a strip up to the rectangle's far side;
    the strips of all edges, signed by the edge's direction, add up to the common area.
    """
    x_min, y_min, x_max, y_max = rectangle
    ends = np.roll(outline, -1, axis=-2)
    xa, ya = outline[..., 0], outline[..., 1]
    rise, run = ends[..., 1] - ya, ends[..., 0] - xa
    slope = np.divide(rise, run, out=np.zeros_like(run), where=np.abs(run) > 1e-12)

    # The part of the edge between the rectangle's sides: its ends' heights and its width.
    xa_in, xb_in = np.clip(xa, x_min, x_max), np.clip(ends[..., 0], x_min, x_max)
    ya_in, yb_in = ya + (xa_in - xa) * slope, ya + (xb_in - xa) * slope

    # Its mean height, clamped to the rectangle: what lies inside, and what lies beyond the top.
    low, high = np.minimum(ya_in, yb_in), np.maximum(ya_in, yb_in)
    low_in, high_in = np.clip(low, y_min, y_max), np.clip(high, y_min, y_max)
    inside = (high_in - low_in) * (0.5 * (high_in + low_in) - y_min)
    beyond = np.maximum(high - np.maximum(low, y_max), 0.0) * (y_max - y_min)
    span = high - low
    flat = np.clip(0.5 * (low + high), y_min, y_max) - y_min
    mean = np.divide(inside + beyond, span, out=flat, where=span > 1e-12)
    return -np.sum(mean * (xb_in - xa_in), axis=-1)
