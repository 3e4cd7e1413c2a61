"""`eval --through cell`: the shipped policy through the whole mock cell, short."""

import json
from pathlib import Path

import pytest

from policy_server.__main__ import main
from policy_server.through_cell import CellPlan, evaluate_through_cell

ROOT = Path(__file__).parents[2]
POLICY = str(ROOT / "checkpoints" / "pusht-state")
UR5 = str(ROOT / "configs" / "mock" / "cell-ur5.toml")


def plan(**changes) -> CellPlan:
    values = {
        "policy": POLICY,
        "episodes_n": 1,
        "first_seed": 200_000,
        "config": UR5,
        "settings": ("task.max_episode_s=2.5",),
        "response_s": (0.03,),
    }
    return CellPlan(**{**values, **changes})


def test_the_shipped_policy_acts_through_the_cell_without_a_refusal_and_repeats_itself():
    first, second = (evaluate_through_cell(plan()) for _ in range(2))

    assert first.max_reward_by_seed == second.max_reward_by_seed
    assert (first.refused_n, first.breaches_n, first.stopped_n) == (0, 0, 0)
    assert 0.04 < first.action_age_p50_s < 0.15
    assert first.tracking_p99_px < 15.0


def test_the_command_writes_the_same_keys_as_the_board(tmp_path):
    out = tmp_path / "cell.json"

    code = main(
        f"eval --policy {POLICY} --through cell --config {UR5} --episodes 1 --response-s 0.03 "
        f"--set task.max_episode_s=1.0 --json {out}".split()
    )

    report = json.loads(out.read_text())
    assert code == 0
    assert report["episodes_n"] == 1
    assert {"mean_max_reward", "standard_error", "success_rate", "protocol"} <= set(report)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--config", str(ROOT / "configs" / "pusht")], "world"),
        (["--latency-steps", "1"], "--latency-steps"),
        (["--config", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_what_does_not_fit_is_one_line(words, named, capsys):
    code = main(["eval", "--policy", POLICY, "--through", "cell", "--episodes", "1", *words])

    lines = capsys.readouterr().err.strip().splitlines()
    assert code == 1
    assert len(lines) == 1
    assert named in lines[0]
