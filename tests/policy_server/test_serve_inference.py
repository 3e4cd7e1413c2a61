"""From waiting requests to answers: what a policy does wrong stays a refusal."""

import numpy as np
import pytest

from policy_server.constant import ConstantPolicy
from policy_server.inference import Inference
from policy_server.router import Waiting
from robotd.core import wire
from robotd.core.clock import MS
from robotd.core.errors import CheckpointError, WireError
from robotd.core.pusht_spec import pusht_spec
from robotd.core.wire_arrays import action_layouts, describe_arrays, observation_layouts
from robotd.core.wire_structs import ErrorReply, InferReply, InferRequest

SPEC = pusht_spec("constant")


class Ticks:
    """A clock that moves 1 ms at every look."""

    def __init__(self):
        self.now_ns = 0

    def __call__(self):
        self.now_ns += MS
        return self.now_ns


class BrokenPolicy(ConstantPolicy):
    """Fails, or answers nonsense, to requests with seed 13."""

    def __init__(self, fault):
        super().__init__()
        self.fault = fault
        self.batches = []

    def infer(self, requests):
        self.batches.append([request.seed for request in requests])
        chunks = super().infer(requests)
        for index, request in enumerate(requests):
            if request.seed == 13 and isinstance(self.fault, Exception):
                raise self.fault
            if request.seed == 13:
                chunks[index] = self.fault
        return chunks


def waiting(seed=0, x=1.0, identity=b"me", frames=None):
    arrays = {
        "agent_xy": np.full((2, 2), x, np.float32),
        "block_pose": np.zeros((2, 3), np.float32),
    }
    headers, sent = describe_arrays(arrays, observation_layouts(SPEC))
    request = InferRequest(
        id=seed + 100,
        robot="a",
        session=1,
        policy="p",
        t_obs_ns=7,
        deadline_s=0.4,
        seed=seed,
        arrays=headers,
    )
    encoded = wire.encode(request, sent)[1:] if frames is None else frames
    return Waiting(identity=identity, request=request, frames=encoded, received_ns=0)


def test_an_answer_echoes_id_and_observation_time_and_holds_the_place():
    (out,) = Inference(ConstantPolicy(), now_ns=Ticks()).answer([waiting(seed=5, x=3.0)])

    assert (out.identity, out.reply.id, out.reply.t_obs_ns) == (b"me", 105, 7)
    actions = wire.read_arrays(
        out.reply.arrays, wire.encode(out.reply, out.arrays)[1:], action_layouts(SPEC)
    )["actions"]
    assert actions.shape == (15, 2)
    assert (actions == 3.0).all()


def test_each_stage_is_timed():
    (out,) = Inference(ConstantPolicy(), now_ns=Ticks()).answer([waiting()])

    stages = out.reply.stages
    assert (stages.queue_s, stages.decode_s, stages.infer_s, stages.total_s) == (
        0.001,
        0.001,
        0.001,
        0.004,
    )


def test_a_request_off_the_spec_does_not_spoil_the_batch():
    bad = waiting(seed=1, frames=[np.full((2, 2), np.nan, "<f4").tobytes(), bytes(24)])

    answers = Inference(ConstantPolicy(), now_ns=Ticks()).answer([bad, waiting(seed=2)])

    by_id = {out.reply.id: out.reply for out in answers}
    assert by_id[101].code == "not_finite"
    assert isinstance(by_id[102], InferReply)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (RuntimeError("CUDA secret"), "policy_failed"),
        (ValueError("secret"), "policy_failed"),
        (ZeroDivisionError("secret"), "policy_failed"),
        (WireError("bad_request", "steps: not today"), "bad_request"),
        (WireError("no such code", "steps: not today"), "policy_failed"),
        (np.full((15, 2), np.nan, np.float32), "policy_failed"),
        (np.zeros((14, 2), np.float32), "policy_failed"),
        (np.zeros((15, 2), np.float64), "policy_failed"),
    ],
)
def test_a_policys_fault_is_a_refusal_of_that_request_alone(fault, code):
    policy = BrokenPolicy(fault)

    answers = Inference(policy, now_ns=Ticks()).answer([waiting(seed=1), waiting(seed=13)])

    good, bad = answers[0].reply, answers[1].reply
    assert isinstance(good, InferReply)
    assert isinstance(bad, ErrorReply)
    assert bad.code == code
    assert "secret" not in bad.message


def test_warm_up_puts_median_latencies_into_the_spec():
    spec = Inference(ConstantPolicy(), now_ns=Ticks()).warm_up(repeats=3)

    assert spec.samplers[0].latency_s == pytest.approx(0.001)
    assert (spec.name, spec.horizon) == (SPEC.name, SPEC.horizon)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (RuntimeError("no memory"), "no memory"),
        (np.full((15, 2), np.nan, np.float32), "not finite"),
        (np.zeros((3, 2), np.float32), "expected float32"),
    ],
)
def test_a_policy_that_fails_at_warm_up_is_never_served(fault, words):
    class Broken(ConstantPolicy):
        def infer(self, requests):
            if isinstance(fault, Exception):
                raise fault
            return [fault for _ in requests]

    with pytest.raises(CheckpointError, match=words):
        Inference(Broken(), now_ns=Ticks()).warm_up()
