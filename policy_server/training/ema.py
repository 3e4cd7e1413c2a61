"""Exponential moving average of the weights, which is what is validated, saved and served."""

from collections.abc import Iterable

import torch
from torch import Tensor


def ema_decay(step: int, *, power: float, maximum: float) -> float:
    """How much of the average survives update `step` (0 the first).

    Grows from 0, so early weights are forgotten fast: 1 - (1 + step)^-power, at most `maximum`.
    """
    return min(1.0 - (1.0 + step) ** -power, maximum)


@torch.no_grad()
def update_ema(average: Iterable[Tensor], weights: Iterable[Tensor], *, decay: float) -> None:
    """Move the averages towards the weights, in place."""
    for mean, weight in zip(average, weights, strict=True):
        mean.lerp_(weight, 1.0 - decay)
