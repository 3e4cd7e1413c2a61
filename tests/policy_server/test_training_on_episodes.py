"""From recorded episodes to a checkpoint that says what it was made of."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")

from policy_server.__main__ import main
from robotd.episodes.demonstrations import load_demonstrations
from robotd.episodes.replay_zip import load_replay
from tests.episodes.made_episode import ROOT, Made, write_episode

CONFIG = ROOT / "configs" / "train" / "pusht_state_unet.toml"
TINY = ("--debug", "--set=network.widths=[8, 16]", "--set=network.groups=4")


@pytest.fixture
def dataset(tmp_path):
    for number in range(3):
        made = Made(id=f"20260101-12000{number}-000{number}", label="success" if number else "")
        write_episode(tmp_path / "my_task", made)
    return tmp_path / "my_task"


def train(dataset, out, *more):
    words = ["train", "--config", str(CONFIG), "--dataset", str(dataset), "--out", str(out)]
    return main([*words, *TINY, *more])


def test_a_policy_names_its_data_set_and_the_filter_of_the_cell(dataset, tmp_path, capsys):
    assert train(dataset, tmp_path / "run") == 0

    policy = json.loads((tmp_path / "run/best/policy.json").read_text())
    assert policy["training"]["data"]["dataset"] == "my_task"
    assert policy["dataset_sha256"] == load_demonstrations(dataset).sha256
    assert policy["spec"]["command_filter"] == "pusht_pd"
    assert policy["spec"]["dt_s"] == 0.1
    assert "3 demonstrations" in capsys.readouterr().out


def test_episodes_are_chosen_in_the_configuration(dataset, tmp_path, capsys):
    assert train(dataset, tmp_path / "run", '--set=data.select.labels=["success"]') == 0

    policy = json.loads((tmp_path / "run/best/policy.json").read_text())
    assert policy["training"]["data"]["select"]["labels"] == ["success"]
    assert "2 demonstrations" in capsys.readouterr().out


def test_a_damaged_episode_stops_it_unless_told_otherwise(dataset, tmp_path, capsys):
    (dataset / "20260101-120001-0001" / "episode.json").write_bytes(b"{}\n")

    assert train(dataset, tmp_path / "one") == 1
    assert "20260101-120001-0001" in capsys.readouterr().err
    assert train(dataset, tmp_path / "two", "--skip-damaged") == 0


def test_an_npz_for_another_machine_holds_the_same(dataset, tmp_path):
    assert main(["export-npz", str(dataset), str(tmp_path / "out.npz")]) == 0

    here, there = load_demonstrations(dataset), load_replay(tmp_path / "out.npz")
    assert np.array_equal(here.arrays["action"], there.arrays["action"])
