"""The squared-cosine noise schedule (Nichol and Dhariwal 2021) and the steps that DDIM visits."""

import math
from typing import Literal

import torch
from torch import Tensor

Spacing = Literal["leading", "trailing"]

MAX_BETA = 0.999
"""Cap that keeps the last step's alpha above zero (Nichol and Dhariwal 2021, section 3.2)."""


def alpha_bars(train_steps: int) -> Tensor:
    """Signal fractions of the `squaredcos_cap_v2` schedule.

    Returns:
        (T,) float32, the product of 1 - beta up to each step; falls from nearly 1 to nearly 0.
    """

    def curve(fraction: float) -> float:
        return math.cos((fraction + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = [
        min(1 - curve((step + 1) / train_steps) / curve(step / train_steps), MAX_BETA)
        for step in range(train_steps)
    ]
    return torch.cumprod(1.0 - torch.tensor(betas, dtype=torch.float32), dim=0)


def ddim_steps(train_steps: int, count: int, spacing: Spacing) -> list[int]:
    """Diffusion steps that a sampler of `count` steps visits, noisiest first.

    `leading` counts up from 0 in whole strides, so it may begin short of pure noise; `trailing`
    counts down from the last step and begins at pure noise (Lin et al. 2023, table 2).

    Raises:
        ValueError: `count` is out of range, or does not divide the training steps although
            the spacing is `trailing`, where strides would be uneven.
    """
    if not 1 <= count <= train_steps:
        raise ValueError(f"sampler steps: {count} is outside 1..{train_steps}")
    if spacing == "leading":
        stride = train_steps // count
        return [stride * index for index in reversed(range(count))]
    if train_steps % count:
        divisors = [k for k in range(1, train_steps + 1) if train_steps % k == 0]
        nearest = min(divisors, key=lambda k: (abs(k - count), k))
        raise ValueError(
            f"sampler steps: {count} does not divide the {train_steps} training steps, "
            f"which trailing spacing needs; the nearest valid number is {nearest}"
        )
    stride = train_steps // count
    return [train_steps - 1 - stride * index for index in range(count)]
