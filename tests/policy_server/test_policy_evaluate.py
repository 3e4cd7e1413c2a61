import msgspec
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("pymunk")

from policy_server.__main__ import main
from policy_server.evaluate import EvalPlan, evaluate
from policy_server.evaluate_media import pick_episodes
from policy_server.rollout import Rollout, roll_out
from robotd.core.errors import WireError
from robotd.core.figures import (
    bootstrap_interval,
    standard_error,
    wilson_interval,
)
from robotd.core.spec import PolicySpec
from robotd.sim.pusht_batch import PushTBatch

SPEC = PolicySpec(
    name="recorder",
    observation=(),
    n_obs_steps=2,
    dt_s=0.1,
    horizon=15,
    n_action_steps=8,
    action_dim=2,
    action_space="board_xy",
    action_unit="px",
    meaning="command",
    samplers=(),
)


class Recorder:
    """A policy whose rows say which row of which chunk they are: x = 100 + 10 chunk + row."""

    spec = SPEC

    def __init__(self):
        self.requests = []

    def infer(self, requests):
        self.requests.append(requests)
        rows = 100 + 20 * (len(self.requests) - 1) + np.arange(15, dtype=np.float32)
        return [np.column_stack([rows, rows]) for _ in requests]


class RecordingBatch(PushTBatch):
    """Boards that remember the x that the first one was told."""

    def __init__(self, max_steps):
        super().__init__(max_steps)
        self.actions = []

    def step(self, actions_px):
        self.actions.append(float(np.asarray(actions_px)[0, 0]))
        return super().step(actions_px)


def test_chunks_are_executed_for_eight_rows_each():
    boards = RecordingBatch(18)

    roll_out(Recorder(), [200_000], max_steps=18, boards=boards)

    assert boards.actions == [*range(100, 108), *range(120, 128), *range(140, 142)]


def test_with_latency_rows_are_found_by_time_and_the_old_chunk_goes_on():
    boards = RecordingBatch(19)

    roll_out(Recorder(), [200_000], max_steps=19, latency_steps=2, boards=boards)

    actions, start = boards.actions, boards.actions[0]
    assert actions[:2] == [start, start]  # nothing to act on yet: stay
    assert actions[2:10] == [*range(102, 110)]
    assert actions[10:18] == [*range(122, 130)]


@pytest.mark.parametrize("latency", [-1, 8])
def test_a_latency_longer_than_a_chunk_is_refused(latency):
    with pytest.raises(ValueError, match=r"expected 0\.\.7"):
        roll_out(Recorder(), [200_000], latency_steps=latency)


def test_the_first_window_repeats_the_start_and_later_ones_are_consecutive():
    policy = Recorder()

    rollout = roll_out(policy, [200_000, 200_001], max_steps=9)

    first, second = (requests[1].arrays for requests in policy.requests)
    assert np.array_equal(first["agent_xy"][0], first["agent_xy"][1])
    window = np.concatenate([second["agent_xy"], second["block_pose"]], axis=1)
    assert np.array_equal(window, rollout.states[7:9, 1].astype(np.float32))


def test_every_request_has_its_own_seed():
    policy = Recorder()

    roll_out(policy, [200_000, 200_001], max_steps=20)

    seeds = [request.seed for requests in policy.requests for request in requests]
    assert len(set(seeds)) == len(seeds) == 6


def plan_of(tiny_run, **changes):
    values = {"policy": str(tiny_run / "best"), "episodes_n": 4, "first_seed": 200_000}
    return EvalPlan(**values | {"sampler_steps": 2} | changes)


def test_scores_are_the_same_every_time(tiny_run):
    first, rollout = evaluate(plan_of(tiny_run, block=2))
    second, _ = evaluate(plan_of(tiny_run, block=2))

    assert first.max_reward_by_seed == second.max_reward_by_seed
    assert rollout.seeds.tolist() == [200_000, 200_001, 200_002, 200_003]


@pytest.mark.slow
def test_two_processes_give_the_score_of_one(tiny_run):
    alone, _ = evaluate(plan_of(tiny_run, block=2))
    together, _ = evaluate(plan_of(tiny_run, block=2), workers=2)

    assert alone.max_reward_by_seed == together.max_reward_by_seed


