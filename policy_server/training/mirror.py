"""Mirror augmentation of Push-T demonstrations."""

from dataclasses import replace

import numpy as np

from robotd.core.pusht_spec import AGENT_XY, BLOCK_POSE
from robotd.episodes.source import Episodes
from robotd.sim.pusht_geometry import mirror_pose, mirror_xy


def mirrored(episodes: Episodes) -> Episodes:
    """Mirror the demonstrations at the goal's axis, where physics and goal stay the same."""
    arrays = episodes.arrays
    return replace(
        episodes,
        arrays={
            AGENT_XY: mirror_xy(arrays[AGENT_XY]).astype(np.float32),
            BLOCK_POSE: mirror_pose(arrays[BLOCK_POSE]).astype(np.float32),
            "action": mirror_xy(arrays["action"]).astype(np.float32),
        },
    )


def with_mirror(episodes: Episodes) -> Episodes:
    """Return the episodes, followed by their mirror images."""
    mirror = mirrored(episodes)
    return replace(
        episodes,
        arrays={
            key: np.concatenate([array, mirror.arrays[key]])
            for key, array in episodes.arrays.items()
        },
        lengths=np.concatenate([episodes.lengths, mirror.lengths]),
    )
