"""Mirror augmentation of Push-T demonstrations."""

import numpy as np

from policy_server.training.episodes import Episodes
from robotd.sim.pusht_geometry import mirror_pose, mirror_xy


def mirrored(episodes: Episodes) -> Episodes:
    """Mirror the demonstrations at the goal's axis, where physics and goal stay the same."""
    arrays = episodes.arrays
    return Episodes(
        arrays={
            "agent_xy": mirror_xy(arrays["agent_xy"]).astype(np.float32),
            "block_pose": mirror_pose(arrays["block_pose"]).astype(np.float32),
            "action": mirror_xy(arrays["action"]).astype(np.float32),
        },
        lengths=episodes.lengths,
        dt_s=episodes.dt_s,
        sha256=episodes.sha256,
    )


def with_mirror(episodes: Episodes) -> Episodes:
    """Return the episodes, followed by their mirror images."""
    mirror = mirrored(episodes)
    return Episodes(
        arrays={
            key: np.concatenate([array, mirror.arrays[key]])
            for key, array in episodes.arrays.items()
        },
        lengths=np.concatenate([episodes.lengths, mirror.lengths]),
        dt_s=episodes.dt_s,
        sha256=episodes.sha256,
    )
