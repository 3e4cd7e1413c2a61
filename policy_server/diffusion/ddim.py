"""Deterministic DDIM sampling (Song et al. 2021, equation 12, eta = 0) from precomputed tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from policy_server.diffusion.objective import Prediction
from policy_server.diffusion.schedule import Spacing, alpha_bars, ddim_steps

Denoiser = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(x (B, H, A), t (B,), obs (B, n_obs, D)) -> (B, H, A)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DdimTable:
    """Every coefficient of every step, so that sampling is arithmetic alone.

    Attributes:
        steps: Diffusion steps visited, noisiest first.
        signal, noise: Square roots of alpha-bar and 1 - alpha-bar at each step.
        next_signal, next_noise: The same where the step arrives; 1 and 0 after the last.
        prediction: What the network predicts.
        clip: Bound of the estimated sample, in normalised units.
    """

    steps: tuple[int, ...]
    signal: tuple[float, ...]
    noise: tuple[float, ...]
    next_signal: tuple[float, ...]
    next_noise: tuple[float, ...]
    prediction: Prediction
    clip: float


def ddim_table(
    *,
    train_steps: int,
    count: int,
    spacing: Spacing,
    prediction: Prediction,
    clip: float = 1.0,
) -> DdimTable:
    """Precompute a sampler of `count` steps.

    Raises:
        ValueError: The number of steps is not valid for the spacing.
    """
    steps = ddim_steps(train_steps, count, spacing)
    here = alpha_bars(train_steps)[steps]
    arrival = torch.cat([here[1:], torch.ones(1)])
    return DdimTable(
        steps=tuple(steps),
        signal=tuple(here.sqrt().tolist()),
        noise=tuple((1.0 - here).sqrt().tolist()),
        next_signal=tuple(arrival.sqrt().tolist()),
        next_noise=tuple((1.0 - arrival).sqrt().tolist()),
        prediction=prediction,
        clip=clip,
    )


def ddim_step(table: DdimTable, index: int, x: Tensor, prediction: Tensor) -> Tensor:
    """One step of the sampler.

    The sample estimate is clipped, the noise estimate belongs to the unclipped one: the
    convention of diffusers' DDIMScheduler, for both predictions.

    Args:
        table: The sampler.
        index: Which of its steps, 0 the noisiest.
        x: (B, H, A) actions at this step.
        prediction: (B, H, A) the network's output there.

    Returns:
        (B, H, A) actions at the next step, or the sample after the last one.
    """
    signal, noise = table.signal[index], table.noise[index]
    if table.prediction == "epsilon":
        epsilon = prediction
        sample = (x - noise * epsilon) / signal
    else:
        sample = prediction
        epsilon = (x - signal * sample) / noise
    sample = sample.clamp(-table.clip, table.clip)
    return table.next_signal[index] * sample + table.next_noise[index] * epsilon


def ddim_sample(table: DdimTable, network: Denoiser, *, noise: Tensor, obs: Tensor) -> Tensor:
    """Denoise a batch of action chunks.

    Args:
        table: The sampler.
        network: The denoiser.
        noise: (B, H, A) standard normal.
        obs: (B, n_obs, D) observation features, normalised.

    Returns:
        (B, H, A) normalised actions.
    """
    x = noise
    for index, step in enumerate(table.steps):
        t = torch.full((x.shape[0],), step, device=x.device, dtype=torch.long)
        x = ddim_step(table, index, x, network(x, t, obs))
    return x


def request_noise(seeds: Sequence[int], *, horizon: int, action_width: int) -> Tensor:
    """Standard normal noise, each row from its own seed, whatever it is batched with.

    Returns:
        (len(seeds), H, A) float32 on the CPU.
    """
    rows: list[Tensor] = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        rows.append(torch.randn(horizon, action_width, generator=generator))
    return torch.stack(rows)
