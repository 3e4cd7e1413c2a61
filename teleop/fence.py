"""Keeps a target inside a box by slowing it down before the wall, so that it stops there softly."""

import numpy as np
from numpy.typing import NDArray

from robotd.core.config import EnvelopeConfig

Array = NDArray[np.float64]

MARGIN_M = 0.005
"""The target's box is so much smaller than the tool's: the gate is never what stops it."""

_DECELERATION_M_S2 = 0.6
_CLOSING_S = 0.15  # slower than a target's speed can change, near the wall


class Fence:
    """The envelope's tool box, a margin smaller on every side, and above the table."""

    def __init__(self, envelope: EnvelopeConfig) -> None:
        """Take the box."""
        low, high = np.array(envelope.tool_box.min_m), np.array(envelope.tool_box.max_m)
        low[2] = max(low[2], envelope.table_z_m)
        margin = np.minimum(MARGIN_M, 0.5 * (high - low))
        self._low, self._high = low + margin, high - margin

    def slowed(self, p_m: Array, v_m_s: Array) -> Array:
        """Return the speed (3,) [m/s] at which a target (3,) [m] can still stop at the wall.

        A target outside already may only come back; it is never pushed.
        """
        return np.clip(v_m_s, -_speed_to(p_m - self._low), _speed_to(self._high - p_m))

    def kept(self, p_m: Array, p_next_m: Array) -> Array:
        """Return places (N, 3) [m] that follow `p_m` (3,), none further outside than that is."""
        return np.clip(p_next_m, np.minimum(self._low, p_m), np.maximum(self._high, p_m))


def _speed_to(distance_m: Array) -> Array:
    """Return the speeds [m/s] from which to stop at these distances: linear near zero."""
    d_m = np.maximum(distance_m, 0.0)
    near_m = _DECELERATION_M_S2 * _CLOSING_S**2
    far = np.sqrt(2.0 * _DECELERATION_M_S2 * np.maximum(d_m - 0.5 * near_m, 0.0))
    return np.where(d_m <= near_m, d_m / _CLOSING_S, far)
