"""From a deflection to the rates of a jog; pure."""

from math import cos, sin
from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.config_teleop import TeleopConfig
from robotd.core.jog import JogFrame
from teleop.deflection import beyond_deadzone

Array = NDArray[np.float64]

NO_RATES: Final = np.zeros(6)


def rates_of(deflection: Array, frame: JogFrame, config: TeleopConfig) -> Array:
    """Return the rates (6,), shares of full speed, that a deflection (6,) asks for.

    Along all axes of the base frame whatever axes the task has, the device turned as its
    configuration says; or one joint: the axis that is deflected most, x y z rx ry rz in order.
    """
    shaped = beyond_deadzone(deflection, config.deadzone)
    if frame is JogFrame.JOINT:
        most = int(np.argmax(np.abs(shaped)))
        return np.where(np.arange(6) == most, shaped, 0.0)
    c, s = cos(config.yaw_rad), sin(config.yaw_rad)
    R_base_device = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    turned = np.concatenate((R_base_device @ shaped[:3], R_base_device @ shaped[3:]))
    return turned / max(1.0, float(np.abs(turned).max()))
