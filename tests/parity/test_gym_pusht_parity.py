"""Our board against the benchmark itself, which runs in a virtual environment of its own."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from robotd.episodes.replay_zip import load_replay
from robotd.sim.pusht import PushTBoard
from robotd.sim.pusht_geometry import coverage, score
from robotd.sim.pusht_protocol import EPISODE_STEPS, FIRST_TEST_SEED, draw_start
from robotd.sim.render import render_board

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-parity/bin/python"
DATA = ROOT / "../shared/data/pusht_cchi_v7_replay.zarr.zip"

REWARD_TOL = 1e-6
STATE_TOL = 1e-6
"""px and rad."""


@pytest.fixture
def run_benchmark(tmp_path):
    """Run gym-pusht on starts and actions; see `run_gym_pusht.py`."""
    if not PYTHON.is_file():
        message = f"gym-pusht is not installed in {PYTHON.parents[1]}: run `make test`"
        if os.environ.get("ROBOTD_REQUIRE_PARITY") == "1":
            pytest.fail(message)
        pytest.skip(message)

    def run(*, starts=(), legacy=False, actions=(), pictures=()):
        source, target = tmp_path / "given.npz", tmp_path / "got.npz"
        np.savez(
            source,
            starts=np.reshape(starts, (-1, 5)),
            legacy=np.full(len(starts), legacy),
            steps_n=[len(rows) for rows in actions],
            actions=np.concatenate([np.zeros((0, 2)), *actions]),
            pictures=np.reshape(pictures, (-1, 5)),
        )
        script = Path(__file__).with_name("run_gym_pusht.py")
        done = subprocess.run(
            [PYTHON, "-W", "ignore", script, source, target],
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr
        return np.load(target)

    return run


def replay(board, actions):
    """States (T, 5) after each action."""
    states = []
    for action in actions:
        board.step_action(action)
        states.append(board.state)
    return states


def stream(board, seed):
    """Actions (300, 2) for one episode: even seeds roam the board, odd ones push the block."""
    rng = np.random.default_rng(seed)
    actions = []
    for step in range(EPISODE_STEPS):
        if seed % 2:
            action = np.clip(board.state[2:4] + rng.normal(0, 60, 2), 0, 512)
        elif step % 5 == 0:
            action = rng.uniform(20, 490, 2)
        actions.append(action)
        board.step_action(action)
    return np.array(actions)


def assert_equal_episodes(placed, states, theirs):
    rewards = score(coverage(np.array(states)[:, 2:]))
    np.testing.assert_allclose(placed, theirs["placed"], atol=STATE_TOL)
    np.testing.assert_allclose(rewards, theirs["rewards"], atol=REWARD_TOL, rtol=0)
    np.testing.assert_allclose(states, theirs["states"], atol=STATE_TOL, rtol=0)


def test_seeded_episodes_give_the_benchmarks_states_and_rewards(run_benchmark):
    seeds = range(FIRST_TEST_SEED, FIRST_TEST_SEED + 20)
    board = PushTBoard()
    placed, states, actions = [], [], []
    for seed in seeds:
        board.reset(seed)
        actions.append(stream(board, seed))
        board.reset(seed)
        placed.append(board.state)
        states += replay(board, actions[-1])

    theirs = run_benchmark(
        starts=[draw_start(seed) for seed in seeds], legacy=True, actions=actions
    )

    assert_equal_episodes(placed, states, theirs)


@pytest.mark.skipif(
    not DATA.is_file(), reason="the Push-T demonstrations do not lie beside the checkout"
)
def test_all_demonstrations_give_the_benchmarks_states_and_rewards(run_benchmark):
    episodes = load_replay(DATA)
    cuts = np.cumsum(episodes.lengths)
    actions = np.split(episodes.arrays["action"].astype(np.float64), cuts[:-1])
    recorded = np.hstack([episodes.arrays["agent_xy"], episodes.arrays["block_pose"]])
    starts = recorded[[0, *cuts[:-1]]].astype(np.float64)
    board = PushTBoard()
    placed, states = [], []
    for start, rows in zip(starts, actions, strict=True):
        board.place(start)
        placed.append(board.state)
        states += replay(board, rows)

    theirs = run_benchmark(starts=starts, legacy=False, actions=actions)

    assert len(starts) == 206
    assert_equal_episodes(placed, states, theirs)


def test_pictures_differ_from_the_benchmarks_on_edges_alone(run_benchmark):
    rng = np.random.default_rng(0)
    states = np.column_stack([rng.uniform(60, 450, (40, 4)), rng.uniform(0, 2 * np.pi, 40)])
    states[:, :2] = (states[:, 2:4] + 256) % 512  # the agent beside the block

    theirs = run_benchmark(pictures=states)

    for size_px, name, share in ((96, "rgb", 0.010), (512, "large_rgb", 0.005)):
        ours = np.array([render_board(state, size_px) for state in states])
        apart = np.abs(ours.astype(int) - theirs[name]).max(axis=-1)
        assert (apart > 8).mean(axis=(1, 2)).max() < share
        assert apart.mean() < 0.5  # of 255
