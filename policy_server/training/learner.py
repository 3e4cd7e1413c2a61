"""The things that training changes: weights, their average, and the optimiser's moments."""

import math
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from policy_server.checkpoint import PolicyFile, network_of
from policy_server.device import find_device
from policy_server.training.config import OptimiserConfig
from policy_server.training.state import SavedRun
from robotd.core.errors import CheckpointError, ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """Network, its moving average and the optimiser, on one device."""

    network: nn.Module
    average: nn.Module
    optimiser: torch.optim.AdamW

    def tensors(self) -> dict[str, Tensor]:
        """Everything that must be saved to go on exactly."""
        named = {f"weights.{name}": value for name, value in self.network.state_dict().items()}
        named |= {f"average.{name}": value for name, value in self.average.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            for key, value in self.optimiser.state[parameter].items():
                named[f"optimiser.{name}.{key}"] = value
        return named

    def restore(self, saved: SavedRun) -> None:
        """Take over a saved run's tensors.

        Raises:
            CheckpointError: They belong to another network.
        """
        try:
            self.network.load_state_dict(saved.group("weights"))
            self.average.load_state_dict(saved.group("average"))
        except RuntimeError as error:
            first_line = str(error).partition("\n")[0]
            raise CheckpointError(f"the saved run has another network: {first_line}") from error
        for name, parameter in self.network.named_parameters():
            moments = saved.group(f"optimiser.{name}")
            self.optimiser.state[parameter] = {
                key: value if key == "step" else value.to(parameter.device)
                for key, value in moments.items()
            }


def make_learner(about: PolicyFile) -> Learner:
    """Build a fresh learner; its weights follow from the run's seed.

    Raises:
        ConfigError: The network's sizes do not fit the window, or the device is not there.
    """
    config = about.training
    device = find_device(config.run.device)
    torch.manual_seed(config.run.seed)
    try:
        network = network_of(about).to(device)
    except ValueError as error:
        kind = type(config.network).__name__
        raise ConfigError(config.name, "network", got=kind, expected=str(error)) from error
    average = deepcopy(network).eval().requires_grad_(False)
    optimiser = torch.optim.AdamW(
        network.parameters(),
        lr=config.optimiser.lr,
        betas=(config.optimiser.beta1, config.optimiser.beta2),
        weight_decay=config.optimiser.weight_decay,
    )
    return Learner(network=network.train(), average=average, optimiser=optimiser)


def learning_rate(step: int, config: OptimiserConfig) -> float:
    """Rate of update `step` (0 the first): linear warm-up, then a cosine to zero at the end."""
    if step < config.warmup_steps:
        return config.lr * (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return config.lr * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))
