"""Figures of a policy under training: loss on held-out episodes, and the score on the board."""

import torch
from torch import nn

from policy_server.checkpoint import Checkpoint
from policy_server.diffusion.objective import add_noise, loss_of
from policy_server.diffusion.schedule import alpha_bars
from policy_server.engine import Engine
from policy_server.rollout import roll_out
from policy_server.training.batches import Windows
from policy_server.training.config import TrainConfig

REPEATS = 4
"""Noise draws a window: the loss varies much with the diffusion step."""


@torch.no_grad()
def validation_loss(config: TrainConfig, network: nn.Module, windows: Windows) -> float:
    """Mean loss over all windows, with the same noise and steps at every call."""
    device = windows.obs.device
    generator = torch.Generator(device=device).manual_seed(config.run.seed)
    alpha_bar = alpha_bars(config.diffusion.train_steps).to(device)
    total, batch = 0.0, max(config.optimiser.batch, 256)
    for _ in range(REPEATS):
        for first in range(0, len(windows), batch):
            chosen = torch.arange(first, min(first + batch, len(windows)), device=device)
            obs, action = windows.take(chosen)
            noise = torch.randn(action.shape, generator=generator, device=device)
            t = torch.randint(len(alpha_bar), (len(action),), generator=generator, device=device)
            prediction = network(add_noise(action, noise, t, alpha_bar), t, obs)
            loss = loss_of(prediction, kind=config.diffusion.prediction, sample=action, noise=noise)
            total += float(loss) * len(action)
    return total / (REPEATS * len(windows))


def rollout_score(checkpoint: Checkpoint, *, episodes: int, first_seed: int, device: str) -> float:
    """Mean score over `episodes` seeds in lockstep."""
    seeds = range(first_seed, first_seed + episodes)
    return float(roll_out(Engine(checkpoint, device=device), seeds).scores.mean())
