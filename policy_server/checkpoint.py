"""A policy as a folder: `model.safetensors` (EMA weights), `policy.json`, `manifest.json`."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec
import torch
from msgspec import Struct
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from policy_server.features import Features
from policy_server.folder import read_folder, write_folder
from policy_server.models.build import build_network
from policy_server.normalizer import MinMax
from policy_server.training.config import TrainConfig
from robotd.core.errors import CheckpointError
from robotd.core.spec import PolicySpec

VERSION = 1
MODEL, POLICY = "model.safetensors", "policy.json"


class PolicyFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of `policy.json`."""

    version: Literal[1] = VERSION
    spec: PolicySpec
    features: Features
    obs_range: MinMax
    """Of the features, over the training data."""
    action_range: MinMax
    """Of the actions as the features write them."""
    training: TrainConfig
    """Its `network`, `window` and `diffusion` say what the policy is made of."""
    step: int
    dataset_sha256: str
    git_revision: str
    figures: dict[str, float]
    """What was known of it when it was written, for example `validation_loss`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A policy in memory.

    Attributes:
        about: Everything but the weights; its spec carries the checkpoint's hash.
        network: The network, in evaluation mode, on the CPU.
    """

    about: PolicyFile
    network: nn.Module


def network_of(about: PolicyFile) -> nn.Module:
    """Build the network of a policy, with fresh weights.

    Raises:
        ValueError: Its sizes do not fit together.
    """
    return build_network(
        about.training.network,
        action_width=about.spec.action_dim,
        obs_width=about.features.width,
        n_obs=about.training.window.n_obs,
        horizon=about.training.window.horizon,
    )


def save_checkpoint(folder: Path, about: PolicyFile, weights: Mapping[str, Tensor]) -> None:
    """Write a checkpoint; what was there is replaced only once the new one is on disk.

    Raises:
        CheckpointError: A weight is not finite, or the folder cannot be written.
    """
    _check_finite(str(folder), weights)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    policy_json = msgspec.json.format(msgspec.json.encode(about), indent=2)
    write_folder(folder, {MODEL: save(tensors), POLICY: policy_json + b"\n"})


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint and check everything in it.

    Raises:
        CheckpointError: A file is missing or damaged, of another version, tensors do not fit the
            architecture, or a weight is not finite; the message says which.
    """
    files = read_folder(folder, (MODEL, POLICY))
    about = _parse_policy(folder, files[POLICY])
    try:
        weights = load(files[MODEL])
    except SafetensorError as error:
        raise CheckpointError(f"{folder}/{MODEL}: damaged: {error}") from error
    try:
        network = network_of(about)
    except ValueError as error:
        raise CheckpointError(f"{folder}/{POLICY}: {error}") from error
    _check_tensors(folder, network.state_dict(), weights)
    _check_finite(f"{folder}/{MODEL}", weights)
    network.load_state_dict(weights)
    fingerprint = sha256(files[MODEL] + files[POLICY]).hexdigest()
    spec = msgspec.structs.replace(about.spec, checkpoint_sha256=fingerprint)
    about = msgspec.structs.replace(about, spec=spec)
    return Checkpoint(about=about, network=network.eval().requires_grad_(False))


def _parse_policy(folder: Path, data: bytes) -> PolicyFile:
    try:
        version = msgspec.json.decode(data, type=dict[str, msgspec.Raw]).get("version")
        if version is not None and bytes(version) != str(VERSION).encode():
            raise CheckpointError(
                f"{folder}/{POLICY}: version {bytes(version).decode()}, this code reads {VERSION}"
            )
        about = msgspec.json.decode(data, type=PolicyFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{folder}/{POLICY}: {error}") from error
    _check_policy(folder, about)
    return about


def _check_policy(folder: Path, about: PolicyFile) -> None:
    """Refuse a file whose parts contradict each other."""
    spec, window = about.spec, about.training.window
    pairs = {
        "obs_range": (len(about.obs_range.minimum), about.features.width),
        "action_range": (len(about.action_range.minimum), spec.action_dim),
        "spec.horizon": (spec.horizon, window.horizon - window.n_obs + 1),
        "spec.n_obs_steps": (spec.n_obs_steps, window.n_obs),
    }
    for key, (got, expected) in pairs.items():
        if got != expected:
            raise CheckpointError(f"{folder}/{POLICY}: {key}: got {got}, expected {expected}")


def _check_tensors(
    folder: Path, expected: Mapping[str, Tensor], weights: Mapping[str, Tensor]
) -> None:
    where = f"{folder}/{MODEL}"
    if missing := sorted(expected.keys() - weights.keys()):
        raise CheckpointError(f"{where}: {len(missing)} tensors missing, first {missing[0]}")
    if unknown := sorted(weights.keys() - expected.keys()):
        raise CheckpointError(f"{where}: {len(unknown)} unknown tensors, first {unknown[0]}")
    for name, tensor in expected.items():
        got = weights[name]
        if got.shape != tensor.shape or got.dtype != tensor.dtype:
            raise CheckpointError(
                f"{where}: {name}: got {tuple(got.shape)} {got.dtype}, "
                f"the architecture has {tuple(tensor.shape)} {tensor.dtype}"
            )


def _check_finite(where: str, weights: Mapping[str, Tensor]) -> None:
    for name, tensor in weights.items():
        if not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(f"{where}: {name}: holds a weight that is not finite")
