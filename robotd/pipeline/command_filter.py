"""Dynamics between an action and the tool's path, with a state that a new chunk can take over."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import S
from robotd.core.pusht_agent import KP_S2, KV_S, PHYSICS_HZ

Array = NDArray[np.float64]

FILTER_DT_NS: Final = S // PHYSICS_HZ
"""Step of the filter [ns]."""


def pusht_pd(
    position: Array, velocity: Array, actions: Array, *, speed: float = 1.0
) -> tuple[Array, Array]:
    """Run the simulated Push-T agent: a PD law, one action for each 10 ms step.

    Each step does what the benchmark's does, in its order: the velocity changes by
    kp (action - position) - kv velocity, then the position by the new velocity (Chi et al. 2023;
    gym-pusht 0.1.8, `PushTEnv.step`: ten such steps for each action at 10 Hz).

    Args:
        position: (A,) where the agent is at the start [unit of the actions].
        velocity: (A,) its velocity at the start [unit/s].
        actions: (N, A) the action held during each step.
        speed: Share of the agent's own speed: under 1 it goes the same way in longer time.

    Returns:
        Positions and velocities, each (N + 1, A): the start, then the state after every step.
    """
    dt_s = FILTER_DT_NS / S
    kp, kv = KP_S2 * speed * speed, KV_S * speed
    positions = np.empty((actions.shape[0] + 1, actions.shape[1]))
    velocities = np.empty_like(positions)
    for axis in range(actions.shape[1]):  # plain floats: four times as fast as arrays here
        p, v = float(position[axis]), float(velocity[axis])
        path, speeds = [p], [v]
        for action in actions[:, axis].tolist():
            v += (kp * (action - p) + kv * -v) * dt_s
            p += v * dt_s
            path.append(p)
            speeds.append(v)
        positions[:, axis], velocities[:, axis] = path, speeds
    return positions, velocities
