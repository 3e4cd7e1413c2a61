"""Observations are chosen by capture time, or refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robotd.core.clock import MS, MonoNs
from robotd.core.config import ObserveConfig
from robotd.core.errors import SkewedDataError, StaleDataError
from robotd.core.geometry import pose_from_rotvec, quat_to_matrix, so3_log
from robotd.core.types import ArmState, Frames, Signal
from robotd.pipeline.observe import Part, Window, observe, tool_stream

CONFIG = ObserveConfig(max_age_s=0.25, max_skew_s=0.06)
TWO = Window(rows_n=2, dt_s=0.1)
LINEAR = Part(key="x", stream="arm", pick="linear")
BLOCK = Part(key="block", stream="tracker", pick="linear", angles=(1,))
PICTURE = Part(key="top", stream="top", pick="nearest")


def signal(t_ms, value) -> Signal:
    t_ns = (np.asarray(t_ms) * MS).astype(np.int64)
    value = np.asarray(value, dtype=np.float64)
    return Signal(t_ns=t_ns, value=value.reshape(len(t_ns), -1) if value.ndim < 2 else value)


def frames(t_ms) -> Frames:
    rgb = np.zeros((len(t_ms), 4, 4, 3), dtype=np.uint8)
    rgb[:, 0, 0, 0] = np.arange(len(t_ms))
    return Frames(t_ns=(np.asarray(t_ms) * MS).astype(np.int64), rgb=rgb)


def at(t_ms: float) -> MonoNs:
    return MonoNs(round(t_ms * MS))


def test_its_time_is_that_of_the_slowest_stream():
    arm = signal(np.arange(0, 501, 8), np.arange(0, 501, 8))
    tracker = signal([300, 333, 367, 400, 433], np.zeros((5, 2)))

    seen = observe([LINEAR, BLOCK], {"arm": arm, "tracker": tracker}, TWO, at(500), CONFIG)

    assert seen.t_ns == at(433)
    np.testing.assert_allclose(seen.window["x"].value[:, 0], [333, 433], atol=1e-9)  # interpolated


@pytest.mark.parametrize("ahead_ms", [1, 3_600_000])
@pytest.mark.parametrize(("part", "of"), [(LINEAR, signal), (PICTURE, frames)])
def test_samples_of_the_future_do_not_count(part, of, ahead_ms):
    t_ms = [300, 400, 400 + ahead_ms]
    stream = frames(t_ms) if of is frames else signal(t_ms, [3.0, 4.0, 9.0])

    seen = observe([part], {part.stream: stream}, TWO, at(400), CONFIG)

    assert seen.t_ns == at(400)
    row = seen.window[part.key]
    newest = row.rgb[-1, 0, 0, 0] if of is frames else row.value[-1, 0]
    assert newest == (1 if of is frames else 4.0)


def test_a_stream_of_the_future_alone_is_refused():
    with pytest.raises(StaleDataError, match="arm"):
        observe([LINEAR], {"arm": signal([900], [1.0])}, TWO, at(500), CONFIG)


@given(st.floats(0, 6.2), st.floats(-1.5, 1.5))
def test_an_angle_goes_the_short_way_round(angle, turn):
    pair = signal([0, 20], [[0.0, angle], [0.0, (angle + turn) % (2 * np.pi)]])
    other = signal([0, 10], [0.0, 0.0])

    one = Window(rows_n=1, dt_s=0.1)
    seen = observe([BLOCK, LINEAR], {"tracker": pair, "arm": other}, one, at(20), CONFIG)

    middle = seen.window["block"].value[0, 1]
    assert np.cos(middle - (angle + turn / 2)) == pytest.approx(1.0, abs=1e-9)


def test_a_tools_pose_is_interpolated_by_line_and_slerp():
    states = [
        ArmState(
            t_ns=at(t_ms),
            q_rad=np.zeros(6),
            qd_rad_s=np.zeros(6),
            T_base_tcp=pose_from_rotvec([x, 0.0, 0.0], [0.0, 0.0, turn]),
        )
        for t_ms, x, turn in [(0, 0.0, 3.0), (10, 0.1, 3.4)]
    ]
    part = Part(key="pose", stream="tool", pick="pose")
    streams = {"tool": tool_stream(states), "arm": signal([0, 5], [0.0, 0.0])}

    seen = observe([part, LINEAR], streams, Window(rows_n=1, dt_s=0.1), at(10), CONFIG)

    value = seen.window["pose"].value[0]
    assert value[0] == pytest.approx(0.05)
    turned = so3_log(quat_to_matrix(value[3:]))[2] % (2 * np.pi)
    assert turned == pytest.approx(3.2)


def test_frames_are_the_nearest_ones():
    seen = observe([PICTURE], {"top": frames([95, 133, 167, 200])}, TWO, at(210), CONFIG)

    np.testing.assert_array_equal(seen.window["top"].rgb[:, 0, 0, 0], [0, 3])


@pytest.mark.parametrize(("age_ms", "refused"), [(249, False), (251, True)])
def test_a_stream_that_is_too_old_is_refused_by_name(age_ms, refused):
    streams = {"arm": signal([0, 100, 200], [0, 1, 2])}

    if refused:
        with pytest.raises(StaleDataError, match="arm: newest sample is 251 ms old"):
            observe([LINEAR], streams, TWO, at(200 + age_ms), CONFIG)
    else:
        assert observe([LINEAR], streams, TWO, at(200 + age_ms), CONFIG).t_ns == at(200)


@pytest.mark.parametrize("streams", [{}, {"arm": signal([], np.empty((0, 1)))}])
def test_a_stream_without_samples_is_refused(streams):
    with pytest.raises(StaleDataError, match="arm"):
        observe([LINEAR], streams, TWO, at(0), CONFIG)


@pytest.mark.parametrize(("gap_ms", "refused"), [(59, False), (61, True)])
def test_a_row_without_a_sample_near_it_is_refused_by_name(gap_ms, refused):
    streams = {"top": frames([100 - gap_ms, 200])}

    if refused:
        with pytest.raises(SkewedDataError, match="top: nearest sample is 61 ms"):
            observe([PICTURE], streams, TWO, at(200), CONFIG)
    else:
        assert observe([PICTURE], streams, TWO, at(200), CONFIG).t_ns == at(200)


def test_rows_before_the_episode_are_those_of_its_start():
    arm = signal(np.arange(0, 301, 10), np.arange(0, 301, 10))

    seen = observe([LINEAR], {"arm": arm}, TWO, at(300), CONFIG, start_ns=at(270))

    np.testing.assert_allclose(seen.window["x"].value[:, 0], [270, 300])


def test_before_the_first_sample_nothing_is_made_up_without_a_start():
    streams = {"arm": signal([200, 210], [1.0, 2.0])}

    with pytest.raises(SkewedDataError):
        observe([LINEAR], streams, TWO, at(210), CONFIG)


def test_the_first_observation_of_an_episode_repeats_its_first_sample():
    streams = {"arm": signal([200], [7.0])}

    seen = observe([LINEAR], streams, TWO, at(210), CONFIG, start_ns=at(190))

    np.testing.assert_array_equal(seen.window["x"].value[:, 0], [7.0, 7.0])


def test_samples_of_a_tracker_that_lost_its_object_do_not_count():
    tracker = signal([0, 33, 67, 100, 133], [[0, 0]] * 4 + [[np.nan, np.nan]])

    seen = observe([BLOCK], {"tracker": tracker}, TWO, at(140), CONFIG)

    assert seen.t_ns == at(100)


@given(st.integers(0, 10**15), st.integers(30, 60), st.floats(0.001, 0.09))
def test_a_moving_quantity_is_taken_at_the_rows_own_times(origin, rate_hz, age_s):
    t_ns = origin + (np.arange(20) * 1e9 / rate_hz).astype(np.int64)
    streams = {"arm": Signal(t_ns=t_ns, value=((t_ns - origin) / 1e9)[:, np.newaxis])}

    seen = observe([LINEAR], streams, TWO, MonoNs(int(t_ns[-1] + age_s * 1e9)), CONFIG)

    rows = seen.window["x"]
    assert seen.t_ns == t_ns[-1]
    np.testing.assert_allclose(rows.value[:, 0], (rows.t_ns - origin) / 1e9, atol=1e-9)
    np.testing.assert_array_equal(np.diff(rows.t_ns), [100 * MS])
