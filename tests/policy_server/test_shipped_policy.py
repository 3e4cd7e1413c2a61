from pathlib import Path

import pytest

pytest.importorskip("torch")

from policy_server.checkpoint import load_checkpoint
from policy_server.engine import Engine
from policy_server.rollout import roll_out
from robotd.core.pusht_spec import pusht_spec

SHIPPED = Path(__file__).parents[2] / "checkpoints" / "pusht-state"


def test_the_shipped_policy_is_small_and_says_where_it_is_from():
    about = load_checkpoint(SHIPPED).about

    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 10_000_000
    assert about.training.diffusion.sampler_steps <= 10
    assert about.dataset_sha256.startswith("96b51460")
    assert about.training.data.dataset == "pusht_cchi_v7_replay.zarr.zip"
    assert len(about.git_revision) == 40


def test_the_shipped_policy_speaks_as_the_other_pusht_policies_do():
    spec = load_checkpoint(SHIPPED).about.spec
    expected = pusht_spec("any")

    for field in ("observation", "dt_s", "n_obs_steps", "horizon", "n_action_steps", "i0"):
        assert getattr(spec, field) == getattr(expected, field)
    for field in ("action_dim", "action_space", "action_unit", "meaning"):
        assert getattr(spec, field) == getattr(expected, field)


def test_the_shipped_policy_pushes_the_block_to_its_goal():
    pytest.importorskip("pymunk")

    scores = roll_out(Engine(load_checkpoint(SHIPPED)), range(300_000, 300_012)).scores

    assert scores.mean() > 0.85  # 0.98 over many seeds; 12 episodes have a standard error of 0.03
