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
                    f"widths: {width} is not a multiple of groups = {self.groups}; "
                    "use multiples of it"
                )
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel: {self.kernel} is even, which shifts the actions; use odd")


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
                f"horizon: {horizon} cannot be halved {levels - 1} times for "
                f"{levels} widths; use a multiple of {2 ** (levels - 1)}"
            )
        self.step_embedding = StepEmbedding(config.step_width)
        self.activation = nn.Mish()
        condition = config.step_width + n_obs * obs_width
        pairs = list(zip((action_width, *config.widths[:-1]), config.widths, strict=True))

        self.down = nn.ModuleList()
        for level, (channels_in, channels_out) in enumerate(pairs):
            last = level == levels - 1
            halve = nn.Conv1d(channels_out, channels_out, 3, stride=2, padding=1)
            self.down.append(
                nn.ModuleList(
                    [
                        FilmBlock(channels_in, channels_out, condition, config),
                        FilmBlock(channels_out, channels_out, condition, config),
                        nn.Identity() if last else halve,
                    ]
                )
            )
        top = config.widths[-1]
        self.mid = nn.ModuleList([FilmBlock(top, top, condition, config) for _ in range(2)])
        self.up = nn.ModuleList()
        for channels_in, channels_out in reversed(pairs[1:]):
            double = nn.ConvTranspose1d(channels_in, channels_in, 4, stride=2, padding=1)
            self.up.append(
                nn.ModuleList(
                    [
                        FilmBlock(2 * channels_out, channels_in, condition, config),
                        FilmBlock(channels_in, channels_in, condition, config),
                        double,
                    ]
                )
            )
        bottom = config.widths[0]
        self.head = nn.Sequential(
            _conv_block(
                config.widths[min(1, levels - 1)],
                bottom,
                kernel=config.kernel,
                groups=config.groups,
            ),
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
        for first, second, halve in self.down:  # pyright: ignore[reportGeneralTypeIssues] -- ModuleList of ModuleLists
            hidden = second(first(hidden, condition), condition)
            skips.append(hidden)
            hidden = halve(hidden)
        for block in self.mid:
            hidden = block(hidden, condition)
        for first, second, double in self.up:  # pyright: ignore[reportGeneralTypeIssues]
            hidden = torch.cat([hidden, skips.pop()], dim=1)
            hidden = double(second(first(hidden, condition), condition))
        return self.head(hidden).transpose(1, 2)  # (B, H, A)
