"""What the network is trained to predict, and the noising of its input."""

from typing import Literal

from torch import Tensor

Prediction = Literal["epsilon", "sample"]


def add_noise(sample: Tensor, noise: Tensor, t: Tensor, alpha_bar: Tensor) -> Tensor:
    """Move samples to diffusion step t (Ho et al. 2020, equation 4).

    Args:
        sample: (B, H, A) clean actions, normalised.
        noise: (B, H, A) standard normal.
        t: (B,) integer steps.
        alpha_bar: (T,) signal fractions.

    Returns:
        (B, H, A).
    """
    signal = alpha_bar[t][:, None, None]
    return signal.sqrt() * sample + (1.0 - signal).sqrt() * noise


def loss_of(prediction: Tensor, *, kind: Prediction, sample: Tensor, noise: Tensor) -> Tensor:
    """Mean squared error against what the network is to predict; a scalar."""
    target = noise if kind == "epsilon" else sample
    return (prediction - target).square().mean()
