"""Dynamics between an action and the tool's path, with a state that a new chunk can take over."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FILTER_DT_NS: Final = 10_000_000
"""Step of the filter [ns]: the 100 Hz of the benchmark's physics."""
KP_S2: Final = 100.0
"""Acceleration per distance from the action [1/s^2]."""
KV_S: Final = 20.0
"""Deceleration per speed [1/s]: with `KP_S2` critically damped, time constant 0.1 s."""


def pusht_pd(position: Array, velocity: Array, actions: Array) -> tuple[Array, Array]:
    """Run the simulated Push-T agent: a PD law, one action for each 10 ms step.

    Each step does what the benchmark's does, in its order: the velocity changes by
    kp (action - position) - kv velocity, then the position by the new velocity (Chi et al. 2023;
    gym-pusht 0.1.8, `PushTEnv.step`: ten such steps for each action at 10 Hz).

    Args:
        position: (A,) where the agent is at the start [unit of the actions].
        velocity: (A,) its velocity at the start [unit/s].
        actions: (N, A) the action held during each step.

    Returns:
        Positions and velocities, each (N + 1, A): the start, then the state after every step.
    """
    dt_s = FILTER_DT_NS / 1e9
    positions = np.empty((actions.shape[0] + 1, actions.shape[1]))
    velocities = np.empty_like(positions)
    for axis in range(actions.shape[1]):  # plain floats: four times as fast as arrays here
        p, v = float(position[axis]), float(velocity[axis])
        path, speeds = [p], [v]
        for action in actions[:, axis].tolist():
            v += (KP_S2 * (action - p) + KV_S * -v) * dt_s
            p += v * dt_s
            path.append(p)
            speeds.append(v)
        positions[:, axis], velocities[:, axis] = path, speeds
    return positions, velocities
