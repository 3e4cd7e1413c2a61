import json
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from policy_server.__main__ import main  # noqa: E402
from policy_server.checkpoint import load_checkpoint  # noqa: E402
from policy_server.models.transformer import TransformerConfig  # noqa: E402
from policy_server.training.ema import ema_decay, update_ema  # noqa: E402
from policy_server.training.learner import learning_rate  # noqa: E402
from policy_server.training.log import read_log  # noqa: E402
from policy_server.training.loop import train  # noqa: E402
from policy_server.training.progress import LineProgress, SilentProgress  # noqa: E402
from policy_server.training.state import load_state  # noqa: E402
from robotd.core.errors import CheckpointError, ConfigError, RobotdError  # noqa: E402

ROOT = Path(__file__).parents[2]
UNET = ROOT / "configs" / "train" / "pusht_state_unet.toml"
TINY_NETWORK = [
    "--set=network.widths=[8, 16]",
    "--set=network.groups=4",
    "--set=network.kernel=3",
]


@pytest.fixture
def dataset(episodes, tmp_path):
    """The tiny demonstrations as a file."""
    arrays = episodes.arrays
    np.savez(
        tmp_path / "tiny.npz",
        state=np.concatenate([arrays["agent_xy"], arrays["block_pose"]], axis=1),
        action=arrays["action"],
        episode_ends=np.cumsum(episodes.lengths),
    )
    return tmp_path / "tiny.npz"


def weights_of(folder):
    return load_checkpoint(folder).network.state_dict()


def same(first, second):
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )


def with_dropout(config):
    network = TransformerConfig(width=8, layers=1, heads=2, feedforward=8, dropout=0.3)
    return msgspec.structs.replace(config, network=network)


@pytest.mark.parametrize("change", [lambda config: config, with_dropout], ids=["unet", "dropout"])
@pytest.mark.parametrize("stop", [3, 8])
def test_a_resumed_run_equals_an_unbroken_one_bit_for_bit(
    tiny_config, episodes, tmp_path, stop_after, stop, change
):
    config = change(tiny_config)
    train(config, episodes, tmp_path / "whole", progress=SilentProgress())
    broken = tmp_path / "broken"
    train(config, episodes, broken, progress=SilentProgress(), should_stop=stop_after(stop))

    outcome = train(config, episodes, broken, progress=SilentProgress(), resume=load_state(broken))

    assert outcome.finished
    assert same(weights_of(tmp_path / "whole" / "last"), weights_of(broken / "last"))
    whole, resumed = load_state(tmp_path / "whole"), load_state(broken)
    assert whole.state == resumed.state
    assert same(whole.tensors, resumed.tensors)


def test_the_log_of_a_resumed_run_has_no_step_twice(tiny_config, episodes, tmp_path, stop_after):
    train(tiny_config, episodes, tmp_path, progress=SilentProgress(), should_stop=stop_after(6))
    saved = load_state(tmp_path)
    with (tmp_path / "log.jsonl").open("ab") as log:  # a crash after the last save
        log.write(b'{"step":8,"loss":1.0}\n{"step":9,"lo')

    train(tiny_config, episodes, tmp_path, progress=SilentProgress(), resume=saved)

    steps = [line["step"] for line in read_log(tmp_path) if "loss" in line]
    assert steps == [2, 4, 6, 8, 10, 12]


def test_a_run_leaves_its_log_state_and_checkpoints(tiny_run):
    lines = read_log(tiny_run)

    assert {path.name for path in tiny_run.iterdir()} == {
        "last",
        "best",
        "state.safetensors",
        "log.jsonl",
    }
    assert [line["step"] for line in lines if "validation_loss" in line] == [4, 8, 12]
    assert load_state(tiny_run).state.step == 12
    assert load_checkpoint(tiny_run / "last").about.step == 12


def test_best_has_the_least_validation_loss(tiny_run):
    losses = {
        line["step"]: line["validation_loss"]
        for line in read_log(tiny_run)
        if "validation_loss" in line
    }

    best = load_checkpoint(tiny_run / "best").about

    assert best.step == min(losses, key=losses.get)
    assert best.figures["validation_loss"] == min(losses.values())


def test_best_has_the_best_score_where_there_are_roll_outs(tiny_config, episodes, tmp_path):
    pytest.importorskip("pymunk")
    run = msgspec.structs.replace(
        tiny_config.run, validate_every=6, rollout_every=6, rollout_episodes=2
    )
    config = msgspec.structs.replace(tiny_config, run=run)

    outcome = train(config, episodes, tmp_path, progress=SilentProgress())

    scores = [line["score"] for line in read_log(tmp_path) if "score" in line]
    assert len(scores) == 2
    assert outcome.best == max(scores)


def test_other_demonstrations_are_refused_at_resume(tiny_config, episodes, tmp_path, stop_after):
    import dataclasses

    train(tiny_config, episodes, tmp_path, progress=SilentProgress(), should_stop=stop_after(2))
    others = dataclasses.replace(episodes, sha256="others")

    with pytest.raises(CheckpointError, match="begun on other demonstrations"):
        train(tiny_config, others, tmp_path, progress=SilentProgress(), resume=load_state(tmp_path))


