"""What a deflection asks for: a speed of the tool in the base frame."""

from math import cos, sin

import numpy as np
from numpy.typing import NDArray

from robotd.core.config_teleop import Axis, TeleopConfig

Array = NDArray[np.float64]

AXES: tuple[Axis, ...] = ("x", "y", "z", "rx", "ry", "rz")
"""Order of the six numbers of a deflection, and of a twist."""


def beyond_deadzone(deflection: Array, deadzone: float) -> Array:
    """Return what is left of a deflection (6,): zero inside the dead zone, 1 at full scale.

    It grows from zero at the zone's edge, so that no motion begins with a step.
    """
    size = np.minimum(np.abs(deflection), 1.0)
    return np.sign(deflection) * np.maximum(size - deadzone, 0.0) / (1.0 - deadzone)


class TwistScale:
    """From deflections to twists (6,) = (v [m/s], w [rad/s]) of the tool, in the base frame.

    Attributes:
        free: (6,) bool, the axes that the device moves; the others are exactly zero.
    """

    def __init__(self, config: TeleopConfig, *, max_speed_m_s: float) -> None:
        """Take the scale.

        Args:
            config: Full-scale speeds, dead zone, axes and how the device is turned.
            max_speed_m_s: Of the tool in any direction: two axes at full scale are faster than one.
        """
        self._deadzone = config.deadzone
        self._speed = np.repeat([config.speed_m_s, config.speed_rad_s], 3)
        self._max_speed_m_s = max_speed_m_s
        self.free = np.array([axis in config.axes for axis in AXES])
        c, s = cos(config.yaw_rad), sin(config.yaw_rad)
        self._R_base_device = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])

    def twist(self, deflection: Array) -> Array:
        """Return the twist (6,) that a deflection (6,) asks for."""
        shaped = beyond_deadzone(deflection, self._deadzone) * self._speed
        twist = np.concatenate((self._R_base_device @ shaped[:3], self._R_base_device @ shaped[3:]))
        twist[~self.free] = 0.0
        speed_m_s = float(np.linalg.norm(twist[:3]))
        if speed_m_s > self._max_speed_m_s:
            twist[:3] *= self._max_speed_m_s / speed_m_s
        return twist
