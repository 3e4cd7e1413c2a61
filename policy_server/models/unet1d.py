"""Conditional 1-D U-Net over the action horizon (Chi et al. 2023, DP-C): FiLM in every block."""

from typing import Annotated

import torch
from msgspec import Meta, Struct
from torch import Tensor, nn

from policy_server.models.step_embedding import StepEmbedding


class UnetConfig(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="unet"
):
    """Size of the U-Net."""

    widths: Annotated[tuple[Annotated[int, Meta(ge=4)], ...], Meta(min_length=1, max_length=5)] = (
        32,
        64,
        128,
    )
    """Channels per level; each level after the first halves the horizon."""
    kernel: Annotated[int, Meta(ge=1, le=9)] = 5
    groups: Annotated[int, Meta(ge=1)] = 8
    step_width: Annotated[int, Meta(ge=4, multiple_of=2)] = 64
    film_scale: bool = True
    """Modulate with scale and bias; without it by a bias alone."""

    def __post_init__(self) -> None:
        """Refuse widths that the group norm cannot split, and even kernels."""
        for width in self.widths:
            if width % self.groups:
                raise ValueError(
                    f"widths that are multiples of groups = {self.groups}, not {width}"
                )
        if self.kernel % 2 == 0:
            raise ValueError(f"an odd kernel, as even ones shift the actions, not {self.kernel}")


def _conv_block(channels_in: int, channels_out: int, *, kernel: int, groups: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(channels_in, channels_out, kernel, padding=kernel // 2),
        nn.GroupNorm(groups, channels_out),
        nn.Mish(),
    )


class FilmBlock(nn.Module):
    """Two convolutions with a residual path; the condition modulates between them."""

    def __init__(
        self, channels_in: int, channels_out: int, condition_width: int, config: UnetConfig
    ) -> None:
        super().__init__()
        kernel, groups = config.kernel, config.groups
        self.film_scale = config.film_scale
        self.conv1 = _conv_block(channels_in, channels_out, kernel=kernel, groups=groups)
        self.conv2 = _conv_block(channels_out, channels_out, kernel=kernel, groups=groups)
        self.film = nn.Linear(condition_width, channels_out * (2 if self.film_scale else 1))
        self.shortcut = (
            nn.Conv1d(channels_in, channels_out, 1)
            if channels_in != channels_out
            else nn.Identity()
        )

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Map x (B, C, L) under the activated condition (B, W) to (B, C', L)."""
        modulation = self.film(condition).unsqueeze(-1)  # (B, C' or 2C', 1)
        hidden = self.conv1(x)
        if self.film_scale:
            scale, bias = modulation.chunk(2, dim=1)
            hidden = hidden * scale + bias
        else:
            hidden = hidden + modulation
        return self.conv2(hidden) + self.shortcut(x)


class Level(nn.Module):
    """Two FiLM blocks at one resolution."""

    def __init__(
        self, channels_in: int, channels_out: int, condition_width: int, config: UnetConfig
    ) -> None:
        super().__init__()
        self.first = FilmBlock(channels_in, channels_out, condition_width, config)
        self.second = FilmBlock(channels_out, channels_out, condition_width, config)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Map x (B, C, L) to (B, C', L)."""
        return self.second(self.first(x, condition), condition)


class ConditionalUnet1d(nn.Module):
    """Predicts noise or sample for a chunk of noised actions."""

    def __init__(
        self, config: UnetConfig, *, action_width: int, obs_width: int, n_obs: int, horizon: int
    ) -> None:
        """Build the network.

        Raises:
            ValueError: The horizon cannot be halved once per level.
        """
        super().__init__()
        levels = len(config.widths)
        if horizon % 2 ** (levels - 1):
            raise ValueError(
                f"a horizon that {levels} widths can halve {levels - 1} times, "
                f"a multiple of {2 ** (levels - 1)}, not {horizon}"
            )
        self.step_embedding = StepEmbedding(config.step_width)
        self.activation = nn.Mish()
        condition = config.step_width + n_obs * obs_width
        pairs = list(zip((action_width, *config.widths[:-1]), config.widths, strict=True))

        top, bottom = config.widths[-1], config.widths[0]
        self.down = nn.ModuleList(Level(*pair, condition, config) for pair in pairs)
        self.shrink = nn.ModuleList(
            nn.Conv1d(width, width, 3, stride=2, padding=1) for width in config.widths[:-1]
        )
        self.mid = Level(top, top, condition, config)
        self.up = nn.ModuleList(
            Level(2 * wide, narrow, condition, config)  # the skip connection doubles the channels
            for narrow, wide in reversed(pairs[1:])
        )
        self.grow = nn.ModuleList(
            nn.ConvTranspose1d(narrow, narrow, 4, stride=2, padding=1)
            for narrow, _ in reversed(pairs[1:])
        )
        self.head = nn.Sequential(
            _conv_block(bottom, bottom, kernel=config.kernel, groups=config.groups),
            nn.Conv1d(bottom, action_width, 1),
        )

    def forward(self, x: Tensor, t: Tensor, obs: Tensor) -> Tensor:
        """Predict from noised actions.

        Args:
            x: (B, H, A) noised actions, normalised.
            t: (B,) diffusion steps.
            obs: (B, n_obs, D) observation features, normalised.

        Returns:
            (B, H, A) noise or sample, as the network was trained.
        """
        condition = torch.cat([self.step_embedding(t), obs.flatten(1)], dim=-1)
        condition = self.activation(condition)  # (B, W)
        hidden = x.transpose(1, 2)  # (B, A, H)
        skips: list[Tensor] = []
        for level, shrink in zip(self.down, [*self.shrink, nn.Identity()], strict=True):
            skips.append(hidden := level(hidden, condition))
            hidden = shrink(hidden)
        hidden = self.mid(hidden, condition)
        for level, grow in zip(self.up, self.grow, strict=True):
            hidden = torch.cat([hidden, skips.pop()], dim=1)
            hidden = grow(level(hidden, condition))
        return self.head(hidden).transpose(1, 2)  # (B, H, A)
