"""Tiny demonstrations, configurations and checkpoints that train in well under a second."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from policy_server.models.unet1d import UnetConfig  # noqa: E402
from policy_server.training.config import (  # noqa: E402
    DataConfig,
    DiffusionConfig,
    OptimiserConfig,
    RunConfig,
    TrainConfig,
)
from policy_server.training.loop import train  # noqa: E402
from policy_server.training.progress import SilentProgress  # noqa: E402
from robotd.episodes.source import Episodes  # noqa: E402


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def episodes() -> Episodes:
    """Six short episodes of a wandering agent; each action is where it goes next."""
    generator = np.random.default_rng(7)
    lengths = np.array([20, 35, 27, 40, 16, 30])
    rows = int(lengths.sum())
    agent = np.clip(256 + np.cumsum(generator.normal(0, 6, (rows, 2)), axis=0), 20, 490)
    block = np.column_stack(
        [generator.uniform(100, 400, (rows, 2)), generator.uniform(0, 2 * np.pi, rows)]
    )
    action = np.clip(agent + generator.normal(0, 5, (rows, 2)), 12, 511)
    arrays = {"agent_xy": agent, "block_pose": block, "action": action}
    return Episodes(
        arrays={key: array.astype(np.float32) for key, array in arrays.items()},
        lengths=lengths,
        dt_s=0.1,
        sha256="made-up",
    )


@pytest.fixture(scope="session")
def tiny_config() -> TrainConfig:
    """Twelve steps of a net with a few thousand weights."""
    return TrainConfig(
        name="tiny",
        network=UnetConfig(widths=(8, 16), kernel=3, groups=4, step_width=8),
        diffusion=DiffusionConfig(sampler_steps=2),
        data=DataConfig(validation_episodes=1),
        optimiser=OptimiserConfig(batch=16, steps=12, warmup_steps=3),
        run=RunConfig(log_every=2, validate_every=4, threads=1),
    )


@pytest.fixture(scope="session")
def tiny_run(
    tiny_config: TrainConfig, episodes: Episodes, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of a finished run; not to be written to."""
    out = tmp_path_factory.mktemp("runs") / "tiny"
    train(tiny_config, episodes, out, progress=SilentProgress())
    return out


@pytest.fixture
def stop_after() -> Callable[[int], Callable[[], bool]]:
    """Make a `should_stop` that lets so many steps pass."""

    def make(steps: int) -> Callable[[], bool]:
        asked = iter(range(10**9))
        return lambda: next(asked) >= steps

    return make
