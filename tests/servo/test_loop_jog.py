"""Sessions of jogging in the arm's loop, before the simulated arm with its oracle."""

from pathlib import Path

import numpy as np
import pytest

from robotd.core.arm_codes import ArmFault, ArmPhase, Source
from robotd.core.arm_model import kinematics_of
from robotd.core.arm_records import pack_orders, unpack_orders
from robotd.core.clock import FakeClock, MonoNs, S
from robotd.core.errors import DeviceError
from robotd.core.jog import JogFrame, JogOrder, still
from robotd.core.recovery import (
    REQUEST_BYTES,
    ArmRequest,
    RecoveryStep,
    pack_arm_request,
    unpack_arm_answer,
)
from robotd.core.ring import RingReader, RingWriter
from robotd.core.run_files import ARM_ANSWERS, ARM_REQUESTS
from robotd.core.types import Orders
from robotd.servo.recovery_desk import RecoveryDesk
from tests.servo.conftest import HOME, Bench, arm_config


def below_the_table(model="ur5e"):
    kinematics = kinematics_of(arm_config(model))
    q = np.array(HOME[model])
    T = kinematics.fk(q)
    T[2, 3] = -0.02
    for _ in range(50):
        q = kinematics.ik(T, q).q_rad
    return tuple(q)


class JogBench(Bench):
    jog = None

    def orders(self):
        found = super().orders()
        jog = self.jog if self.session else None
        return Orders(t_ns=found.t_ns, session=found.session, plan=found.plan, jog=jog)

    def want(self, *rates, frame=JogFrame.BASE, hold_s=10.0):
        until = MonoNs(self.clock.now() + round(hold_s * S))
        self.jog = JogOrder(frame=frame, rates=np.array(rates, float), valid_until_ns=until)


@pytest.fixture
def outside():
    bench = JogBench(model="ur5", q_start=below_the_table("ur5"))
    bench.jog = still()
    return bench


def test_a_normal_session_does_not_begin_outside():
    bench = Bench(q_start=below_the_table()).arm_it()

    assert bench.ticks[-1].fault is ArmFault.START_OUTSIDE
    assert not bench.loop.engaged


def test_a_jog_brings_the_arm_back_inside_and_a_normal_session_begins_there(outside):
    outside.arm_it()
    assert outside.ticks[-1].phase is ArmPhase.HOLDING

    outside.want(0, 0, 1, 0, 0, 0)
    ticks = outside.run(1.8)

    assert outside.tool_m()[2] == pytest.approx(-0.02 + 0.95 * 0.02 * 1.7, abs=0.001)
    assert {tick.source for tick in ticks} == {Source.JOG}
    assert outside.arm.oracle.breaches == []
    outside.session, outside.jog = 0, None
    outside.run(0.6)
    outside.arm_it(2)
    assert outside.ticks[-1].phase is ArmPhase.HOLDING
    assert outside.ticks[-1].fault is ArmFault.NONE


def test_a_jog_further_outside_moves_nothing(outside):
    outside.arm_it()

    outside.want(0, 0, -1, 0, 0, 0)
    ticks = outside.run(0.5)

    assert abs(outside.tool_m()[2] + 0.02) < 3e-6
    assert any(tick.verdict.limit for tick in ticks)
    assert outside.arm.oracle.breaches == []


def test_a_jog_ends_with_its_order_and_with_the_daemon(outside):
    outside.arm_it()
    outside.want(0, 0, 1, 0, 0, 0, hold_s=0.2)
    outside.run(0.3)
    stood = outside.tool_m().copy()
    assert outside.ticks[-1].phase is ArmPhase.HOLDING

    outside.want(0, 0, 1, 0, 0, 0)
    outside.alive = False  # the mailbox grows old
    outside.run(0.3)
    moved = outside.tool_m().copy()
    outside.run(0.5)

    assert moved[2] > stood[2]
    assert np.array_equal(outside.tool_m(), moved)


