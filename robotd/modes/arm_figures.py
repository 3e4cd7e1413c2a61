"""What every page counts in the arm's cycles the same way: refusals, brakes, ages of actions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import ArmPhase, Limit
from robotd.core.clock import MS
from robotd.episodes.streams import Streams

Ints = NDArray[np.int64]


def refusals(accepted: NDArray[np.bool_], limit: NDArray[Any]) -> NDArray[np.bool_]:
    """Return in which of (N,) cycles the gate refused what the follower asked for."""
    return np.asarray(~accepted & (limit != Limit.NONE))


def by_limit(limit: NDArray[Any]) -> dict[str, int]:
    """Return how often each limit stands in (N,) refusals, by its name."""
    values, counts = np.unique(limit, return_counts=True)
    names = [Limit(value).name.lower() for value in values.tolist()]
    return dict(zip(names, counts.tolist(), strict=True))


def brakes_n(phase: NDArray[Any]) -> int:
    """Return how often the arm went from following to braking in (N,) cycles."""
    following, braking = phase[:-1] == ArmPhase.FOLLOWING, phase[1:] == ArmPhase.BRAKING
    return int(np.count_nonzero(following & braking))


def action_ages(streams: Streams) -> tuple[Ints, NDArray[np.float64]]:
    """Return when the first row of each executed chunk was really sent [ns], and its age [ms].

    Really: not before the arm's first cycle under the chunk's plan. The age counts from the
    chunk's observation.
    """
    epochs, first = np.unique(streams.ticks.plan_epoch, return_index=True)
    seen_ns = dict(zip(epochs.tolist(), streams.ticks.t_ns[first].tolist(), strict=True))
    observed_ns = {chunk.request_id: chunk.t_obs_ns for chunk in streams.chunks}
    pairs = [
        (max(use.first_sent_ns, seen_ns[use.plan_epoch]), observed_ns[use.request_id])
        for use in streams.uses
        if use.first_sent_ns and use.plan_epoch in seen_ns and use.request_id in observed_ns
    ]
    sent_ns, from_ns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return sent_ns, (sent_ns - from_ns) / MS
