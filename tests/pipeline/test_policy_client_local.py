"""The policy whose latency is a number."""

import numpy as np
import pytest

from robotd.core.clock import MS, FakeClock, MonoNs
from robotd.core.errors import WireError
from robotd.core.types import PolicyRequest
from robotd.pipeline.local_policy import LocalPolicyClient


class SeedPolicy:
    """Answers the request's seed in every row; counts its inferences."""

    def __init__(self, spec):
        self.spec = spec
        self.inferred = []

    def infer(self, requests):
        self.inferred += [request.seed for request in requests]
        shape = (self.spec.horizon, self.spec.action_dim)
        return [np.full(shape, request.seed, np.float32) for request in requests]


class FailingPolicy(SeedPolicy):
    def infer(self, requests):
        raise WireError("bad_request", "seed: not today")


class NanPolicy(SeedPolicy):
    def infer(self, requests):
        return [np.full((15, 2), np.nan, np.float32) for _ in requests]


@pytest.fixture
def policy(make_spec):
    return SeedPolicy(make_spec())


def request_of(seed):
    arrays = {"agent_xy": np.zeros((2, 2), np.float32), "block_pose": np.zeros((2, 3), np.float32)}
    return PolicyRequest(arrays=arrays, seed=seed)


def ask(client, clock, seed, deadline_s=0.4):
    return client.request(request_of(seed), t_obs_ns=clock.now(), deadline_s=deadline_s)


@pytest.mark.parametrize(("waited_ms", "there"), [(79, False), (80, True)])
def test_a_chunk_appears_exactly_after_the_latency(policy, waited_ms, there):
    clock = FakeClock(MonoNs(5))
    client = LocalPolicyClient(policy, clock, latency_s=0.08)
    ask(client, clock, seed=3)

    clock.advance(waited_ms * MS)

    assert (client.newest_chunk() is not None) == there


def test_a_chunk_carries_the_observations_time_and_the_specs_timing(policy):
    clock = FakeClock(MonoNs(7))
    client = LocalPolicyClient(policy, clock)

    request_id = ask(client, clock, seed=3)
    chunk = client.newest_chunk()

    assert (chunk.t_obs_ns, chunk.dt_s, chunk.request_id, chunk.seed) == (7, 0.1, request_id, 3)
    assert chunk.actions.dtype == np.float64
    assert (chunk.actions == 3).all()


def test_a_busy_policy_takes_the_newest_of_those_that_came_meanwhile(policy):
    clock = FakeClock()
    client = LocalPolicyClient(policy, clock, latency_s=0.1)
    for seed in (1, 2, 3):
        ask(client, clock, seed)
        clock.advance(20 * MS)

    clock.advance(39 * MS)  # 99 ms
    assert client.newest_chunk() is None
    clock.advance(1 * MS)
    assert client.newest_chunk().seed == 1
    clock.advance(100 * MS)
    assert client.newest_chunk().seed == 3
    assert policy.inferred == [1, 3]


def test_a_policy_slower_than_the_deadline_fails_and_gives_nothing(policy):
    clock = FakeClock()
    client = LocalPolicyClient(policy, clock, latency_s=0.5)
    ask(client, clock, seed=1)

    clock.advance(600 * MS)

    assert client.newest_chunk() is None
    assert client.failures.consecutive_n == 1
    assert policy.inferred == []


def test_the_latency_may_be_drawn_for_each_request(policy):
    clock = FakeClock()
    latencies = iter([0.01, 0.05])
    client = LocalPolicyClient(policy, clock, latency_s=lambda: next(latencies))

    ask(client, clock, seed=1)
    clock.advance(10 * MS)
    assert client.newest_chunk() is not None
    ask(client, clock, seed=2)
    clock.advance(49 * MS)
    assert client.newest_chunk() is None


def test_a_reset_discards_what_is_being_inferred(policy):
    clock = FakeClock()
    client = LocalPolicyClient(policy, clock, latency_s=0.08)
    ask(client, clock, seed=1)

    client.reset()
    clock.advance(80 * MS)

    assert client.newest_chunk() is None
    assert [stats.outcome for stats in client.take_stats()] == ["reset"]


@pytest.mark.parametrize(
    ("kind", "words"), [(FailingPolicy, "not today"), (NanPolicy, "not finite")]
)
def test_a_policy_that_fails_is_a_failure_and_no_exception(make_spec, kind, words):
    clock = FakeClock()
    client = LocalPolicyClient(kind(make_spec()), clock)

    ask(client, clock, seed=1)

    assert client.newest_chunk() is None
    assert words in client.failures.reason


def test_arrays_off_the_spec_are_the_callers_fault(policy):
    client = LocalPolicyClient(policy, FakeClock())

    with pytest.raises(WireError, match="agent_xy"):
        client.request(PolicyRequest(arrays={}, seed=0), t_obs_ns=MonoNs(0), deadline_s=0.1)
