"""From demonstrations to normalised windows, and what a checkpoint says of them."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec

from policy_server.checkpoint import PolicyFile
from policy_server.device import find_device
from policy_server.features import FEATURES
from policy_server.normalizer import fit_min_max
from policy_server.training.batches import Windows, cut, make_windows
from policy_server.training.config import TrainConfig
from policy_server.training.mirror import with_mirror
from robotd.core.errors import DatasetError
from robotd.core.pusht_spec import pusht_spec
from robotd.core.spec import PolicySpec
from robotd.episodes.source import EpisodeSource, split_episodes


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Data of a run on its device, and the policy file that its checkpoints share.

    Attributes:
        train: Training windows, with their mirror images where the configuration says so.
        validation: Windows of the held-out episodes.
        about: The policy file at step 0.
    """

    train: Windows
    validation: Windows
    about: PolicyFile


def prepare(config: TrainConfig, source: EpisodeSource) -> Prepared:
    """Split, mirror, measure the ranges of the training data, and cut windows.

    Raises:
        DatasetError: Too few episodes, or none long enough for a window.
        ConfigError: The device is not there.
    """
    try:
        train, validation = split_episodes(
            source, validation=config.data.validation_episodes, seed=config.run.seed
        )
    except ValueError as error:
        raise DatasetError(str(error)) from error
    device = find_device(config.run.device)
    train = with_mirror(train) if config.data.mirror else train
    features = FEATURES[config.data.features]()
    obs_range = fit_min_max(features.encode(train.arrays))
    cuts = [cut(part, features=features, window=config.window) for part in (train, validation)]
    if not len(cuts[0].rows):
        raise DatasetError(f"no episode is long enough for a horizon of {config.window.horizon}")
    action_range = fit_min_max(cuts[0].action.reshape(-1, cuts[0].action.shape[-1]))
    train_windows, validation_windows = (
        make_windows(each, obs_range=obs_range, action_range=action_range, device=device)
        for each in cuts
    )
    # A checkpoint travels: it names the file that it learnt from, not where that lay.
    data = msgspec.structs.replace(config.data, dataset=Path(config.data.dataset).name)
    about = PolicyFile(
        spec=_spec(config, source),
        features=features,
        obs_range=obs_range,
        action_range=action_range,
        training=msgspec.structs.replace(config, data=data),
        step=0,
        dataset_sha256=source.sha256,
        git_revision=_git_revision(),
        figures={},
    )
    return Prepared(train=train_windows, validation=validation_windows, about=about)


def _spec(config: TrainConfig, source: EpisodeSource) -> PolicySpec:
    window = config.window
    spec = pusht_spec(
        config.name,
        n_obs_steps=window.n_obs,
        dt_s=source.dt_s,
        horizon=window.horizon - window.n_obs + 1,
        n_action_steps=window.n_action_steps,
        sampler="ddim",
        steps=config.diffusion.sampler_steps,
    )
    return msgspec.structs.replace(spec, command_filter=source.command_filter)


def _git_revision() -> str:
    """Return the revision of the source tree, or an empty text outside of one."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
