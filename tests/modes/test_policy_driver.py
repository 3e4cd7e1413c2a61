"""The driver asks one question at a time, and says why where it cannot see."""

import numpy as np
import pytest

from robotd.core.clock import MS, MonoNs, S
from robotd.core.errors import WireError
from robotd.core.pusht_spec import BLOCK_POSE
from robotd.core.types import Signal
from robotd.pipeline.driver import PolicyDriver
from robotd.pipeline.make_executor import make_executor
from robotd.pipeline.request import TOOL_STREAM

CYCLE_NS = 10 * MS
T_BASE_CMD = np.diag([1.0, -1.0, -1.0, 1.0])
T_BASE_CMD[:3, 3] = (0.45, 0.0, 0.01)  # over the board's middle, tool down


class Streams:
    """Both streams of a resting cell up to `now`, less what is `late`."""

    def __init__(self):
        self.now, self.block_late_ns, self.asked_n = 0, 0, 0

    def __call__(self):
        self.asked_n += 1
        t_ns = np.arange(self.now - S, self.now + 1, CYCLE_NS)
        tool = np.tile([0.45, 0.0, 0.01, 0.0, 1.0, 0.0, 0.0], (len(t_ns), 1))
        block = np.tile([0.15, 0.15, 0.5], (len(t_ns), 1))
        return {
            TOOL_STREAM: Signal(t_ns=t_ns.copy(), value=tool),
            BLOCK_POSE: Signal(t_ns=t_ns - self.block_late_ns, value=block),
        }


@pytest.fixture
def streams():
    return Streams()


@pytest.fixture
def drive(cell, spec, source, streams):
    """Return a driver's cycle, from `start` on until `end` [s], with what it does in each."""
    driver = PolicyDriver(
        cell=cell,
        spec=spec,
        source=source,
        executor=make_executor(spec, cell, first_epoch=10),
        start_ns=MonoNs(10 * S),
        seed=100,
    )

    def run(start_s, end_s, each=lambda now: None):
        plans = []
        for now in range(round(start_s * S), round(end_s * S), CYCLE_NS):
            streams.now = now
            each(now)
            plan = driver.step(MonoNs(now), streams, T_BASE_CMD)
            if plan is not None:
                plans.append((now, plan))
        return plans

    run.driver = driver
    return run


def test_it_asks_at_once_and_waits_for_the_answer(drive, source, cell):
    drive(10.0, 10.0 + cell.policy.deadline_s)

    assert len(source.asked) == 1
    request, t_obs_ns, deadline_s = source.asked[0]
    assert t_obs_ns == 10 * S
    assert deadline_s == cell.policy.deadline_s
    assert {key: array.shape for key, array in request.arrays.items()} == {
        "agent_xy": (2, 2),
        "block_pose": (2, 3),
    }


def test_it_asks_again_when_the_answer_is_overdue(drive, source, cell):
    drive(10.0, 10.0 + 2.5 * cell.policy.deadline_s)

    assert len(source.asked) == 3


def test_every_question_has_a_seed_of_its_own(drive, source, cell):
    drive(10.0, 10.0 + 2.5 * cell.policy.deadline_s)

    assert [request.seed for request, _, _ in source.asked] == [100, 101, 102]


def test_an_answer_becomes_a_plan_of_the_first_epoch(drive, source):
    drive(10.0, 10.05)
    source.answer()
    [(now, plan)] = drive(10.05, 10.06)

    assert plan.epoch == 10
    assert plan.valid_until_ns > now
    assert drive.driver.chunks[0].request_id == 1


def test_answers_in_time_give_plans_without_a_gap(drive, source):
    def each(now):
        if len(source.asked) > len(drive.driver.chunks) and now - source.asked[-1][1] >= 50 * MS:
            source.answer()

    plans = drive(10.0, 15.0, each)

    ends = [plan.valid_until_ns for _, plan in plans]
    begins = [now for now, _ in plans]
    assert all(begin < end for begin, end in zip(begins[1:], ends, strict=False))
    assert len(plans) >= 5
    assert [plan.epoch for _, plan in plans] == list(range(10, 10 + len(plans)))


def test_a_stale_stream_is_named_and_nothing_is_asked(drive, source, streams, cell):
    streams.block_late_ns = round(cell.observe.max_age_s * S) + CYCLE_NS
    drive(10.0, 10.2)

    assert source.asked == []
    assert drive.driver.unseen.startswith("block_pose: newest sample is 260 ms old")


def test_it_sees_again_when_the_stream_is_back(drive, source, streams):
    streams.block_late_ns = S
    drive(10.0, 10.2)
    streams.block_late_ns = 0
    drive(10.2, 10.3)

    assert len(source.asked) == 1
    assert drive.driver.unseen == ""


def test_an_observation_that_cannot_be_sent_is_a_reason_and_no_crash(drive, source, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise WireError("not_finite", "array `block_pose`: got a value that is not finite")

    monkeypatch.setattr(source, "request", refuse)
    plans = drive(10.0, 10.2)

    assert plans == []
    assert drive.driver.unseen == "array `block_pose`: got a value that is not finite"
    assert "block_pose" in drive.driver.why_stuck(MonoNs(20 * S))


def test_streams_are_read_only_when_the_policy_is_asked(drive, streams, cell):
    drive(10.0, 10.0 + cell.policy.deadline_s)

    assert streams.asked_n == 1
