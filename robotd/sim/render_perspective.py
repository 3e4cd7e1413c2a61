"""The Push-T board on a table, seen by a pinhole camera, for the mock cell and for people.

Frames: `table` is that of `core/board_frame.py` (origin at the board's upper left corner, x right
and y down as in its picture, z into the table) [m]; `cam` is OpenCV's (x right, y down, z forward).
"""

from dataclasses import dataclass, field
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
    box_corners,
    from_block_frame,
    parse_state,
)
from robotd.sim.render import (
    AGENT_EDGE_RGB,
    AGENT_RGB,
    BLOCK_EDGE_RGB,
    BLOCK_RGB,
    GOAL_RGB,
    GROUND_RGB,
    WALL_RGB,
    Rgb,
)

_TABLE_RGB: Final[Rgb] = (176, 170, 162)
_ROOM_RGB: Final[Rgb] = (96, 100, 106)
_TABLE_PX: Final = (-500.0, -250.0, 1012.0, 900.0)
_SHIFT: Final = 4
"""OpenCV draws in 1/16 px."""
_NEAREST_M: Final = 0.02
_CIRCLE: Final = 24


def look_at(
    eye_m: ArrayLike, aim_m: ArrayLike, up: ArrayLike = (0.0, -1.0, 0.0)
) -> NDArray[np.float64]:
    """Return T_cam_table (4, 4) of a camera at `eye_m` (3,) that looks at `aim_m` (3,).

    Both are in `table` [m], where heights are negative; `up` (3,) points up in the picture.

    Raises:
        ValueError: The direction of view is parallel to `up`, or eye and aim coincide.
    """
    eye, aim = np.asarray(eye_m, dtype=np.float64), np.asarray(aim_m, dtype=np.float64)
    forward = aim - eye
    right = np.cross(forward, np.asarray(up, dtype=np.float64))
    if not np.linalg.norm(right) > 1e-9:
        raise ValueError(f"look_at: got eye {eye.tolist()} and aim {aim.tolist()} in line with up")
    right /= np.linalg.norm(right)
    forward /= np.linalg.norm(forward)
    T_cam_table = np.eye(4)
    T_cam_table[:3, :3] = [right, np.cross(forward, right), forward]
    T_cam_table[:3, 3] = -T_cam_table[:3, :3] @ eye
    return T_cam_table


