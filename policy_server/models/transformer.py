"""Diffusion transformer over observation, step and action tokens, actions last."""

from typing import Annotated

import torch
from msgspec import Meta, Struct
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention, silu

from policy_server.models.step_embedding import StepEmbedding


class TransformerConfig(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="transformer",
):
    """Size of the transformer."""

    width: Annotated[int, Meta(ge=8, multiple_of=2)] = 128
    layers: Annotated[int, Meta(ge=1, le=48)] = 4
    heads: Annotated[int, Meta(ge=1)] = 4
    feedforward: Annotated[int, Meta(ge=8)] = 256
    """Hidden width of the SwiGLU."""
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.0

    def __post_init__(self) -> None:
        """Refuse a width that the heads cannot split."""
        if self.width % self.heads:
            raise ValueError(
                f"a number of heads that divides width = {self.width}, not {self.heads}"
            )


class SelfAttention(nn.Module):
    """Multi-head attention where every token sees every other one (no causal mask)."""

    def __init__(self, width: int, *, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Mix (B, N, W) tokens."""
        batch, tokens, width = x.shape
        qkv = self.qkv(x).view(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, heads, N, W / heads)
        dropout = self.dropout if self.training else 0.0
        mixed = scaled_dot_product_attention(q, k, v, dropout_p=dropout)
        return self.out(mixed.transpose(1, 2).reshape(batch, tokens, width))


class SwiGlu(nn.Module):
    """Gated feed-forward layer (Shazeer 2020) that begins as zero, so each block begins quiet."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate_and_value = nn.Linear(width, 2 * hidden)
        self.out = nn.Linear(hidden, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., W) to (..., W)."""
        gate, value = self.gate_and_value(x).chunk(2, dim=-1)
        return self.out(silu(gate) * value)


class Block(nn.Module):
    """Attention and feed-forward, each normalised first and added to the stream."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width)
        self.attention = SelfAttention(config.width, heads=config.heads, dropout=config.dropout)
        self.norm2 = nn.LayerNorm(config.width)
        self.feedforward = SwiGlu(config.width, config.feedforward)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N, W) tokens to (B, N, W)."""
        x = x + self.drop(self.attention(self.norm1(x)))
        return x + self.drop(self.feedforward(self.norm2(x)))


class DiffusionTransformer(nn.Module):
    """Predicts noise or sample for a chunk of noised actions."""

    def __init__(
        self,
        config: TransformerConfig,
        *,
        action_width: int,
        obs_width: int,
        n_obs: int,
        horizon: int,
    ) -> None:
        super().__init__()
        self.horizon = horizon
        self.obs_token = nn.Linear(obs_width, config.width)
        self.step_token = StepEmbedding(config.width)
        self.action_token = nn.Linear(action_width, config.width)
        self.position = nn.Parameter(torch.randn(1, n_obs + 1 + horizon, config.width) * 0.02)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, action_width)

    def forward(self, x: Tensor, t: Tensor, obs: Tensor) -> Tensor:
        """Predict from noised actions.

        Args:
            x: (B, H, A) noised actions, normalised.
            t: (B,) diffusion steps.
            obs: (B, n_obs, D) observation features, normalised.

        Returns:
            (B, H, A) noise or sample, as the network was trained.
        """
        tokens = [self.obs_token(obs), self.step_token(t)[:, None], self.action_token(x)]
        hidden = torch.cat(tokens, dim=1) + self.position  # (B, n_obs + 1 + H, W)
        for block in self.blocks:
            hidden = block(hidden)
        return self.head(self.norm(hidden[:, -self.horizon :]))  # (B, H, A)
