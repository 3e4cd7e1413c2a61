from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotd.core.geometry import pose, so3_exp
from robotd.episodes.views import before, grid, interpolate, interpolate_tool, nearest, runs

MS = 1_000_000
times = st.lists(st.integers(-10_000, 10_000), max_size=40).map(lambda t: np.unique(t) * MS)
rows = st.lists(st.integers(-11_000, 11_000), max_size=30).map(
    lambda t: np.array(sorted(t), dtype=np.int64) * MS
)
limits_ms = st.integers(0, 500)
latencies_ms = st.integers(0, 300)


def as_times(t_ns):
    return np.asarray(t_ns, dtype=np.int64)


@given(times, rows, limits_ms, latencies_ms)
def test_every_sample_chosen_is_the_nearest_and_no_row_is_missing_that_has_one(t, r, limit, late):
    t = as_times(t)

    choice = nearest(t, r, max_skew_s=limit / 1e3, latency_s=late / 1e3)

    for row, index, age_s in zip(r, choice.index, choice.age_s, strict=True):
        away = np.abs(t - late * MS - row)
        if len(t) and away.min() <= limit * MS:
            assert away[index] == away.min()
            assert age_s == pytest.approx((row - t[index] + late * MS) / 1e9)
        else:
            assert index == -1
            assert np.isnan(age_s)


@given(times, rows, limits_ms, latencies_ms)
def test_what_holds_at_a_row_is_the_newest_that_is_not_newer(t, r, limit, late):
    t = as_times(t)

    choice = before(t, r, max_age_s=limit / 1e3, latency_s=late / 1e3)

    for row, index in zip(r, choice.index, strict=True):
        past = np.flatnonzero(t - late * MS <= row)
        if len(past) and row - (t[past[-1]] - late * MS) <= limit * MS:
            assert index == past[-1]
        else:
            assert index == -1


@given(times, rows, limits_ms, latencies_ms)
def test_a_latency_shifts_the_choice_as_if_the_samples_were_dated_earlier(t, r, limit, late):
    t = as_times(t)
    for choose, limit_name in ((nearest, "max_skew_s"), (before, "max_age_s")):
        shifted = choose(t, r, latency_s=late / 1e3, **{limit_name: limit / 1e3})
        earlier = choose(t - late * MS, r, **{limit_name: limit / 1e3})

        assert shifted.index.tolist() == earlier.index.tolist()


@given(times, rows, st.integers(0, 500), latencies_ms)
def test_a_line_is_interpolated_exactly_wherever_samples_lie_around(t, r, limit, late):
    t = as_times(t)
    line = np.array([2.0, -0.5])
    value = 3.0 + (t - late * MS)[:, np.newaxis] / 1e9 * line

    taken = interpolate(t, value, r, max_skew_s=limit / 1e3, latency_s=late / 1e3)

    captured = t - late * MS
    for row, got, missing in zip(r, taken.value, taken.missing, strict=True):
        around = len(t) and captured[0] <= row <= captured[-1]
        there = around and np.abs(captured - row).min() <= limit * MS
        assert missing == (not there)
        if there:
            assert got == pytest.approx(3.0 + row / 1e9 * line, abs=1e-9)
        else:
            assert np.isnan(got).all()


@given(times.filter(lambda t: len(t) > 1), st.integers(0, 10_000))
def test_angles_go_the_short_way_round(t, seed):
    t = as_times(t)
    rate = np.random.default_rng(seed).uniform(-3, 3)
    gap_s = np.diff(t).max() / 1e9
    rate = rate / max(gap_s, 1.0)  # below half a turn from one sample to the next
    r = np.linspace(t[0], t[-1], 17).astype(np.int64)

    taken = interpolate(
        t, (rate * t[:, np.newaxis] / 1e9) % (2 * np.pi), r, max_skew_s=1e3, angles=(0,)
    )

    error = (taken.value[:, 0] - rate * r / 1e9 + np.pi) % (2 * np.pi) - np.pi
    assert np.abs(error).max() < 1e-8
    assert (taken.value >= 0).all()
    assert (taken.value < 2 * np.pi).all()


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_poses_that_turn_and_go_evenly_are_interpolated_exactly(seed):
    random = np.random.default_rng(seed)
    turn, way = random.normal(size=3), random.normal(size=3)
    t = np.cumsum(random.integers(1, 30, 20)) * MS
    r = np.sort(random.integers(t[0], t[-1], 15))

    def at(t_ns):
        s = (t_ns[:, np.newaxis] - t[0]) / 1e9
        return pose(so3_exp(s * turn), s * way)

    taken = interpolate_tool(t, at(t), r, max_skew_s=0.1)

    assert not taken.missing.any()
    assert np.abs(taken.value - at(r)).max() < 1e-9


def test_a_lost_object_is_bridged_only_within_the_skew():
    t = np.arange(10) * 33 * MS
    value = np.arange(10.0)[:, np.newaxis]
    value[4:7] = np.nan  # 132 ms between the samples left
    rows_ns = np.array([3, 4, 5, 6, 7]) * 33 * MS

    taken = interpolate(t, value, rows_ns, max_skew_s=0.04)

    assert taken.missing.tolist() == [False, False, True, False, False]
    assert taken.value[[1, 3], 0] == pytest.approx([4.0, 6.0])


def test_rows_at_the_limit_count_and_just_beyond_do_not():
    t = as_times([0])

    choice = nearest(t, as_times([50 * MS, 50 * MS + 1]), max_skew_s=0.05)

    assert choice.missing.tolist() == [False, True]


def test_the_grid_does_not_drift():
    rows_ns = grid(7, 7 + 3600 * 10**9, 1 / 30)

    assert len(rows_ns) == 108_001
    assert rows_ns[-1] == 7 + 3600 * 10**9
    assert np.abs(np.diff(rows_ns) - 1e9 / 30).max() < 1.0


def test_the_grid_ends_before_the_end_and_may_be_empty():
    assert grid(0, 250 * MS, 0.1).tolist() == [0, 100 * MS, 200 * MS]
    assert grid(5, 5, 0.1).tolist() == [5]
    assert grid(5, 4, 0.1).tolist() == []
    with pytest.raises(ValueError, match="dt_s"):
        grid(0, 1, 0.0)


@given(st.lists(st.booleans(), max_size=30))
def test_runs_are_all_that_is_there_and_no_more(missing):
    missing = np.array(missing, dtype=np.bool_)

    stretches = runs(missing)

    covered = np.ones(len(missing), dtype=np.bool_)
    for stretch in stretches:
        assert not missing[stretch].any()
        assert stretch.stop > stretch.start
        covered[stretch] = False
    assert covered.tolist() == missing.tolist()
    assert all(b.start > a.stop for a, b in pairwise(stretches))
