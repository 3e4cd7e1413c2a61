"""What a network sees of an observation, and how it writes actions.

Each kind has the same four members: `width`, `encode`, `encode_actions` and `decode_actions`. They
are part of a checkpoint with their values, so that it keeps its meaning.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from robotd.core.pusht_spec import AGENT_XY, BLOCK_POSE
from robotd.sim.pusht_geometry import BLOCK_KEYPOINTS_PX, GOAL_POSE, from_block_frame

Array = NDArray[np.float64]
Arrays = Mapping[str, NDArray[Any]]
"""An observation: `agent_xy` (..., 2) [board px] and `block_pose` (..., 3) [px, px, rad]."""


class PushtKeypoints(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="pusht_keypoints",
):
    """Key points of the block and the agent's position, in board pixels.

    Points avoid the angle's jump at 2 pi, which a normaliser would stretch over its whole range.
    """

    body_px: tuple[tuple[float, float], ...] = tuple(
        (float(x), float(y)) for x, y in BLOCK_KEYPOINTS_PX
    )
    """Key points in the block's own frame [board px]."""

    @property
    def width(self) -> int:
        """Number of features."""
        return 2 * len(self.body_px) + 2

    def encode(self, arrays: Arrays) -> Array:
        """Compute the features (..., width) [board px]: key points x0, y0, x1, …, the agent."""
        agent = np.asarray(arrays[AGENT_XY], dtype=np.float64)
        points = from_block_frame(arrays[BLOCK_POSE], self.body_px)  # (..., P, 2)
        return np.concatenate([points.reshape(*agent.shape[:-1], -1), agent], axis=-1)

    def encode_actions(self, actions: NDArray[Any], arrays: Arrays) -> Array:
        """Return the chunks (..., H, 2) [board px] as they are."""
        del arrays
        return np.asarray(actions, dtype=np.float64)

    def decode_actions(self, actions: NDArray[Any], arrays: Arrays) -> Array:
        """Undo `encode_actions`."""
        return self.encode_actions(actions, arrays)


class PushtBlockFrame(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="pusht_block_frame",
):
    """Agent and goal as seen from the block, and actions as steps from the agent in its frame.

    A push looks the same wherever the block lies, so that few demonstrations say more. Where the
    block lies on the board is there too: for the walls.
    """

    goal_pose: tuple[float, float, float] = GOAL_POSE
    """Where the block should lie [px, px, rad]."""

    @property
    def width(self) -> int:
        """Number of features."""
        return 10

    def encode(self, arrays: Arrays) -> Array:
        """Compute the features (..., width) [board px].

        Agent and goal in the block's frame, block and agent on the board, and a unit vector along
        the block's x axis, which has no unit.
        """
        agent = np.asarray(arrays[AGENT_XY], dtype=np.float64)
        pose = np.asarray(arrays[BLOCK_POSE], dtype=np.float64)
        place, angle = pose[..., :2], pose[..., 2]
        goal = np.array(self.goal_pose[:2])
        parts = [_turned(agent - place, -angle), _turned(goal - place, -angle), place, agent]
        return np.concatenate([*parts, np.stack([np.cos(angle), np.sin(angle)], -1)], axis=-1)

    def encode_actions(self, actions: NDArray[Any], arrays: Arrays) -> Array:
        """Return chunks as steps from the agent in the block's frame.

        Args:
            actions: (..., H, 2) [board px].
            arrays: The newest observation of each chunk.
        """
        agent, angle = _now(arrays)
        return _turned(np.asarray(actions, dtype=np.float64) - agent, -angle)

    def decode_actions(self, actions: NDArray[Any], arrays: Arrays) -> Array:
        """Undo `encode_actions`."""
        agent, angle = _now(arrays)
        return agent + _turned(np.asarray(actions, dtype=np.float64), angle)


def _now(arrays: Arrays) -> tuple[Array, Array]:
    """Return agent (..., 1, 2) and block angle (..., 1) of an observation, for whole chunks."""
    agent = np.asarray(arrays[AGENT_XY], dtype=np.float64)[..., np.newaxis, :]
    return agent, np.asarray(arrays[BLOCK_POSE], dtype=np.float64)[..., np.newaxis, 2]


def _turned(xy: Array, angle: Array) -> Array:
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = xy[..., 0], xy[..., 1]
    return np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)


Features = PushtKeypoints | PushtBlockFrame
FeatureKind = Literal["pusht_keypoints", "pusht_block_frame"]
FEATURES: Final[dict[FeatureKind, type[Features]]] = {
    "pusht_keypoints": PushtKeypoints,
    "pusht_block_frame": PushtBlockFrame,
}
