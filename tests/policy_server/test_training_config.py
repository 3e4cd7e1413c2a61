from pathlib import Path

import pytest

pytest.importorskip("torch")

from policy_server.training.config import TrainConfig
from robotd.core.config_load import load_toml
from robotd.core.errors import ConfigError

CONFIGS = sorted((Path(__file__).parents[2] / "configs" / "train").glob("pusht_state_*.toml"))
UNET = CONFIGS[-1]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configurations_are_valid(path):
    config = load_toml(path, TrainConfig)

    assert config.name == path.stem.replace("_", "-")


def test_every_network_is_shipped():
    kinds = [type(load_toml(path, TrainConfig).network).__name__ for path in CONFIGS]

    assert kinds == ["MlpConfig", "TransformerConfig", "UnetConfig"]


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"optimiser": {"lr": -1.0}}, r"optimiser\.lr.*-1\.0"),
        ({"optimiser": {"learning_rate": 1.0}}, r"optimiser\.learning_rate.*unknown key"),
        ({"run": {"precission": "fp32"}}, "did you mean `precision`"),
        ({"run": {"precision": "bf17"}}, "did you mean `bf16`"),
        ({"diffusion": {"sampler_steps": 16}}, "nearest valid number is 20"),
        ({"diffusion": {"sampler_steps": 16, "spacing": "leading"}}, None),
        ({"window": {"n_action_steps": 16}}, "at most the 15 rows"),
        ({"window": {"n_action_steps": 15}}, None),
        ({"run": {"rollout_every": 300}}, "multiple of validate_every = 250, not 300"),
        ({"run": {"rollout_first_seed": 199_999}}, "must not pick it"),
        ({"run": {"rollout_first_seed": 199_950}}, None),
        ({"network": {"kernel": 4}}, "an odd kernel.* not 4"),
        ({"network": {"widht": [8]}}, "did you mean `widths`"),
        (
            {"network": {"kind": "rnn"}},
            r"network\.kind: got 'rnn', expected one of unet, transformer, mlp",
        ),
        ({"name": "Bad Name"}, "name"),
    ],
)
def test_values_are_checked_against_each_other(overrides, says):
    if says is None:
        load_toml(UNET, TrainConfig, overrides)
        return
    with pytest.raises(ConfigError, match=says) as caught:
        load_toml(UNET, TrainConfig, overrides)
    assert str(UNET) in str(caught.value)
    assert "\n" not in str(caught.value)
