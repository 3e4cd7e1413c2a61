"""Items leave the line exactly when they are due."""

import pytest

from robotd.core.clock import MS, MonoNs
from robotd.sim.latency_line import LatencyLine


def test_an_item_waits_exactly_the_latency():
    line = LatencyLine[str](0.04)
    line.put(MonoNs(100 * MS), "a")
    assert line.due_ns == 140 * MS
    assert line.take(MonoNs(140 * MS - 1)) is None
    assert line.take(MonoNs(140 * MS)) == "a"
    assert line.take(MonoNs(200 * MS)) is None


def test_items_come_out_in_order_and_only_those_that_are_due():
    line = LatencyLine[int](0.01)
    for i in range(4):
        line.put(MonoNs(i * 10 * MS), i)
    assert [line.take(MonoNs(25 * MS)) for _ in range(3)] == [0, 1, None]
    assert len(line) == 2
    assert [line.take(MonoNs(100 * MS)) for _ in range(3)] == [2, 3, None]
    assert line.due_ns is None


def test_without_latency_an_item_is_there_at_once():
    line = LatencyLine[str](0.0)
    line.put(MonoNs(5), "a")
    assert line.take(MonoNs(5)) == "a"


def test_clear_drops_what_waits():
    line = LatencyLine[str](0.1)
    line.put(MonoNs(5), "a")
    line.clear()
    assert line.take(MonoNs(10**12)) is None


def test_refuses_an_item_that_is_not_later():
    line = LatencyLine[str](0.1)
    line.put(MonoNs(5), "a")
    with pytest.raises(ValueError, match="t_ns"):
        line.put(MonoNs(5), "b")


@pytest.mark.parametrize("latency_s", [-0.001, float("nan"), float("inf")])
def test_refuses_a_latency_that_is_none(latency_s):
    with pytest.raises(ValueError, match="latency_s"):
        LatencyLine[str](latency_s)
