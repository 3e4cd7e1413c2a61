"""How a person jogs the arm: slow rates along base axes or joints, instead of a plan."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import MonoNs

JOG_SPEED_M_S: Final = 0.02
"""Neither the tool's point nor the elbow is faster while the arm is jogged."""

JOG_TURN_RAD_S: Final = 0.1
"""Nor a joint, nor the tool's orientation."""


class JogFrame(IntEnum):
    """What the six rates of a jog belong to."""

    BASE = 0
    """The tool along and about the axes of the base frame, its point fixed while it turns."""
    JOINT = 1
    """The six joints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JogOrder:
    """What the arm is to do in a session of jogging; such a session follows no plans.

    Attributes:
        frame: What the rates belong to.
        rates: (6,) as shares of full speed, each -1 to 1; all zero: brake and hold.
        valid_until_ns: After this the arm brakes.
    """

    frame: JogFrame
    rates: NDArray[np.float64]
    valid_until_ns: MonoNs

    def __post_init__(self) -> None:
        if self.rates.shape != (6,) or not bool(np.all(np.abs(self.rates) <= 1.0)):
            raise ValueError(f"JogOrder.rates: got {self.rates}, expected six shares, -1 to 1")
        self.rates.setflags(write=False)


def still(frame: JogFrame = JogFrame.BASE) -> JogOrder:
    """Return no motion: what a session of jogging begins with."""
    return JogOrder(frame=frame, rates=np.zeros(6), valid_until_ns=MonoNs(0))
