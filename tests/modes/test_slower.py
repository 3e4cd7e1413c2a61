"""A policy at half its speed: the same way in twice the time, seen at twice the spacing."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from robotd.core.config import CellConfig
from robotd.core.config_load import load_toml
from robotd.core.errors import SpecMismatchError
from robotd.core.pusht_spec import pusht_spec
from robotd.modes.daemon.messages import RunRequest
from robotd.modes.lockstep.evaluate import Latencies, run_episode
from robotd.pipeline.slower import NOTICE, check_speed, slowed

CELL_FILE = Path(__file__).parents[2] / "configs" / "mock" / "cell-ur5.toml"
SPEC = pusht_spec("scripted", sampler="scripted")
SEED = 100000
ROWS_N = 60


@pytest.fixture(scope="module")
def cell():
    cell = load_toml(CELL_FILE, CellConfig)
    task = msgspec.structs.replace(cell.task, max_episode_s=4.0)
    return msgspec.structs.replace(cell, task=task)


class Arc:
    """One chunk along an arc from where the agent is, as long as the episode; a `Policy`."""

    spec = msgspec.structs.replace(SPEC, horizon=ROWS_N, n_action_steps=ROWS_N)

    def infer(self, requests):
        angle = np.linspace(0.0, 2.5, ROWS_N)[:, None]
        arc = 90.0 * np.hstack((np.sin(angle), 1.0 - np.cos(angle)))
        return [(r.arrays["agent_xy"][-1] + arc).astype(np.float32) for r in requests]


class Watcher:
    """Goes round the board's middle and remembers what it saw; a `Policy`."""

    spec = SPEC

    def __init__(self):
        self.steps_px = []

    def infer(self, requests):
        answers = []
        for request in requests:
            agent = request.arrays["agent_xy"]
            self.steps_px.append(float(np.linalg.norm(agent[-1] - agent[-2])))
            x, y = np.array([256.0, 256.0]) - agent[-1]
            ahead = np.array([-y, x]) / max(1.0, np.hypot(x, y)) * 8.0
            rows = agent[-1] + ahead * np.arange(1, 16)[:, np.newaxis]
            answers.append(rows.clip(40, 470).astype(np.float32))
        return answers


def run(cell, policy, speed):
    return run_episode(cell, policy, SEED, Latencies(response_s=(0.03,)), speed=speed)


@pytest.fixture(scope="module")
def orbits(cell):
    """What two policies saw and how the tool went, at full and at half speed."""
    watchers = Watcher(), Watcher()
    return [(w, run(cell, w, speed)) for w, speed in zip(watchers, (1.0, 0.5), strict=True)]


@pytest.mark.parametrize("command_filter", ["pusht_pd", "none"])
def test_at_half_speed_the_tool_goes_the_same_way_in_twice_the_time(cell, command_filter):
    task = msgspec.structs.replace(cell.task, command_filter=command_filter)
    cell = msgspec.structs.replace(cell, task=task)
    whole, half = run(cell, Arc(), 1.0), run(cell, Arc(), 0.5)

    assert half.duration_s == pytest.approx(2 * whole.duration_s, abs=0.05)
    t_s = np.arange(0.5, 3.8, 0.1)
    ways = [
        np.stack([np.interp(t_s / speed, r.t_s, r.tool_px[:, axis]) for axis in range(2)], axis=1)
        for r, speed in ((whole, 1.0), (half, 0.5))
    ]
    apart_px = np.linalg.norm(ways[0] - ways[1], axis=1)
    assert np.ptp(ways[0], axis=0).max() > 60
    assert apart_px.max() < 6  # of them the lag of the arm, which is not slower
    assert half.refused_n == half.breaches_n == 0


def test_at_half_speed_a_policy_sees_the_same_steps(orbits):
    seen = [np.median(watcher.steps_px[5:]) for watcher, _ in orbits]

    assert seen[0] > 3
    assert seen[1] == pytest.approx(seen[0], rel=0.12)


def test_at_half_speed_the_tool_is_half_as_fast(orbits):
    def fastest(result):
        moved = np.linalg.norm(np.diff(result.tool_px, axis=0), axis=1)
        return np.quantile(moved / np.diff(result.t_s), 0.9)

    whole, half = (result for _, result in orbits)

    assert fastest(half) == pytest.approx(0.5 * fastest(whole), rel=0.15)


def test_full_speed_changes_nothing():
    assert slowed(SPEC, 1.0) is SPEC
    assert slowed(SPEC, 0.5).dt_s == pytest.approx(2 * SPEC.dt_s)


def test_a_speed_at_which_a_policy_looks_back_too_far_is_refused(cell):
    check_speed(SPEC, 0.2, cell)
    far = msgspec.structs.replace(SPEC, n_obs_steps=5)
    with pytest.raises(SpecMismatchError, match=r"speed: got 0\.2, .* slowest 0\.53"):
        check_speed(far, 0.2, cell)


@pytest.mark.parametrize("speed", [0.0, 0.19, 1.01, float("nan")])
def test_no_other_speed_is_a_request(speed):
    raw = msgspec.msgpack.encode({"speed": speed})
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(raw, type=RunRequest)


def test_the_notice_says_what_it_means():
    text = NOTICE.format(speed=0.5, factor=2.0)

    assert "2 times as far apart" in text
    assert "outside the policy's training distribution" in text
