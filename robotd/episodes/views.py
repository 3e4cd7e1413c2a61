"""Streams brought onto a common grid of row times, without inventing or hiding anything.

A stream's samples are dated; `latency_s` is how much later than it was true a sample is dated, so
that rows are always matched by capture time. A row for which a stream has nothing near enough is
marked as missing and holds no number: a sample is never repeated in place of one that is not there.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import S, seconds_to_ns
from robotd.core.geometry import interpolate_poses

Array = NDArray[np.float64]
Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which sample stands for each row.

    Attributes:
        index: (R,) its index; -1 where the row is missing.
        age_s: (R,) row time minus the sample's capture time [s]; NaN where missing. Negative where
            the sample is the newer.
    """

    index: NDArray[np.intp]
    age_s: Array

    @property
    def missing(self) -> NDArray[np.bool_]:
        """(R,) whether a row has no sample."""
        return self.index < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A stream's values at the row times.

    Attributes:
        value: (R, ...) NaN where missing.
        missing: (R,) whether the stream says nothing of a row.
    """

    value: Array
    missing: NDArray[np.bool_]


def grid(start_ns: int, end_ns: int, dt_s: float) -> Times:
    """Return the row times from `start_ns` on, `dt_s` apart, none after `end_ns`.

    Each is rounded to whole nanoseconds by itself, so that no error adds up.

    Raises:
        ValueError: A spacing that is not above zero.
    """
    if not dt_s > 0:
        raise ValueError(f"dt_s: got {dt_s} s, expected > 0")
    rows_n = int((end_ns - start_ns + 0.5) / (dt_s * S)) + 1 if end_ns >= start_ns else 0
    return start_ns + np.round(np.arange(rows_n) * (dt_s * S)).astype(np.int64)


def nearest(t_ns: Times, rows_ns: Times, *, max_skew_s: float, latency_s: float = 0.0) -> Choice:
    """Choose the sample nearest to each row, of two as near the newer.

    Args:
        t_ns: (N,) when the samples are dated, growing.
        rows_ns: (R,) row times.
        max_skew_s: A row whose nearest sample is further away is missing [s].
        latency_s: How much later than it was true a sample is dated [s].
    """
    captured_ns = _captured(t_ns, latency_s)
    if not len(captured_ns):
        return _nothing(len(rows_ns))
    after = np.clip(np.searchsorted(captured_ns, rows_ns), 0, len(captured_ns) - 1)
    before = np.maximum(after - 1, 0)
    older = np.abs(rows_ns - captured_ns[before]) < np.abs(captured_ns[after] - rows_ns)
    return _chosen(np.where(older, before, after), captured_ns, rows_ns, max_skew_s)


def before(t_ns: Times, rows_ns: Times, *, max_age_s: float, latency_s: float = 0.0) -> Choice:
    """Choose the newest sample that was true at each row or earlier: what holds until the next.

    Args:
        t_ns: (N,) when the samples are dated, growing.
        rows_ns: (R,) row times.
        max_age_s: A row whose sample is older is missing [s].
        latency_s: How much later than it was true a sample is dated [s].
    """
    captured_ns = _captured(t_ns, latency_s)
    if not len(captured_ns):
        return _nothing(len(rows_ns))
    index = np.searchsorted(captured_ns, rows_ns, side="right") - 1
    return _chosen(index, captured_ns, rows_ns, max_age_s)


def interpolate(
    t_ns: Times,
    value: Array,
    rows_ns: Times,
    *,
    max_skew_s: float,
    latency_s: float = 0.0,
    angles: tuple[int, ...] = (),
) -> Rows:
    """Take a signal on the line between the samples around each row.

    A row is missing where it does not lie between two samples (or on one), or where the nearer
    one is further away than `max_skew_s`: the rule by which an observation is refused on the robot.
    Samples with a number that is not finite do not count.

    Args:
        t_ns: (N,) when the samples are dated, growing.
        value: (N, D).
        rows_ns: (R,) row times.
        max_skew_s: Largest distance of a row from its nearest sample [s].
        latency_s: How much later than it was true a sample is dated [s].
        angles: Columns that are angles [rad]: the short way round, in [0, 2 pi).
    """
    good = np.isfinite(value).all(axis=1)
    captured_ns, value = _captured(t_ns, latency_s)[good], value[good]
    out = np.full((len(rows_ns), value.shape[1]), np.nan)
    first, second, share, missing = _around(captured_ns, rows_ns, max_skew_s)
    step = value[second] - value[first]
    for column in angles:
        step[:, column] = (step[:, column] + np.pi) % (2 * np.pi) - np.pi
    out[~missing] = value[first] + step * share[:, np.newaxis]
    for column in angles:
        turned = out[:, column] % (2 * np.pi)
        out[:, column] = np.where(turned < 2 * np.pi, turned, 0.0)  # -1e-17 rounds to a whole turn
    return Rows(value=out, missing=missing)


def interpolate_tool(
    t_ns: Times, T: Array, rows_ns: Times, *, max_skew_s: float, latency_s: float = 0.0
) -> Rows:
    """Take poses between the samples around each row: position by line, rotation by slerp.

    Args:
        t_ns: (N,) when the samples are dated, growing.
        T: (N, 4, 4) poses.
        rows_ns: (R,) row times.
        max_skew_s: As in `interpolate`.
        latency_s: How much later than it was true a sample is dated [s].

    Returns:
        (R, 4, 4) poses.
    """
    good = np.isfinite(T).all(axis=(1, 2))
    captured_ns, poses = _captured(t_ns, latency_s)[good], T[good]
    out = np.full((len(rows_ns), 4, 4), np.nan)
    first, second, share, missing = _around(captured_ns, rows_ns, max_skew_s)
    out[~missing] = interpolate_poses(poses[first], poses[second], share)
    return Rows(value=out, missing=missing)


def runs(missing: NDArray[np.bool_]) -> list[slice]:
    """Return the stretches of rows without a missing one, in order."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], missing, [True]]).astype(np.int8)))
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _captured(t_ns: Times, latency_s: float) -> Times:
    return t_ns - seconds_to_ns(latency_s)