@pytest.mark.parametrize("damage", ["missing", "truncated", "garbage"])
def test_a_state_that_cannot_be_read_is_one_line(tiny_run, tmp_path, damage):
    data = (tiny_run / "state.safetensors").read_bytes()
    if damage != "missing":
        kept = data[: len(data) // 2] if damage == "truncated" else b"garbage" * 100
        (tmp_path / "state.safetensors").write_bytes(kept)

    with pytest.raises(CheckpointError, match=r"state\.safetensors: (no such file|damaged)"):
        load_state(tmp_path)


def test_a_run_whose_loss_is_not_finite_says_so(tiny_config, episodes, tmp_path, stop_after):
    train(tiny_config, episodes, tmp_path, progress=SilentProgress(), should_stop=stop_after(2))
    saved = load_state(tmp_path)
    saved.tensors["weights.head.1.bias"].fill_(torch.nan)

    with pytest.raises(RobotdError, match=r"diverged at step 4: .*lower optimiser\.lr"):
        train(tiny_config, episodes, tmp_path, progress=SilentProgress(), resume=saved)
    assert load_state(tmp_path).state.step == 2


def test_learning_rate_warms_up_and_falls_to_zero(tiny_config):
    optimiser = msgspec.structs.replace(tiny_config.optimiser, lr=1.0, steps=100, warmup_steps=10)
    rates = [learning_rate(step, optimiser) for step in range(100)]

    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[10] == pytest.approx(1.0)
    assert rates[-1] < 1e-3
    assert all(before >= after for before, after in pairwise(rates[10:]))


def test_the_average_forgets_early_weights_and_is_capped():
    assert ema_decay(0, power=0.75, maximum=0.9999) == 0
    assert ema_decay(10**9, power=0.75, maximum=0.9999) == 0.9999
    mean, weight = torch.zeros(3), torch.ones(3)
    update_ema([mean], [weight], decay=0.9)
    assert torch.allclose(mean, torch.full((3,), 0.1))


def test_debug_run_from_the_command_line(dataset, tmp_path, capsys):
    out = tmp_path / "run"
    arguments = ["train", "--config", str(UNET), "--dataset", str(dataset), "--out", str(out)]

    status = main([*arguments, *TINY_NETWORK, "--debug"])

    assert status == 0
    assert "finished: step 20 of 20" in capsys.readouterr().out
    assert load_checkpoint(out / "best").about.spec.name == "pusht-state-unet"
    assert main([*arguments, *TINY_NETWORK, "--debug"]) == 1
    assert f"go on with it by --resume {out}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--config: got nothing"),
        (["--config", "none.toml"], "none.toml"),
        (["--config", str(UNET)], "data.dataset: got nothing"),
        (["--config", str(UNET), "--dataset", "none.zip"], "none.zip: no such file"),
        (["--config", str(UNET), "--set", "optimiser.lr"], "expected `key.name=value`"),
        (["--config", str(UNET), "--set", "optimiser.lt=1"], "did you mean `lr`"),
        (["--config", str(UNET), "--steps", "0"], "optimiser.steps"),
        (["--config", str(UNET), "--dataset", "TINY", "--device", "cuda:77"], "device: got"),
        (["--config", str(UNET), "--dataset", "TINY", "--device", "gpu"], "device: got 'gpu'"),
        (["--resume", "nowhere"], "there is no run to resume in nowhere"),
        (["--resume", "nowhere", "--steps", "3"], "only --dataset"),
    ],
)
def test_bad_arguments_are_one_line_and_not_zero(
    arguments, says, dataset, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)

    status = main(["train", *(str(dataset) if word == "TINY" else word for word in arguments)])

    error = capsys.readouterr().err
    assert status == 1
    assert says in error
    assert error.count("\n") == 1


def test_ctrl_c_saves_a_loadable_last_and_resume_goes_on(dataset, tmp_path):
    out = tmp_path / "run"
    command = [
        sys.executable, "-m", "policy_server", "train", "--config", str(UNET),
        "--dataset", str(dataset), "--out", str(out), *TINY_NETWORK,
        "--set=optimiser.steps=1000000", "--set=run.log_every=1", "--set=optimiser.batch=4",
    ]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        process.stderr.readline()  # the first step is done
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "stopped at step" in output
    assert f"--resume {out}" in output
    assert "Traceback" not in errors
    assert load_checkpoint(out / "last").about.step == load_state(out).state.step >= 1


def test_line_progress_says_when_it_will_be_done(capsys):
    progress = LineProgress(100, batch=10, stream=sys.stderr)

    progress.update(40, loss=0.5, samples_per_s=10.0)
    progress.note(40, {"score": 0.75})

    assert capsys.readouterr().err.splitlines() == [
        "step 40/100  loss 0.50000  10 samples/s  1.0 min to go",
        "step 40  score 0.7500",
    ]


def test_curves_are_drawn(tiny_run, tmp_path):
    pytest.importorskip("matplotlib")
    from policy_server.training.curves import draw_curves

    (tmp_path / "log.jsonl").write_bytes((tiny_run / "log.jsonl").read_bytes())
    line = {"step": 12, "score": 0.5}
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write(json.dumps(line) + "\n")

    picture = draw_curves(tmp_path)

    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_network_that_does_not_fit_the_window_is_refused(tiny_config, episodes, tmp_path):
    window = msgspec.structs.replace(tiny_config.window, horizon=15)
    config = msgspec.structs.replace(tiny_config, window=window)

    with pytest.raises(ConfigError, match="a multiple of 2, not 15"):
        train(config, episodes, tmp_path, progress=SilentProgress())
