"""Min-max normalisation to [-1, 1], from the training data alone."""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Array = NDArray[np.float32]

CONSTANT_RANGE = 1e-4
"""A dimension that varies less is constant: it maps to 0 without being stretched."""


class MinMax(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The range of each dimension over the training data, in that dimension's unit."""

    minimum: tuple[float, ...]
    maximum: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse ranges that are not ranges."""
        if len(self.minimum) != len(self.maximum):
            raise ValueError(f"got {len(self.minimum)} minima and {len(self.maximum)} maxima")
        if not all(low <= high for low, high in zip(self.minimum, self.maximum, strict=True)):
            raise ValueError("got a minimum above its maximum, or a value that is not a number")

    def normalize(self, values: NDArray[np.floating]) -> Array:
        """Map (..., D) values to [-1, 1] over the training range."""
        center, half = self._center_and_half()
        return ((values - center) / half).astype(np.float32)

    def unnormalize(self, values: NDArray[np.floating]) -> Array:
        """Map (..., D) normalised values back to their unit."""
        center, half = self._center_and_half()
        return (values * half + center).astype(np.float32)

    def _center_and_half(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        low, high = np.asarray(self.minimum), np.asarray(self.maximum)
        half = (high - low) / 2
        return (low + high) / 2, np.where(high - low < CONSTANT_RANGE, 1.0, half)


def fit_min_max(values: NDArray[np.floating]) -> MinMax:
    """Measure (N, D) training values."""
    low, high = values.min(axis=0), values.max(axis=0)
    return MinMax(minimum=tuple(low.tolist()), maximum=tuple(high.tolist()))