def _nothing(rows_n: int) -> Choice:
    return Choice(index=np.full(rows_n, -1, dtype=np.intp), age_s=np.full(rows_n, np.nan))


def _chosen(index: NDArray[np.intp], captured_ns: Times, rows_ns: Times, limit_s: float) -> Choice:
    age_ns = rows_ns - captured_ns[np.maximum(index, 0)]
    found = (index >= 0) & (np.abs(age_ns) <= seconds_to_ns(limit_s))
    return Choice(index=np.where(found, index, -1), age_s=np.where(found, age_ns / S, np.nan))


def _around(
    captured_ns: Times, rows_ns: Times, max_skew_s: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], Array, NDArray[np.bool_]]:
    """Return which samples lie around each row and the share of the way, and which rows have none.

    The first three are of the rows that are not missing.
    """
    if not len(captured_ns):
        none = np.empty(0, dtype=np.intp)
        return none, none, np.empty(0), np.ones(len(rows_ns), dtype=np.bool_)
    after = np.searchsorted(captured_ns, rows_ns)  # the first at the row or later
    last = np.minimum(after, len(captured_ns) - 1)
    first = np.where(captured_ns[last] == rows_ns, last, after - 1)
    to_last_ns, to_first_ns = captured_ns[last] - rows_ns, rows_ns - captured_ns[first]
    between = (after < len(captured_ns)) & (first >= 0)
    near = np.minimum(to_first_ns, to_last_ns) <= seconds_to_ns(max_skew_s)
    found = between & near
    span_ns = np.maximum(to_first_ns + to_last_ns, 1)
    return first[found], last[found], (to_first_ns / span_ns)[found], ~found