def test_a_session_of_jogging_follows_no_plan(outside):
    outside.arm_it()
    outside.line_to((0.5, 0.0, 0.1))

    outside.run(0.3)

    assert outside.ticks[-1].plan_epoch == -1
    assert outside.ticks[-1].phase is ArmPhase.HOLDING


def test_orders_to_jog_are_the_same_after_the_mailbox():
    jog = JogOrder(
        frame=JogFrame.JOINT, rates=np.array([0, 1, -1, 0.5, 0, 0]), valid_until_ns=MonoNs(7)
    )
    orders = unpack_orders(pack_orders(Orders(t_ns=MonoNs(1), session=2, plan=None, jog=jog)))

    assert orders.jog is not None
    assert (orders.session, orders.jog.frame, orders.jog.valid_until_ns) == (2, jog.frame, 7)
    assert np.array_equal(orders.jog.rates, jog.rates)


class FakeArm:
    def __init__(self):
        self.done = []

    def recover(self, step):
        self.done.append(step)


@pytest.fixture
def asked(tmp_path: Path):
    with RingWriter.create(tmp_path / ARM_REQUESTS, REQUEST_BYTES, 8) as ring:
        yield tmp_path, ring


def request(number, t_ns, step=RecoveryStep.UNLOCK):
    return pack_arm_request(ArmRequest(t_ns=t_ns, number=number, step=step))


def answers_of(run):
    reader = RingReader(run / ARM_ANSWERS)
    return [unpack_arm_answer(record.payload) for record in reader.since(-1).records]


def test_the_desk_does_what_is_asked_now_and_once(asked):
    run, ring = asked
    clock, arm = FakeClock(MonoNs(10 * S)), FakeArm()
    with RecoveryDesk(run, clock) as desk:
        ring.write(request(1, clock.now()))
        for _ in range(5):
            desk.serve(arm)

        assert arm.done == [RecoveryStep.UNLOCK]
        assert [(a.number, a.refusal) for a in answers_of(run)] == [(1, "")]


def test_the_desk_does_nothing_that_was_asked_before_it_or_long_ago(asked):
    run, ring = asked
    clock, arm = FakeClock(MonoNs(10 * S)), FakeArm()
    ring.write(request(1, clock.now()))
    with RecoveryDesk(run, clock) as desk:
        desk.serve(arm)
        ring.write(request(2, clock.now() - 2 * S))
        ring.write(b"nonsense")
        desk.serve(arm)
        ring.write(request(3, clock.now() - 2 * S))
        desk.serve(arm)
        ring.write(request(4, clock.now() + S))
        desk.serve(arm)

        assert arm.done == []
        assert [a.number for a in answers_of(run)] == [3, 4]
        assert "ago" in answers_of(run)[0].refusal


def test_an_arm_that_follows_setpoints_is_asked_nothing():
    bench = Bench()
    served = []
    bench.loop = bench.new_loop()
    bench.loop._serve_desk = lambda: served.append(bench.loop.engaged)
    bench.arm_it()
    before = len(served)
    bench.run(0.2)

    assert before > 0
    assert len(served) == before
    assert not any(served)


def test_the_simulated_arm_refuses_to_unlock_within_5_s():
    bench = Bench(model="ur5").arm_it()
    bench.arm.faults.safety_bits = 1 << 2
    bench.run(0.1)
    assert bench.ticks[-1].fault is ArmFault.SAFETY_STOP
    with pytest.raises(DeviceError, match="5s"):
        bench.arm.recover(RecoveryStep.UNLOCK)
    bench.session = 0
    bench.run(5.0)

    bench.arm.recover(RecoveryStep.UNLOCK)

    bench.run(0.1)
    assert bench.ticks[-1].state.safety_bits == 1
    bench.arm_it(7)
    assert bench.ticks[-1].phase is ArmPhase.HOLDING
