"""The human demonstrations on our board; where the data file lies beside the checkout."""

import json
import zipfile
from pathlib import Path

import numcodecs
import numpy as np
import pytest

from robotd.episodes.replay_zip import load_replay
from robotd.sim.pusht import PushTBoard
from robotd.sim.pusht_geometry import coverage, keypoints, mirror_state, mirror_xy, score
from robotd.sim.render import render_board

DATA = Path(__file__).parents[2] / "../shared/data/pusht_cchi_v7_replay.zarr.zip"

pytestmark = pytest.mark.skipif(
    not DATA.is_file(), reason="the Push-T demonstrations do not lie beside the checkout"
)


@pytest.fixture(scope="module")
def demonstrations():
    """Per episode: recorded states (T, 5), actions (T, 2)."""
    episodes = load_replay(DATA)
    cuts = np.cumsum(episodes.lengths)[:-1]
    rows = np.concatenate([episodes.arrays["agent_xy"], episodes.arrays["block_pose"]], axis=1)
    states = np.split(rows.astype(np.float64), cuts)
    actions = np.split(episodes.arrays["action"].astype(np.float64), cuts)
    return list(zip(states, actions, strict=True))


def first_chunk(key):
    """The first rows of an array that the training does not need."""
    with zipfile.ZipFile(DATA) as store:
        meta = json.loads(store.read(f"data/{key}/.zarray"))
        chunk = store.read(f"data/{key}/" + ".".join("0" * len(meta["shape"])))
    values = np.frombuffer(numcodecs.get_codec(meta["compressor"]).decode(chunk), meta["dtype"])
    return values.reshape(meta["chunks"])


def replay(start, actions):
    """States (T, 5) after each action, open loop."""
    board = PushTBoard()
    board.place(start)
    states = []
    for action in actions:
        board.step_action(action)
        states.append(board.state)
    return np.array(states)


def test_replayed_demonstrations_reach_the_goal_as_recorded(demonstrations):
    largest, error_px = [], []
    for recorded, actions in demonstrations:
        states = replay(recorded[0], actions)
        largest.append(score(coverage(states[:, 2:])).max())
        error_px.append(np.abs(states[:-1, 2:4] - recorded[1:, 2:4]).max())

    assert len(largest) == 206
    assert min(largest) >= 0.90
    assert np.mean(largest) == pytest.approx(0.9468, abs=5e-4)
    assert np.median(error_px) < 1e-3
    assert max(error_px) < 1.0


def test_mirrored_demonstrations_score_as_much(demonstrations):
    apart = []
    for recorded, actions in demonstrations[::5]:
        states = replay(recorded[0], actions)
        mirrored = replay(mirror_state(recorded[0]), mirror_xy(actions))
        ours, theirs = (score(coverage(s[:, 2:])).max() for s in (states, mirrored))
        apart.append(abs(ours - theirs))

    # Exact but where two contacts tie and the solver takes them in another order.
    assert np.median(apart) < 1e-9
    assert np.mean(apart) < 0.005


def test_key_points_are_those_recorded(demonstrations):
    recorded = first_chunk("keypoint")
    poses = np.concatenate([states for states, _ in demonstrations[:2]])[: len(recorded), 2:]

    error_px = np.abs(keypoints(poses) - recorded).max(axis=(1, 2))

    assert np.median(error_px) < 1e-4
    assert np.quantile(error_px, 0.99) < 0.1


def test_pictures_are_like_those_recorded(demonstrations):
    recorded = first_chunk("img").astype(int)
    states = np.concatenate([states for states, _ in demonstrations[:2]])[: len(recorded)]

    for row in range(0, len(recorded), 16):
        other = np.abs(render_board(states[row]) - recorded[row]).max(axis=-1) > 8
        assert other.mean() < 0.01  # only on edges