def camera_matrix(width_px: int, height_px: int, field_of_view_rad: float) -> NDArray[np.float64]:
    """Return K (3, 3) of a camera with square pixels and this horizontal field of view."""
    focal_px = 0.5 * width_px / np.tan(0.5 * field_of_view_rad)
    return np.array(
        [
            [focal_px, 0.0, 0.5 * (width_px - 1)],
            [0.0, focal_px, 0.5 * (height_px - 1)],
            [0.0, 0.0, 1.0],
        ]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PerspectiveView:
    """One fixed camera; what does not move is drawn once.

    Attributes:
        T_cam_table: (4, 4) pose of the table in the camera's frame [m]; see `look_at`.
        K: (3, 3) camera matrix [px]; see `camera_matrix`.
        width_px: Width of the picture.
        height_px: Height of the picture.
        board_m: Side of the board.
        block_height_m: Thickness of the T.
        tool_height_m: Height of the pusher.
    """

    T_cam_table: NDArray[np.float64]
    K: NDArray[np.float64]
    width_px: int = 640
    height_px: int = 480
    board_m: float = 0.30
    block_height_m: float = 0.02
    tool_height_m: float = 0.05
    _P: NDArray[np.float64] = field(init=False, repr=False)
    _background: NDArray[np.uint8] = field(init=False, repr=False)

    @classmethod
    def from_front(cls, board_m: float = 0.30) -> "PerspectiveView":
        """Return a view of 640 x 480 px of the whole board, from the side that its y points to."""
        middle = 0.5 * board_m
        return cls(
            T_cam_table=look_at(
                (middle, middle + 1.4 * board_m, -1.53 * board_m), (middle, middle, 0.0)
            ),
            K=camera_matrix(640, 480, np.radians(44)),
            board_m=board_m,
        )

    def __post_init__(self) -> None:
        if self.T_cam_table.shape != (4, 4) or self.K.shape != (3, 3):
            raise ValueError(
                f"PerspectiveView: got T_cam_table {self.T_cam_table.shape} and K {self.K.shape}, "
                "expected (4, 4) and (3, 3)"
            )
        if not min(self.board_m, self.block_height_m, self.tool_height_m) > 0:
            raise ValueError("PerspectiveView: got a length that is not > 0 m")
        if -self._eye[2] <= max(self.block_height_m, self.tool_height_m):
            raise ValueError(
                f"PerspectiveView: got a camera {-self._eye[2]:.3f} m above the table, "
                "expected it above block and pusher"
            )
        object.__setattr__(self, "_P", self.K @ self.T_cam_table[:3])
        object.__setattr__(self, "_background", self._draw_background())

    def project(self, points_px: ArrayLike, height_m: float = 0.0) -> NDArray[np.float64]:
        """Return where (N, 2) board positions [px of 512], `height_m` above it, are seen, (N, 2).

        Positions beside or behind the camera come out as if just in front of it, far outside.
        """
        xy_m = np.asarray(points_px, dtype=np.float64) * (self.board_m / BOARD_PX)
        rays = xy_m @ self._P[:, :2].T - self._P[:, 2] * height_m + self._P[:, 3]  # (N, 3)
        seen = rays[:, :2] / np.maximum(rays[:, 2:], _NEAREST_M)
        return np.asarray(seen, dtype=np.float64)

    def render(self, state: ArrayLike) -> NDArray[np.uint8]:
        """Draw a (5,) state as a (height_px, width_px, 3) RGB picture.

        Raises:
            ValueError: Another shape, or a value that is not finite.
        """
        values = parse_state(state)
        picture = self._background.copy()
        eye_px = self._eye_px
        # Far things first. Bar and stem touch along a line; the pusher lies beside each of them.
        in_block = _to_block_frame(values[2:], np.stack([eye_px, values[:2]]))
        eye_block, tool_block = in_block[0], in_block[1]
        parts = [STEM_PX, BAR_PX] if eye_block[1] < BAR_PX[3] else [BAR_PX, STEM_PX]
        tool_after = [_is_nearer(tool_block, part, eye_block) for part in parts]
        place = 2 if tool_after[1] else 1 if tool_after[0] else 0
        for i, part in enumerate(parts):
            if i == place:
                self._draw_tool(picture, values[:2])
            self._draw_part(picture, values[2:], part, joined=i == 1)
        if place == 2:
            self._draw_tool(picture, values[:2])
        return picture

    @property
    def _eye(self) -> NDArray[np.float64]:
        """(3,) the camera's place in `table` [m]."""
        return -self.T_cam_table[:3, :3].T @ self.T_cam_table[:3, 3]

    @property
    def _eye_px(self) -> NDArray[np.float64]:
        """(2,) the point of the table below the camera [px of 512]."""
        return self._eye[:2] * (BOARD_PX / self.board_m)

    def _draw_background(self) -> NDArray[np.uint8]:
        picture = np.full((self.height_px, self.width_px, 3), _ROOM_RGB, dtype=np.uint8)
        self._fill(picture, self.project(box_corners(_TABLE_PX)), _TABLE_RGB)
        for inset, rgb in ((0.0, WALL_RGB), (7.0, GROUND_RGB)):
            low, high = inset, BOARD_PX - inset
            self._fill(picture, self.project(box_corners((low, low, high, high))), rgb)
        for part in (BAR_PX, STEM_PX):
            goal = from_block_frame(np.array(GOAL_POSE), box_corners(part))
            self._fill(picture, self.project(goal), GOAL_RGB)
        picture.setflags(write=False)
        return picture

    def _draw_part(
        self,
        picture: NDArray[np.uint8],
        block_pose: NDArray[np.float64],
        part: tuple[float, float, float, float],
        *,
        joined: bool,
    ) -> None:
        """Draw one upright box of the T; `joined` also covers the seam to the other."""
        outline = from_block_frame(block_pose, box_corners(part))
        foot, top = self.project(outline), self.project(outline, self.block_height_m)
        self._fill_hull(picture, foot, top, BLOCK_EDGE_RGB)
        self._fill(picture, top, BLOCK_RGB)
        if joined:
            x_min, y_min, x_max, _ = STEM_PX
            seam = from_block_frame(block_pose, box_corners((x_min, y_min - 2, x_max, y_min + 2)))
            self._fill(picture, self.project(seam, self.block_height_m), BLOCK_RGB)

    def _draw_tool(self, picture: NDArray[np.uint8], agent_px: NDArray[np.float64]) -> None:
        turn = np.linspace(0.0, 2 * np.pi, _CIRCLE, endpoint=False)
        rim = agent_px + AGENT_RADIUS_PX * np.stack([np.cos(turn), np.sin(turn)], axis=-1)
        foot, top = self.project(rim), self.project(rim, self.tool_height_m)
        self._fill_hull(picture, foot, top, AGENT_EDGE_RGB)
        self._fill(picture, top, AGENT_RGB)

    def _fill_hull(
        self,
        picture: NDArray[np.uint8],
        foot: NDArray[np.float64],
        top: NDArray[np.float64],
        rgb: Rgb,
    ) -> None:
        """Fill what an upright solid between two outlines hides."""
        hull = cv2.convexHull(np.concatenate([foot, top]).astype(np.float32))
        self._fill(picture, hull.reshape(-1, 2).astype(np.float64), rgb)

    def _fill(self, picture: NDArray[np.uint8], outline: NDArray[np.float64], rgb: Rgb) -> None:
        reach = 8 * max(self.width_px, self.height_px)  # beyond it OpenCV's integers end
        rows = np.rint(outline.clip(-reach, reach) * (1 << _SHIFT)).astype(np.int32)
        cv2.fillConvexPoly(picture, rows, rgb, cv2.LINE_AA, _SHIFT)


def _to_block_frame(
    block_pose: NDArray[np.float64], points_px: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return board positions (N, 2) in the frame of a block at (3,) `block_pose`, (N, 2)."""
    cos, sin = np.cos(block_pose[2]), np.sin(block_pose[2])
    return (points_px - block_pose[:2]) @ np.array([[cos, -sin], [sin, cos]])


def _is_nearer(
    tool: NDArray[np.float64],
    part: tuple[float, float, float, float],
    eye: NDArray[np.float64],
) -> bool:
    """Whether the pusher stands on the eye's side of a part, all (2,) in the block's frame.

    The line between the two is square to the shortest way from the part to the pusher.
    """
    low, high = np.array(part[:2]), np.array(part[2:])
    nearest = tool.clip(low, high)
    away = tool - nearest
    if not away.any():  # the pusher's middle is inside the part: it towers above it
        return True
    return bool(away @ (eye - nearest) > 0)
