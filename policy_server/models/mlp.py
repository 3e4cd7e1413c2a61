"""Residual perceptron over the whole chunk at once: the cheapest network, for few numbers."""

from typing import Annotated

import torch
from msgspec import Meta, Struct
from torch import Tensor, nn
from torch.nn.functional import silu

from policy_server.models.step_embedding import StepEmbedding


class MlpConfig(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="mlp"
):
    """Size of the perceptron."""

    width: Annotated[int, Meta(ge=8)] = 256
    blocks: Annotated[int, Meta(ge=1, le=48)] = 3
    step_width: Annotated[int, Meta(ge=4, multiple_of=2)] = 64
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    """In each block's hidden layer, while training."""


class ResidualBlock(nn.Module):
    """Norm, FiLM by the diffusion step, and two layers beside a residual path."""

    def __init__(self, config: MlpConfig) -> None:
        super().__init__()
        width = config.width
        self.norm = nn.LayerNorm(width)
        self.film = nn.Linear(config.step_width, 2 * width)
        self.wide = nn.Linear(width, 2 * width)
        self.dropout = nn.Dropout(config.dropout)
        self.narrow = nn.Linear(2 * width, width)

    def forward(self, x: Tensor, step: Tensor) -> Tensor:
        """Map x (B, W) under the step's embedding (B, S) to (B, W)."""
        scale, bias = self.film(step).chunk(2, dim=-1)
        hidden = silu(self.wide(self.norm(x) * (1.0 + scale) + bias))
        return x + self.narrow(self.dropout(hidden))


class ChunkMlp(nn.Module):
    """Predicts noise or sample for a chunk of noised actions."""

    def __init__(
        self, config: MlpConfig, *, action_width: int, obs_width: int, n_obs: int, horizon: int
    ) -> None:
        super().__init__()
        actions = horizon * action_width
        self.step_embedding = StepEmbedding(config.step_width)
        self.first = nn.Linear(actions + n_obs * obs_width, config.width)
        self.blocks = nn.ModuleList(ResidualBlock(config) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(config.width)
        self.last = nn.Linear(config.width, actions)

    def forward(self, x: Tensor, t: Tensor, obs: Tensor) -> Tensor:
        """Predict from noised actions (B, H, A), steps (B,) and features (B, n_obs, D)."""
        step = self.step_embedding(t)
        hidden = self.first(torch.cat([x.flatten(1), obs.flatten(1)], dim=-1))
        for block in self.blocks:
            hidden = block(hidden, step)
        return self.last(self.norm(hidden)).view_as(x)
