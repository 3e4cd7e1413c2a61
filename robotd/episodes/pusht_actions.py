"""Which actions would have made the Push-T agent go where the tool was sent.

The agent is pulled by a PD law (`core/pusht_agent.py`) in steps of h = 10 ms, each of which does
v' = v + h (kp (u - x) - kv v) and x' = x + h v'. Solved for the action:

    u = x + (kv / kp) v + (v' - v) / (kp h)

An action is held for a whole row, so it is the mean of u over the row's steps; there the speeds
add up to differences over the whole row, and noise of single samples has little weight.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import S
from robotd.core.pusht_agent import KP_S2, KV_S, PHYSICS_HZ
from robotd.episodes.views import Rows, interpolate

Array = NDArray[np.float64]
Times = NDArray[np.int64]

STEP_NS: Final = S // PHYSICS_HZ
SMOOTH_NS: Final = 30_000_000
"""Half the width of the window over which the path is fitted by parabolas [ns]."""
FIT_MIN_N: Final = 5
"""Where fewer samples lie in it, the nearest so many are taken."""


def recovered_actions(
    t_ns: Times, xy: Array, rows_ns: Times, *, dt_s: float, max_skew_s: float
) -> Rows:
    """Return the action of each row that makes the agent follow a path.

    Args:
        t_ns: (N,) when the tool is at each place, strictly growing.
        xy: (N, A) the places [unit of the actions].
        rows_ns: (R,) when each action begins to be held.
        dt_s: How long it is held [s], a multiple of 0.01.
        max_skew_s: A row is missing where the path has no sample so near to any of its steps [s].

    Returns:
        (R, A) actions.

    Raises:
        ValueError: `dt_s` is no multiple of 0.01.
    """
    steps = round(dt_s * PHYSICS_HZ)
    if steps < 1 or abs(steps / PHYSICS_HZ - dt_s) > 1e-9:
        raise ValueError(f"dt_s: got {dt_s} s, expected a multiple of {1 / PHYSICS_HZ} s")
    at_ns = rows_ns[:, np.newaxis] + STEP_NS * np.arange(-1, steps + 1)
    path = interpolate(t_ns, xy, at_ns.ravel(), max_skew_s=max_skew_s)
    x = path.value.reshape(*at_ns.shape, xy.shape[1])
    missing = np.asarray(path.missing.reshape(at_ns.shape).any(axis=1))
    mean_x = x[:, 1 : steps + 1].mean(axis=1)  # where the steps begin
    way, gain = np.full_like(mean_x, np.nan), np.full_like(mean_x, np.nan)
    there = rows_ns[~missing]
    row_ns = STEP_NS * steps
    # v is the way of the step before: that from t - h to t, fastest known half a step before t.
    ends = (there - STEP_NS, there - STEP_NS + row_ns)
    halves = (there - STEP_NS // 2, there - STEP_NS // 2 + row_ns)
    way[~missing] = _fit(t_ns, xy, ends[1])[0] - _fit(t_ns, xy, ends[0])[0]
    gain[~missing] = _fit(t_ns, xy, halves[1])[1] - _fit(t_ns, xy, halves[0])[1]
    row_s = row_ns / S
    actions = mean_x + KV_S / KP_S2 * way / row_s + gain / (KP_S2 * row_s)
    return Rows(value=actions, missing=missing)


def path_at(t_ns: Times, xy: Array, at_ns: Times) -> tuple[Array, Array]:
    """Return where the agent is on a path, and its speed as its own steps count it.

    Args:
        t_ns: (N,) as in `recovered_actions`.
        xy: (N, A).
        at_ns: (M,) instants within the path.

    Returns:
        Positions (M, A) and velocities (M, A) [unit/s]: the state from which `recovered_actions`
        take the agent along the path.
    """
    return _fit(t_ns, xy, at_ns)[0], _fit(t_ns, xy, at_ns - STEP_NS // 2)[1]


def _fit(t_ns: Times, xy: Array, at_ns: Times) -> tuple[Array, Array]:
    """Return place and speed (M, A) of the parabola through the samples around each instant."""
    place, speed = np.empty((len(at_ns), xy.shape[1])), np.empty((len(at_ns), xy.shape[1]))
    firsts = np.searchsorted(t_ns, at_ns - SMOOTH_NS)
    lasts = np.searchsorted(t_ns, at_ns + SMOOTH_NS, side="right")
    for row, (first, last) in enumerate(zip(firsts.tolist(), lasts.tolist(), strict=True)):
        around = slice(first, last)
        if last - first < FIT_MIN_N:
            begin = int(np.searchsorted(t_ns, at_ns[row])) - FIT_MIN_N // 2
            begin = min(max(0, begin), max(0, len(t_ns) - FIT_MIN_N))
            around = slice(begin, begin + FIT_MIN_N)
        s = (t_ns[around] - at_ns[row]) * (1.0 / SMOOTH_NS)
        powers = np.stack([np.ones_like(s), s, s * s], axis=1)
        coefficients = np.linalg.lstsq(powers, xy[around], rcond=None)[0]
        place[row], speed[row] = coefficients[0], coefficients[1]
    return place, speed * (S / SMOOTH_NS)
