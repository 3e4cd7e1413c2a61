"""The path of a target: where it was, is, and will be until its device is heard again.

A wanted speed is approached at a bounded acceleration, which the arm can follow closely. The path
runs on for some cycles as asked and then comes to rest by itself, at the end of its plan: a late
cycle makes no jump, and a maker of plans that is gone leaves a target that stands. The next path
begins exactly where the one before leads to, in place and speed, whatever time has passed.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import Source
from robotd.core.clock import MonoNs, seconds_to_ns
from robotd.core.geometry import pose, so3_exp
from robotd.core.types import Plan
from teleop.fence import Fence

Array = NDArray[np.float64]

ROW_S = 0.01
AS_ASKED_ROWS = 4
"""Rows after now that do what the device asked for; the arm stands at the end of the others."""
AHEAD_ROWS = 10
BEHIND_ROWS = 2
"""Rows before now: an arm that is a little behind finds the speed with which to go on."""
VALID_S = AHEAD_ROWS * ROW_S

ACCELERATION_M_S2 = 1.2
JERK_M_S3 = 20.0
"""Of the target. The mock's arms can follow them anywhere on the board (measured); faster changes
make them swing past it."""
ACCELERATION_RAD_S2 = 3.0
JERK_RAD_S3 = 50.0

_FADE = 0.8  # of the acceleration from which the jerk still ends at the wanted speed
_THERE = 0.5 * ROW_S  # what one row of that jerk makes up for [s]
_ROW_NS = seconds_to_ns(ROW_S)
_AHEAD_NS = _ROW_NS * np.arange(AHEAD_ROWS + 1)
_BEHIND_NS = _ROW_NS * np.arange(-BEHIND_ROWS, 0)
_PARTS = (
    (slice(0, 3), ACCELERATION_M_S2, JERK_M_S3),
    (slice(3, 6), ACCELERATION_RAD_S2, JERK_RAD_S3),
)


def approach(speed: Array, wanted: Array) -> Array:
    """Return how a twist gets from where it is to the one wanted, and to rest then.

    Exactly zero on axes where both are.

    Args:
        speed: (2, 6) the twist now [m/s, rad/s] and its change [m/s², rad/s²].
        wanted: (6,) the twist asked for.

    Returns:
        (AHEAD_ROWS + 1, 2, 6), one row each `ROW_S`.
    """
    rows = np.zeros((AHEAD_ROWS + 1, 2, 6))
    rows[0] = speed
    for row in range(AS_ASKED_ROWS):
        for part, acceleration, jerk in _PARTS:
            rows[row + 1, :, part] = _next(rows[row, :, part], wanted[part], acceleration, jerk)
    rest = np.linspace(1.0, 0.0, AHEAD_ROWS - AS_ASKED_ROWS + 1)
    rows[AS_ASKED_ROWS:, 0] = rest[:, None] * rows[AS_ASKED_ROWS, 0]
    return rows


def _next(speed: Array, wanted: Array, acceleration: float, jerk: float) -> Array:
    """Return speed and change (2, 3) one row on; the change fades out as the wanted one nears."""
    value, change = speed
    missing = wanted - value
    short, step_limit = float(np.linalg.norm(missing)), jerk * ROW_S
    if short <= _THERE * step_limit and float(np.linalg.norm(change)) <= step_limit:
        return np.stack((wanted, np.zeros(3)))
    size = min(acceleration, _FADE * sqrt(2.0 * jerk * short), short / ROW_S)
    step = missing * (size / short if short > 0.0 else 0.0) - change
    length = float(np.linalg.norm(step))
    changed = change + step * (min(1.0, step_limit / length) if length > 0.0 else 0.0)
    return np.stack((value + 0.5 * ROW_S * (change + changed), changed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Glide:
    """One path, linear between its rows as the arm follows it.

    Attributes:
        t_ns: (N,) int64.
        T_base_target: (N, 4, 4) [m].
        speed: (N, 2, 6) at each row its twist [m/s, rad/s] in the base frame, and that one's
            change [m/s², rad/s²].
    """

    t_ns: NDArray[np.int64]
    T_base_target: Array
    speed: Array

    @classmethod
    def at_rest(cls, T_base_target: Array, now: MonoNs) -> "Glide":
        """Return the path that has stood and will stand at a pose (4, 4)."""
        t_ns = now + np.concatenate((_BEHIND_NS, _AHEAD_NS))
        rows = t_ns.shape[0]
        return cls(
            t_ns=t_ns,
            T_base_target=np.repeat(np.array(T_base_target)[None], rows, axis=0),
            speed=np.zeros((rows, 2, 6)),
        )

    @property
    def stands(self) -> bool:
        """Whether nothing of it moves."""
        return not self.speed.any()

    def at(self, t_ns: int) -> tuple[Array, Array]:
        """Return pose (4, 4) and speed (2, 6) at an instant; outside, those of its ends."""
        after = int(np.searchsorted(self.t_ns, t_ns, side="right"))
        if after == 0 or after == self.t_ns.shape[0]:
            end = max(0, after - 1)
            return self.T_base_target[end].copy(), self.speed[end].copy()
        before, since_s = after - 1, (t_ns - int(self.t_ns[after - 1])) * 1e-9
        row_s = (int(self.t_ns[after]) - int(self.t_ns[before])) * 1e-9
        a, b, share = self.speed[before], self.speed[after], since_s / row_s
        T, T_after = self.T_base_target[before].copy(), self.T_base_target[after]
        T[:3, 3] += share * (T_after[:3, 3] - T[:3, 3])
        turned = 0.5 * (a[0, 3:] + b[0, 3:]) * since_s
        if turned.any():
            T[:3, :3] = so3_exp(turned) @ T[:3, :3]
        return T, a + share * (b - a)

    def onward(self, now: MonoNs, T: Array, speeds: Array, fence: Fence) -> "Glide":
        """Return the path that leads now through T (4, 4), with speeds (M, 2, 6) from then on.

        What lies before now is this path's own. Nothing leads further beyond the fence than T is.
        """
        times = [now + int(offset) for offset in _BEHIND_NS]
        behind = [self.at(t_ns) for t_ns in times]
        steps = 0.5 * (speeds[1:, 0] + speeds[:-1, 0]) * ROW_S
        p_m = T[:3, 3] + np.vstack((np.zeros(3), np.cumsum(steps[:, :3], axis=0)))
        p_m = fence.kept(T[:3, 3], p_m)
        R = np.repeat(T[None, :3, :3], len(speeds), axis=0)
        if steps[:, 3:].any():
            for row, turn in enumerate(so3_exp(steps[:, 3:])):
                R[row + 1] = turn @ R[row]
        return Glide(
            t_ns=np.concatenate((np.array(times, dtype=np.int64), now + _AHEAD_NS)),
            T_base_target=np.concatenate((np.array([pose_ for pose_, _ in behind]), pose(R, p_m))),
            speed=np.concatenate((np.array([speed for _, speed in behind]), speeds)),
        )

    def plan(self, epoch: int) -> Plan:
        """Return it as a plan that ends with its last row."""
        return Plan(
            epoch=epoch,
            t_ns=self.t_ns,
            T_base_tcp=self.T_base_target,
            valid_until_ns=MonoNs(int(self.t_ns[-1])),
            source=Source.HUMAN,
        )
