"""Sinusoidal embedding of the diffusion step, followed by a small MLP."""

import math

import torch
from torch import Tensor, nn


def sinusoid(steps: Tensor, dim: int) -> Tensor:
    """Embed diffusion steps with `dim / 2` sine and cosine frequencies.

    Args:
        steps: (B,) diffusion steps.
        dim: Width of the embedding; even and at least 4.

    Returns:
        (B, dim), wavelengths growing geometrically from 2 pi to 20000 pi
        (Vaswani et al. 2017, section 3.5).
    """
    half = dim // 2
    exponent = torch.arange(half, device=steps.device, dtype=torch.float32) / (half - 1)
    angle = steps.to(torch.float32)[:, None] * torch.exp(-math.log(10_000.0) * exponent)
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


class StepEmbedding(nn.Module):
    """(B,) diffusion steps to (B, width)."""

    def __init__(self, width: int, *, hidden: int | None = None) -> None:
        super().__init__()
        hidden = 4 * width if hidden is None else hidden
        self.width = width
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.Mish(), nn.Linear(hidden, width))

    def forward(self, steps: Tensor) -> Tensor:
        """Embed (B,) steps as (B, width)."""
        return self.mlp(sinusoid(steps, self.width))
