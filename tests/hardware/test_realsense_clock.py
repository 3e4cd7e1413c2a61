"""Which stamps of a camera are believed, and what counts where they are not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotd.core.clock import MS, MonoNs, S, WallNs
from robotd.hardware.realsense_clock import REFIT_N, WRAP_NS, CaptureClock, Stamp, device_ns

PERIOD_NS = S // 30
LAG_NS = 45 * MS
LATENCY_NS = 40 * MS
WALL_NS = 1_763_650_000 * S
START_NS = 100 * S


class Stream:
    """A camera of 30 Hz whose frames take 45 ms, of which the configuration says 40."""

    def __init__(self, domain="global"):
        self.clock = CaptureClock(period_s=1 / 30, latency_s=LATENCY_NS / S)
        self.domain = domain
        self.number = 0
        self.taken_ns = START_NS
        self.wall_step_ns = 0
        self.boot_ns = START_NS - WRAP_NS + 2 * S

    def next(self, *, error_ns=0, late_ns=0, skipped=0, period_ns=PERIOD_NS):
        """Return what the clock makes of the next frame, less when it was captured [ns]."""
        self.number += 1 + skipped
        self.taken_ns += (1 + skipped) * period_ns
        arrival_ns = self.taken_ns + LAG_NS + late_ns
        wall_ns = arrival_ns + WALL_NS + self.wall_step_ns
        stamps = {
            "global": self.taken_ns + WALL_NS,
            "system": wall_ns - late_ns,
            "hardware": (self.taken_ns - self.boot_ns) % WRAP_NS,
        }
        stamp = Stamp(
            number=self.number,
            device_ns=stamps[self.domain] + error_ns,
            domain=self.domain,
            arrival_ns=MonoNs(arrival_ns),
            wall_ns=WallNs(wall_ns),
        )
        return self.clock.capture_ns(stamp) - self.taken_ns


def running(domain="global", frames=60):
    stream = Stream(domain)
    for _ in range(frames):
        stream.next()
    return stream


def test_global_time_is_believed_to_the_microsecond():
    stream = Stream()
    assert [stream.next() for _ in range(50)] == [0] * 50
    assert not stream.clock.refused


@pytest.mark.parametrize("domain", ["system", "hardware"])
def test_clocks_that_do_not_know_the_delay_are_moved_by_the_calibrated_one(domain):
    stream = running(domain)
    assert stream.next() == LAG_NS - LATENCY_NS
    assert stream.next(late_ns=20 * MS) == LAG_NS - LATENCY_NS
    assert not stream.clock.refused


@pytest.mark.parametrize(
    ("error_ns", "reason"),
    [
        (-S, "backward"),
        (-3600 * S, "backward"),
        (S, "future"),
        (LAG_NS + MS, "future"),
        (3600 * S, "future"),
    ],
)
def test_a_glitch_of_one_stamp_costs_that_stamp_alone(error_ns, reason):
    stream = running()
    assert abs(stream.next(error_ns=error_ns)) < MS
    assert dict(stream.clock.refused) == {reason: 1}
    assert [stream.next() for _ in range(5)] == [0] * 5
    assert stream.clock.refused.total() == 1


@pytest.mark.parametrize(("jump_ms", "believed"), [(32, True), (34, False)])
def test_a_stamp_may_jump_by_less_than_a_frame(jump_ms, believed):
    stream = running()
    stream.next(skipped=3, late_ns=200 * MS)  # so that neither future nor backward applies
    error_ns = jump_ms * MS
    got = stream.next(error_ns=error_ns, late_ns=200 * MS)
    assert (got == error_ns) is believed
    assert dict(stream.clock.refused) == ({} if believed else {"jump": 1})


def test_without_any_good_stamp_the_calibrated_latency_counts():
    stream = Stream()
    for _ in range(5):
        assert stream.next(error_ns=3600 * S) == LAG_NS - LATENCY_NS
    assert stream.clock.refused["future"] == 5


@pytest.mark.parametrize("error_s", [-1, 1])
def test_a_glitch_that_lasts_does_not_last_beyond_itself(error_s):
    stream = running()
    glitch = [stream.next(error_ns=error_s * S) for _ in range(10)]
    after = [stream.next() for _ in range(10)]
    assert max(map(abs, glitch)) < MS
    assert after == [0] * 10


def test_frames_that_are_late_keep_their_true_times():
    stream = running()
    assert [stream.next(late_ns=500 * MS) for _ in range(20)] == [0] * 20
    assert [stream.next() for _ in range(20)] == [0] * 20
    assert not stream.clock.refused


def test_lost_frames_move_nothing():
    stream = running()
    assert stream.next(skipped=40) == 0
    assert not stream.clock.refused


def test_a_camera_that_halves_its_rate_in_the_dark_is_believed():
    stream = running()
    assert [stream.next(period_ns=2 * PERIOD_NS) for _ in range(20)] == [0] * 20


@pytest.mark.parametrize("step_s", [-3600, -0.05, 0.05, 3600])
def test_a_step_of_the_wall_clock_moves_a_capture_time_by_less_than_a_frame(step_s):
    stream = running()
    stream.wall_step_ns = round(step_s * S)
    off = [stream.next() for _ in range(40)]
    assert max(map(abs, off)) <= 50 * MS if abs(step_s) < 1 else max(map(abs, off)) < MS


def test_a_clock_that_was_set_is_believed_again_after_half_a_second():
    stream = running()
    off = [stream.next(error_ns=-100 * MS) for _ in range(3 * REFIT_N)]
    assert max(map(abs, off[: REFIT_N - 1])) < MS
    assert set(off[-REFIT_N:]) == {-100 * MS}
    assert stream.clock.refits_n == 1


def test_the_device_s_own_clock_runs_over_its_32_bits():
    stream = running("hardware", frames=30)
    off = [stream.next() for _ in range(90)]
    assert stream.taken_ns > stream.boot_ns + WRAP_NS
    assert set(off) == {LAG_NS - LATENCY_NS}


def test_the_device_s_own_clock_may_drift_and_start_anew():
    stream = running("hardware")
    drifts = [stream.next(error_ns=50 * MS * n // 1000) for n in range(900)]
    assert max(abs(got - (LAG_NS - LATENCY_NS)) for got in drifts) < 20 * MS
    stream.boot_ns = stream.taken_ns
    assert abs(stream.next() - (LAG_NS - LATENCY_NS)) < 35 * MS
    assert stream.next() == LAG_NS - LATENCY_NS


def test_domains_may_change_while_streaming():
    stream = running()
    for domain in ("system", "global", "hardware", "system", "global"):
        stream.domain = domain
        off = [stream.next() for _ in range(30)]
        assert max(map(abs, off)) <= LAG_NS - LATENCY_NS


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["global", "system", "hardware"]),
        st.sampled_from([0, 0, 0, 0, -5000, -1000, -40, -20, 20, 40, 1000, 5000, 7_200_000]),
        st.sampled_from([0, 0, 0, 5, 30, 60, 200, 700]),
        st.sampled_from([0, 0, 0, 1, 5]),
    ),
    min_size=1,
    max_size=120,
)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_whatever_the_stamps_capture_times_grow_and_stay_near_the_arrival(steps):
    stream = Stream()
    before_ns, arrival_ns = -(10**18), 0
    for domain, error_ms, late_ms, skipped in steps:
        stream.domain = domain
        taken_before_ns = stream.taken_ns
        off_ns = stream.next(error_ns=error_ms * MS, late_ns=late_ms * MS, skipped=skipped)
        got_ns = stream.taken_ns + off_ns
        # Frames never overtake each other: an arrival is no earlier than the one before.
        arrival_ns = max(arrival_ns, stream.taken_ns + LAG_NS + late_ms * MS)
        assert got_ns > before_ns
        assert got_ns <= arrival_ns + 12 * PERIOD_NS
        assert taken_before_ns < stream.taken_ns
        before_ns = got_ns


def test_stamps_in_milliseconds_keep_their_digits():
    assert device_ns(0.0) == 0
    assert device_ns(1234.5) == 1_234_500_000
    wall_ms = float(np.float64(1_763_650_000_123.4567))
    assert abs(device_ns(wall_ms) - 1_763_650_000_123_456_700) < 300  # what a double can hold
