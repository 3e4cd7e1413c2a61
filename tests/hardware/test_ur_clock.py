"""Dating by the controller's clock: drift, jumps and restarts, from what arrived when."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotd.core.clock import MS, MonoNs, S
from robotd.hardware.ur_clock import JUMP_NS, ControllerClock

BOOT_NS = 5_000 * S


def simulate(
    *, seconds, period_s=0.002, drift=0.0, latency_s=0.0004, jitter_s=0.0, seed=0, start_s=120.0
):
    """Return when samples were taken, their stamps, and when they were seen."""
    rng = np.random.default_rng(seed)
    n = np.arange(round(seconds / period_s))
    stamps_s = start_s + n * period_s
    taken_ns = BOOT_NS + np.round(n * period_s * (1.0 + drift) * S).astype(np.int64)
    delay_s = latency_s + rng.exponential(jitter_s, n.size) if jitter_s else latency_s
    seen_ns = taken_ns + np.round(np.broadcast_to(delay_s, n.size) * S).astype(np.int64)
    return taken_ns, stamps_s, np.maximum.accumulate(seen_ns)


def dated(clock, stamps_s, seen_ns, **more):
    pairs = zip(stamps_s.tolist(), seen_ns.tolist(), strict=True)
    return np.array([clock.date(stamp, MonoNs(seen), **more) for stamp, seen in pairs])


@given(
    drift=st.floats(-150e-6, 150e-6),
    jitter_s=st.floats(0.0, 0.004),
    latency_s=st.floats(0.0, 0.002),
    period_s=st.sampled_from([0.002, 0.008]),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=6, deadline=None)
def test_samples_are_dated_when_they_were_taken(drift, jitter_s, latency_s, period_s, seed):
    taken, stamps, seen = simulate(
        seconds=12,
        period_s=period_s,
        drift=drift,
        latency_s=latency_s,
        jitter_s=jitter_s,
        seed=seed,
    )
    clock = ControllerClock()

    t = dated(clock, stamps, seen)

    assert (t <= seen).all()
    assert (np.diff(t) >= 0).all()
    error_ms = (t - taken) / MS
    warm = taken > BOOT_NS + 3 * S
    assert error_ms[warm].max() < latency_s * 1e3 + 1.0
    assert error_ms.min() > -1.0
    late = taken > BOOT_NS + 9 * S
    assert np.abs(error_ms[late] - latency_s * 1e3).max() < 0.5
    assert (clock.restarts_n, clock.jumps_n) == (0, 0)


def test_drift_is_measured():
    _, stamps, seen = simulate(seconds=20, drift=80e-6, jitter_s=0.0005)
    clock = ControllerClock()

    dated(clock, stamps, seen)

    assert clock.drift == pytest.approx(80e-6, abs=5e-6)


def test_a_stall_of_the_reader_does_not_date_samples_later():
    taken, stamps, seen = simulate(seconds=10)
    seen[2000:2100] += np.int64(30 * MS)

    t = dated(ControllerClock(), stamps, seen)

    assert np.abs(t - taken).max() < MS


@given(back_s=st.floats(0.001, 119.0), seed=st.integers(0, 99))
@settings(max_examples=4, deadline=None)
def test_a_restart_begins_anew(back_s, seed):
    taken, stamps, seen = simulate(seconds=6, seed=seed, jitter_s=0.0002)
    stamps[1500:] -= back_s + 0.002
    clock = ControllerClock()

    t = dated(clock, stamps, seen)

    assert clock.restarts_n == 1
    assert (np.diff(t) >= 0).all()
    assert np.abs(t[2000:] - taken[2000:]).max() < 2 * MS


@pytest.mark.parametrize(("ahead_s", "jumps"), [(0.019, 0), (0.022, 1), (3600.0, 1)])
def test_time_that_jumps_ahead_is_followed_at_once(ahead_s, jumps):
    taken, stamps, seen = simulate(seconds=4)
    stamps[1000:] += ahead_s
    clock = ControllerClock()

    t = dated(clock, stamps, seen)

    assert clock.jumps_n == jumps
    assert np.abs(t[1000:] - taken[1000:]).max() < MS


def test_time_that_stood_still_is_believed_after_a_while():
    taken, stamps, seen = simulate(seconds=6)
    stamps[1000:] -= np.minimum(0.5, 0.0019 * (np.arange(2000) + 1))
    clock = ControllerClock()

    t = dated(clock, stamps, seen)

    assert clock.jumps_n >= 1
    assert np.abs(t[2500:] - taken[2500:]).max() < MS


def test_while_motion_depends_on_it_late_packets_stay_late():
    taken, stamps, seen = simulate(seconds=6)
    seen[1000:] += np.int64(60 * MS)
    clock = ControllerClock()
    dated(clock, stamps[:500], seen[:500])

    t = dated(clock, stamps[500:], seen[500:], settled=True)

    assert clock.jumps_n == 0
    assert np.abs(t - taken[500:]).max() < 3 * MS
    assert 60 * MS > JUMP_NS


@given(
    events=st.lists(
        st.tuples(st.floats(0, 1e7, allow_nan=False), st.integers(0, 50 * MS)), max_size=200
    )
)
@settings(max_examples=60, deadline=None)
def test_whatever_comes_dates_neither_lie_ahead_nor_go_back(events):
    clock, now, last = ControllerClock(), BOOT_NS, 0

    for stamp_s, after_ns in events:
        now += after_ns
        t = clock.date(stamp_s, MonoNs(now))
        assert last <= t <= now
        last = t
