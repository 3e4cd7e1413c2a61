"""The tool's path from recovered actions, against the path that they were recovered from."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotd.episodes.pusht_actions import STEP_NS, path_at, recovered_actions
from robotd.episodes.replay_zip import load_replay
from robotd.pipeline.command_filter import pusht_pd

DATA = Path(__file__).parents[2] / "../shared/data/pusht_cchi_v7_replay.zarr.zip"
MM_PER_PX = 300 / 512
DT_S = 0.1
S = 1_000_000_000


def follow(t_ns, xy, rows_ns, actions):
    """Distances [mm] of the agent from the path, at each of its steps."""
    (start,), (speed,) = path_at(t_ns, xy, rows_ns[:1])
    path, _ = pusht_pd(start, speed, np.repeat(actions, 10, axis=0))
    at_ns = rows_ns[0] + STEP_NS * np.arange(len(path))
    wanted = np.stack([np.interp(at_ns, t_ns, column) for column in xy.T], axis=1)
    return np.linalg.norm(path - wanted, axis=1) * MM_PER_PX


def rows_within(t_ns):
    return np.arange(t_ns[0] + 2 * STEP_NS, t_ns[-1] - S // 8, S // 10)


def smooth_path(seed, rate_hz, *, seconds=12.0, fastest_m_s=0.235):
    """A sum of slow waves, as fast as the follower lets the tool be."""
    random = np.random.default_rng(seed)
    t_s = np.arange(0, seconds, 1 / rate_hz)
    xy = np.zeros((len(t_s), 2))
    for axis in range(2):
        for f_hz in random.uniform(0.05, 1.0, 6):
            phase = random.uniform(0, 2 * np.pi)
            xy[:, axis] += random.normal(0, 20) * np.sin(2 * np.pi * f_hz * t_s + phase)
    fastest = np.linalg.norm(np.gradient(xy, t_s, axis=0), axis=1).max()
    return 1_000 + (t_s * 1e9).astype(np.int64), 256 + xy * fastest_m_s * 512 / 0.3 / fastest


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from([100, 125, 500]))
def test_recovered_actions_follow_any_smooth_path(seed, rate_hz):
    t_ns, xy = smooth_path(seed, rate_hz)
    rows_ns = rows_within(t_ns)

    rows = recovered_actions(t_ns, xy, rows_ns, dt_s=DT_S, max_skew_s=0.02)

    error_mm = follow(t_ns, xy, rows_ns, rows.value)
    assert not rows.missing.any()
    assert error_mm.mean() < 0.7
    assert error_mm.max() < 2.2


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 100_000))
def test_a_jitter_of_the_ticks_hardly_matters(seed):
    t_ns, xy = smooth_path(seed, 125)
    jitter = np.random.default_rng(seed).normal(0, 0.5e6, len(t_ns)).astype(np.int64)
    dated_ns = np.sort(t_ns + jitter)
    rows_ns = rows_within(t_ns)

    clean = recovered_actions(t_ns, xy, rows_ns, dt_s=DT_S, max_skew_s=0.02).value
    noisy = recovered_actions(dated_ns, xy, rows_ns, dt_s=DT_S, max_skew_s=0.02).value

    away_mm = np.linalg.norm(noisy - clean, axis=1) * MM_PER_PX
    assert np.sqrt((away_mm**2).mean()) < 0.5
    assert follow(t_ns, xy, rows_ns, noisy).mean() < 0.8


@pytest.mark.skipif(not DATA.is_file(), reason="the Push-T demonstrations are not here")
@pytest.mark.parametrize("rate_hz", [125, 500])
def test_the_actions_of_people_come_back_from_the_paths_that_they_made(rate_hz):
    episodes = load_replay(DATA)
    cuts = np.cumsum(episodes.lengths)[:-1]
    errors_mm, off_px = [], []
    for actions, agent in zip(
        np.split(episodes.arrays["action"].astype(np.float64), cuts)[:12],
        np.split(episodes.arrays["agent_xy"].astype(np.float64), cuts)[:12],
        strict=True,
    ):
        path, _ = pusht_pd(agent[0], np.zeros(2), np.repeat(actions, 10, axis=0))
        path_ns = STEP_NS * np.arange(len(path))
        t_ns = np.arange(0, path_ns[-1], S // rate_hz)
        xy = np.stack([np.interp(t_ns, path_ns, column) for column in path.T], axis=1)
        rows_ns = np.arange(1, len(actions) - 1) * (S // 10)
        rows = recovered_actions(t_ns, xy, rows_ns, dt_s=DT_S, max_skew_s=0.02)
        errors_mm.append(follow(t_ns, xy, rows_ns, rows.value))
        off_px.append(np.linalg.norm(rows.value - actions[1:-1], axis=1))
    errors_mm, off_px = np.concatenate(errors_mm), np.concatenate(off_px)

    assert errors_mm.mean() < 0.1
    assert np.quantile(errors_mm, 0.99) < 0.5
    assert np.sqrt((off_px**2).mean()) < 0.7


def test_a_tool_at_rest_is_asked_to_stay():
    t_ns = np.arange(0, S, S // 125)
    xy = np.full((len(t_ns), 2), 100.0)

    rows = recovered_actions(t_ns, xy, rows_within(t_ns), dt_s=DT_S, max_skew_s=0.02)

    assert rows.value == pytest.approx(np.full(rows.value.shape, 100.0), abs=1e-6)


def test_rows_over_a_hole_in_the_path_are_missing():
    t_ns, xy = smooth_path(3, 125, seconds=3.0)
    hole = (t_ns > S) & (t_ns < 1.2 * S)
    rows_ns = np.arange(5, 20) * (S // 10)

    rows = recovered_actions(t_ns[~hole], xy[~hole], rows_ns, dt_s=DT_S, max_skew_s=0.04)

    gone = np.isin(rows_ns, [10 * S // 10, 11 * S // 10])
    assert rows.missing.tolist() == gone.tolist()
    assert np.isnan(rows.value[gone]).all()
    assert np.isfinite(rows.value[~gone]).all()


def test_a_row_that_is_no_whole_number_of_steps_is_refused():
    with pytest.raises(ValueError, match="multiple"):
        recovered_actions(np.arange(9), np.zeros((9, 2)), np.arange(1), dt_s=0.033, max_skew_s=0.1)
