"""A checkpoint that answers observations with action chunks; implements the `Policy` protocol."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from policy_server.checkpoint import Checkpoint
from policy_server.device import find_device
from policy_server.diffusion.ddim import DdimTable, ddim_sample, ddim_table, request_noise
from robotd.core.errors import WireError
from robotd.core.spec import ObsFeature, PolicySpec
from robotd.core.types import PolicyRequest

SAMPLER = "ddim"
MAX_SEED = 2**63 - 1


class Engine:
    """Runs one policy. Used by one thread; a batch costs little more than its longest request."""

    def __init__(self, checkpoint: Checkpoint, *, device: str = "cpu") -> None:
        self._about = checkpoint.about
        self._device = find_device(device)
        self._network = checkpoint.network.to(self._device)
        self._tables: dict[int, DdimTable] = {}
        self._table(self._about.training.diffusion.sampler_steps)

    @property
    def spec(self) -> PolicySpec:
        """What the policy sees and answers."""
        return self._about.spec

    def infer(self, requests: Sequence[PolicyRequest]) -> list[NDArray[np.float32]]:
        """Answer a batch of requests.

        The noise of each comes from its own seed. The same batch gives the same bits; in another
        batch the same request gives the same chunk within float32 rounding.

        Returns:
            One (horizon, action_dim) chunk a request, in the policy's action unit; row 0 belongs
            to the newest observation.

        Raises:
            WireError: A key, shape or type does not fit the spec (`mismatch`), a value is not
                finite (`not_finite`), the sampler cannot do it (`unsupported`), or the seed is
                out of range (`malformed`).
        """
        by_steps: dict[int, list[int]] = {}
        for index, request in enumerate(requests):
            self._check(request)
            steps = request.steps or self._about.training.diffusion.sampler_steps
            by_steps.setdefault(steps, []).append(index)
        chunks: dict[int, NDArray[np.float32]] = {}
        for steps, indices in by_steps.items():
            answers = self._sample(self._table(steps), [requests[index] for index in indices])
            chunks.update(zip(indices, answers, strict=True))
        return [chunks[index] for index in range(len(requests))]

    @torch.inference_mode()
    def _sample(self, table: DdimTable, requests: list[PolicyRequest]) -> NDArray[np.float32]:
        about, window = self._about, self._about.training.window
        arrays = {
            feature.key: np.stack([request.arrays[feature.key] for request in requests])
            for feature in about.spec.observation
        }
        obs = about.obs_range.normalize(about.features.encode(arrays))  # (B, n_obs, D)
        noise = request_noise(
            [request.seed for request in requests],
            horizon=window.horizon,
            action_width=about.spec.action_dim,
        )
        actions = ddim_sample(
            table,
            self._network,
            noise=noise.to(self._device),
            obs=torch.from_numpy(obs).to(self._device),
        )  # (B, H, A)
        chunks = about.action_range.unnormalize(actions[:, window.n_obs - 1 :].cpu().numpy())
        newest = {key: array[:, -1] for key, array in arrays.items()}
        return about.features.decode_actions(chunks, newest).astype(np.float32)

    def _table(self, steps: int) -> DdimTable:
        if steps not in self._tables:
            diffusion = self._about.training.diffusion
            try:
                self._tables[steps] = ddim_table(
                    train_steps=diffusion.train_steps,
                    count=steps,
                    spacing=diffusion.spacing,
                    prediction=diffusion.prediction,
                    clip=diffusion.clip,
                )
            except ValueError as error:
                raise WireError("unsupported", str(error)) from error
        return self._tables[steps]

    def _check(self, request: PolicyRequest) -> None:
        spec = self.spec
        if request.sampler not in ("", SAMPLER):
            got = request.sampler[:64]
            raise WireError("unsupported", f"sampler: got {got!r}, this policy has {SAMPLER!r}")
        if not 0 <= request.seed <= MAX_SEED:
            raise WireError("malformed", f"seed: got {request.seed}, expected 0..{MAX_SEED}")
        keys = {feature.key for feature in spec.observation}
        if set(request.arrays) != keys:
            got = ", ".join(sorted(request.arrays)) or "nothing"
            raise WireError(
                "mismatch", f"observation: got {got}, expected {', '.join(sorted(keys))}"
            )
        for feature in spec.observation:
            _check_array(feature, request.arrays[feature.key], rows=spec.n_obs_steps)


def _check_array(feature: ObsFeature, array: NDArray[Any], *, rows: int) -> None:
    expected = (rows, *feature.shape)
    if array.shape != expected or array.dtype != np.dtype(feature.dtype):
        raise WireError(
            "mismatch",
            f"{feature.key}: got {array.shape} {array.dtype}, expected {expected} {feature.dtype}",
        )
    if not bool(np.isfinite(array).all()):
        raise WireError("not_finite", f"{feature.key}: holds a value that is not finite")
