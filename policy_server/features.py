"""From a policy's observation to the numbers that its network sees."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from robotd.core.pusht_spec import AGENT_XY, BLOCK_POSE
from robotd.sim.pusht_geometry import BLOCK_KEYPOINTS_PX, from_block_frame


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
    They are part of a checkpoint, so that it keeps its meaning.
    """

    body_px: tuple[tuple[float, float], ...] = tuple(
        (float(x), float(y)) for x, y in BLOCK_KEYPOINTS_PX
    )
    """Key points in the block's own frame [board px]."""

    @property
    def width(self) -> int:
        """Number of features."""
        return 2 * len(self.body_px) + 2

    def encode(self, arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Compute the features.

        Args:
            arrays: `agent_xy` (..., 2) [board px] and `block_pose` (..., 3) [px, px, rad].

        Returns:
            (..., width) board pixels: key points x0, y0, x1, …, then the agent.
        """
        agent = np.asarray(arrays[AGENT_XY], dtype=np.float64)
        points = from_block_frame(arrays[BLOCK_POSE], self.body_px)  # (..., P, 2)
        return np.concatenate([points.reshape(*agent.shape[:-1], -1), agent], axis=-1)
