"""Time: monotonic and wall apart, fake clocks that never go back."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robotd.core.clock import (
    MS,
    FakeClock,
    MonoNs,
    S,
    SystemClock,
    ns_to_seconds,
    seconds_to_ns,
    wall_now,
)


@given(st.integers(-(10**15), 10**15))
def test_seconds_and_nanoseconds_agree_over_eleven_days(duration_ns):
    assert seconds_to_ns(ns_to_seconds(duration_ns)) == pytest.approx(duration_ns, abs=1)


def test_a_rate_gives_the_whole_period():
    assert seconds_to_ns(1 / 125) == 8 * MS
    assert seconds_to_ns(1 / 500) == 2 * MS
    assert S == 1000 * MS


def test_a_fake_clock_moves_only_when_told_to():
    clock = FakeClock(MonoNs(5))
    assert clock.now() == clock.now() == 5
    clock.advance(7)
    assert clock.now() == 12
    clock.sleep_until(MonoNs(20))
    assert clock.now() == 20


def test_a_fake_clock_never_goes_back():
    clock = FakeClock(MonoNs(20))
    clock.sleep_until(MonoNs(3))
    assert clock.now() == 20
    with pytest.raises(ValueError, match="expected >= 0"):
        clock.advance(-1)


def test_the_system_clock_is_the_monotonic_one():
    before = time.monotonic_ns()
    now = SystemClock().now()
    assert before <= now <= time.monotonic_ns()


def test_sleeping_ends_at_the_instant_or_later():
    clock = SystemClock()
    wanted = MonoNs(clock.now() + 5 * MS)
    clock.sleep_until(wanted)
    assert clock.now() >= wanted


def test_sleeping_until_the_past_returns_at_once():
    clock = SystemClock()
    before = clock.now()
    clock.sleep_until(MonoNs(before - 3600 * S))
    assert clock.now() - before < S


def test_the_wall_clock_is_of_this_century():
    assert wall_now() > 1_700_000_000 * S
