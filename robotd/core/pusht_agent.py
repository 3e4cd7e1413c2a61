"""The agent of the Push-T benchmark: a PD law pulls it towards the action.

Source: Chi et al. 2023; gym-pusht 0.1.8, `PushTEnv.step`.
"""

from typing import Final

PHYSICS_HZ: Final = 100
"""Rate of the law, and of the physics."""

KP_S2: Final = 100.0
"""Acceleration per distance from the action [1/s^2]."""

KV_S: Final = 20.0
"""Deceleration per speed [1/s]: with `KP_S2` critically damped, time constant 0.1 s."""
