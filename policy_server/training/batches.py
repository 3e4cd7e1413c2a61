"""Training windows as tensors, and which of them each step sees.

Order, noise and dropout of a step follow from the run's seed and the step's number alone, so a
run resumed at any step goes on exactly as if it had never stopped.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from policy_server.features import Features
from policy_server.normalizer import MinMax
from policy_server.training.config import WindowConfig
from policy_server.training.windows import window_rows
from robotd.episodes.source import Episodes


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Windows of some episodes, in the units of their features.

    Attributes:
        obs: (N, D) observation features of each row.
        rows: (W, n_obs) which of them each window observes.
        action: (W, H, A) its actions, as the features write them.
    """

    obs: NDArray[np.float64]
    rows: NDArray[np.int64]
    action: NDArray[np.float64]


def cut(episodes: Episodes, *, features: Features, window: WindowConfig) -> Cut:
    """Cut episodes into windows."""
    rows = window_rows(
        episodes.lengths,
        horizon=window.horizon,
        pad_before=window.n_obs - 1,
        pad_after=window.n_action_steps - 1,
    )
    arrays, newest = episodes.arrays, rows[:, window.n_obs - 1]
    return Cut(
        obs=features.encode(arrays),
        rows=rows[:, : window.n_obs],
        action=features.encode_actions(
            arrays["action"][rows], {key: array[newest] for key, array in arrays.items()}
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Normalised windows on the training device; fields as of `Cut`."""

    obs: Tensor
    rows: Tensor
    action: Tensor

    def __len__(self) -> int:
        return self.rows.shape[0]

    def take(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Return the chosen windows' obs (B, n_obs, D) and actions (B, H, A)."""
        return self.obs[self.rows[chosen]], self.action[chosen]


def make_windows(
    windows: Cut, *, obs_range: MinMax, action_range: MinMax, device: torch.device
) -> Windows:
    """Normalise windows and bring them to the device."""
    return Windows(
        obs=torch.from_numpy(obs_range.normalize(windows.obs)).to(device),
        rows=torch.from_numpy(windows.rows).to(device),
        action=torch.from_numpy(action_range.normalize(windows.action)).to(device),
    )


def batch_order(step: int, *, windows_n: int, batch: int, seed: int) -> NDArray[np.int64]:
    """Return the (batch,) windows of a step: each epoch shuffles them anew, the rest is dropped.

    With fewer windows than the batch holds, a step sees each of them once.
    """
    batch = min(batch, windows_n)
    epoch, position = divmod(step, windows_n // batch)
    order = np.random.default_rng([seed, 0, epoch]).permutation(windows_n)
    return order[position * batch : (position + 1) * batch]


def step_generator(step: int, *, seed: int, device: torch.device) -> torch.Generator:
    """Return the step's own source of noise; also seeds torch's global one, which dropout uses."""
    state = int(np.random.default_rng([seed, 1, step]).integers(2**62))
    torch.manual_seed(state)
    return torch.Generator(device=device).manual_seed(state)