def test_eval_writes_its_figures(tiny_run, tmp_path, capsys):
    file = tmp_path / "new" / "figures.json"
    policy = str(tiny_run / "best")

    status = main(
        ["eval", "--policy", policy, "--episodes", "4", "--steps", "1", "--json", str(file)]
    )

    assert status == 0
    assert "mean max reward" in capsys.readouterr().out
    figures = msgspec.json.decode(file.read_bytes())
    assert {
        "mean_max_reward",
        "mean_max_coverage",
        "success_rate",
        "standard_error",
        "episodes_n",
        "protocol",
    } <= figures.keys()
    assert figures["episodes_n"] == 4
    assert "200000..200003" in figures["protocol"]
    assert figures["mean_max_reward"] == pytest.approx(np.mean(figures["max_reward_by_seed"]))
    low, high = figures["mean_max_reward_ci95"]
    assert low <= figures["mean_max_reward"] <= high


def test_pictures_and_videos_are_written(tiny_run, tmp_path, capsys):
    pytest.importorskip("cv2")
    av = pytest.importorskip("av")

    status = main(
        ["eval", "--policy", str(tiny_run / "best"), "--episodes", "1", "--steps", "1",
         "--out", str(tmp_path / "out")]
    )  # fmt: skip

    assert status == 0
    names = sorted(path.name.split("_")[0] + path.suffix for path in (tmp_path / "out").iterdir())
    assert names == ["best.mp4", "best.png", "median.mp4", "median.png", "worst.mp4", "worst.png"]
    with av.open(str(next((tmp_path / "out").glob("best*.mp4")))) as video:
        assert sum(1 for _ in video.decode(video=0)) == 301


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--policy", "nowhere"], "nowhere: no such checkpoint folder"),
        (["--policy", "TINY", "--episodes", "0"], "--episodes: got 0, expected at least 1"),
        (["--policy", "TINY", "--device", "gpu"], "device: got 'gpu'"),
        (["--policy", "TINY", "--steps", "16"], "nearest valid number is 20"),
        (["--policy", "TINY", "--latency-steps", "9"], "latency steps: got 9, expected 0 to 7"),
        (["--policy", "TINY", "--episodes", "1", "--steps", "1", "--json", "/proc/no/x"], "/proc"),
    ],
)
def test_bad_arguments_of_eval_are_one_line(tiny_run, arguments, says, capsys):
    policy = str(tiny_run / "best")

    status = main(["eval", *(policy if word == "TINY" else word for word in arguments)])

    error = capsys.readouterr().err
    assert status == 1
    assert says in error
    assert error.count("\n") == 1


def test_best_is_the_fastest_of_the_perfect_and_worst_the_lowest():
    rollout = Rollout(
        seeds=np.arange(5),
        max_coverage=np.array([0.5, 0.96, 0.2, 0.99, 0.7]),
        success=np.array([False, True, False, True, False]),
        steps=np.array([300, 120, 300, 90, 300]),
        states=np.zeros((301, 5, 5)),
    )

    assert pick_episodes(rollout) == {"best": 3, "median": 4, "worst": 2}


def test_standard_error_is_that_of_the_mean():
    values = np.random.default_rng(0).normal(0, 2.0, 400)

    assert standard_error(values) == pytest.approx(2.0 / 20, rel=0.1)
    assert standard_error(values[:1]) == 0


def test_bootstrap_agrees_with_the_normal_interval_of_many_values():
    values = np.random.default_rng(0).normal(5, 1.0, 500)

    low, high = bootstrap_interval(values)

    assert low == pytest.approx(values.mean() - 1.96 * standard_error(values), abs=0.01)
    assert high == pytest.approx(values.mean() + 1.96 * standard_error(values), abs=0.01)


def test_wilson_interval_is_the_published_one():
    low, high = wilson_interval(81, 263)  # Newcombe 1998, table I: 0.2553 to 0.3662

    assert low == pytest.approx(0.2553, abs=1e-4)
    assert high == pytest.approx(0.3662, abs=1e-4)
    assert wilson_interval(0, 10)[0] == pytest.approx(0, abs=1e-12)
    assert wilson_interval(10, 10)[1] == pytest.approx(1, abs=1e-12)


def test_a_sampler_that_cannot_is_refused_before_any_episode(tiny_run):
    with pytest.raises(WireError, match="nearest"):
        evaluate(plan_of(tiny_run, sampler_steps=3))
