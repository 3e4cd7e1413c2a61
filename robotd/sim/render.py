"""The Push-T board seen straight from above, as the benchmark draws it; for the top camera."""

from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from robotd.sim.pusht_geometry import (
    AGENT_RADIUS_PX,
    BAR_PX,
    BOARD_PX,
    GOAL_POSE,
    STEM_PX,
    WALL_FAR_PX,
    WALL_NEAR_PX,
    WALL_RADIUS_PX,
    box_corners,
    from_block_frame,
    parse_state,
)

Rgb = tuple[int, int, int]
GROUND_RGB: Final[Rgb] = (255, 255, 255)
GOAL_RGB: Final[Rgb] = (144, 238, 144)
WALL_RGB: Final[Rgb] = (211, 211, 211)
BLOCK_RGB: Final[Rgb] = (143, 163, 184)
BLOCK_EDGE_RGB: Final[Rgb] = (119, 136, 153)
AGENT_RGB: Final[Rgb] = (78, 126, 255)
AGENT_EDGE_RGB: Final[Rgb] = (65, 105, 225)
_BLOCK_EDGE_RADIUS_PX: Final = 2
_AGENT_OUTER_PX: Final = round(AGENT_RADIUS_PX)
_AGENT_INNER_PX: Final = _AGENT_OUTER_PX - 4
_SIDE_PX: Final = int(BOARD_PX)


def render_board(state: ArrayLike, size_px: int = 96) -> NDArray[np.uint8]:
    """Draw a (5,) state as a (size_px, size_px, 3) RGB picture.

    Drawn at 512 px in whole pixels and reduced by linear interpolation without smoothing, as the
    benchmark (gym-pusht 0.1.8, pictures of 96 px) does; only pixels on edges differ from it.

    Raises:
        ValueError: Another shape, a value that is not finite, or a size below 1.
    """
    values = parse_state(state)
    if size_px < 1:
        raise ValueError(f"size_px: got {size_px}, expected >= 1")
    picture = _ground().copy()
    for part in (STEM_PX, BAR_PX):
        rows = _whole_px(from_block_frame(values[2:], box_corners(part)))
        cv2.fillConvexPoly(picture, rows, BLOCK_RGB)
        cv2.polylines(picture, [rows], True, BLOCK_EDGE_RGB, 2 * _BLOCK_EDGE_RADIUS_PX)
    x, y = _whole_px(values[:2]).tolist()
    for radius, rgb in ((_AGENT_OUTER_PX, AGENT_EDGE_RGB), (_AGENT_INNER_PX, AGENT_RGB)):
        # In half pixels: the benchmark's discs have an even diameter, their centre on a corner.
        cv2.circle(picture, (2 * x - 1, 2 * y - 1), 2 * radius - 1, rgb, cv2.FILLED, shift=1)
    _draw_walls(picture)
    if size_px != _SIDE_PX:
        picture = cv2.resize(picture, (size_px, size_px), interpolation=cv2.INTER_LINEAR)
    return np.asarray(picture, dtype=np.uint8)


def _whole_px(points_px: NDArray[np.float64]) -> NDArray[np.int32]:
    """Round to whole pixels; far outside they are brought nearer, where OpenCV's integers end."""
    return np.rint(points_px.clip(-4 * BOARD_PX, 4 * BOARD_PX)).astype(np.int32)


@cache
def _ground() -> NDArray[np.uint8]:
    """Return the board with its goal alone; not to be written to."""
    picture = np.full((_SIDE_PX, _SIDE_PX, 3), GROUND_RGB, dtype=np.uint8)
    for part in (BAR_PX, STEM_PX):
        goal = _whole_px(from_block_frame(np.array(GOAL_POSE), box_corners(part)))
        cv2.fillConvexPoly(picture, goal, GOAL_RGB)
    picture.setflags(write=False)
    return picture


def _draw_walls(picture: NDArray[np.uint8]) -> None:
    near, far, radius = int(WALL_NEAR_PX), int(WALL_FAR_PX), int(WALL_RADIUS_PX)
    for row in (near, far):
        picture[row - radius : row + radius + 1, near : far + 1] = WALL_RGB
        picture[near : far + 1, row - radius : row + radius + 1] = WALL_RGB


def draw_path(
    picture: NDArray[np.uint8],
    path_px: ArrayLike,
    rgb: Rgb = (214, 69, 65),
    *,
    width_px: int = 1,
    dots: bool = True,
) -> NDArray[np.uint8]:
    """Draw agent positions over a picture of the whole board, for figures and videos.

    The line grows from pale to full colour along the path, so one sees where it goes.

    Args:
        picture: (S, S, 3) RGB picture of the board, of any size; it stays as it is.
        path_px: (N, 2) positions on the board [px of 512], e.g. a chunk of actions.
        rgb: Colour of the newest end.
        width_px: Width of the line in the picture.
        dots: Mark each position.

    Returns:
        A new picture of the same shape.

    Raises:
        ValueError: Another shape, or a position that is not finite.
    """
    path = np.asarray(path_px, dtype=np.float64)
    if path.ndim != 2 or path.shape[1] != 2 or not bool(np.all(np.isfinite(path))):
        raise ValueError(f"path_px: got shape {path.shape}, expected (N, 2), all finite")
    scale = picture.shape[0] / BOARD_PX
    shift = 3
    rows = np.rint(_whole_px(path) * scale * (1 << shift)).astype(np.int32).tolist()
    drawn = picture.copy()
    for i, row in enumerate(rows):
        part = 0.35 + 0.65 * (i + 1) / len(rows)
        shade = [255 - part * (255 - value) for value in rgb]
        if i:
            cv2.line(drawn, rows[i - 1], row, shade, width_px, cv2.LINE_AA, shift)
        if dots:
            radius = (width_px + 1) << shift
            cv2.circle(drawn, row, radius, shade, cv2.FILLED, cv2.LINE_AA, shift)
    return drawn
