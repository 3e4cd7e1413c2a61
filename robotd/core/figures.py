"""Figures of many samples: quantiles, and means with honest intervals."""

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959963984540054
"""Quantile of the normal distribution for a two-sided 95 % interval."""
RESAMPLES = 10_000


def quantile(values: Sequence[float] | NDArray[Any], q: float) -> float:
    """Return a quantile, `q` from 0 to 1; -1 where nothing was measured."""
    return float(np.quantile(values, q)) if len(values) else -1.0


def standard_error(values: NDArray[np.float64]) -> float:
    """Standard error of the mean of (N,) values; 0 for a single one."""
    if len(values) < 2:
        return 0.0
    return float(values.std(ddof=1) / sqrt(len(values)))


def bootstrap_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """95 % interval of the mean of (N,) values: percentiles of resampled means, by a fixed seed."""
    generator = np.random.default_rng(0)
    means = np.empty(RESAMPLES)
    for index in range(RESAMPLES):
        means[index] = values[generator.integers(len(values), size=len(values))].mean()
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def wilson_interval(hits: int, total: int) -> tuple[float, float]:
    """95 % interval of a rate (Wilson 1927), sound also near 0 and 1."""
    rate = hits / total
    scale = 1.0 + Z95**2 / total
    middle = (rate + Z95**2 / (2 * total)) / scale
    half = Z95 * sqrt(rate * (1 - rate) / total + Z95**2 / (4 * total**2)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)
