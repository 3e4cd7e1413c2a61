"""Force and speed scaling: the arm brakes by itself, and goes on only after a resume."""

from dataclasses import replace

import numpy as np
import pytest

from robotd.core.arm_codes import ArmFault, ArmPhase, PauseCause, Source
from robotd.core.clock import MS, MonoNs
from robotd.core.config import GuardConfig
from robotd.core.jog import JogFrame, JogOrder, still
from robotd.core.types import ArmState, Orders
from robotd.servo.hold import HoldWatch

STATE = ArmState(t_ns=MonoNs(0), q_rad=np.zeros(6), qd_rad_s=np.zeros(6), T_base_tcp=np.eye(4))
CONFIG = GuardConfig(max_force_n=30.0, max_current_a=(2.0, 2.0, 2.0, 1.0, 1.0, 1.0))


def pushed(t_ms, force_n=0.0, current_a=0.0):
    force = np.array([0.0, 0.0, force_n, 0.0, 0.0, 0.0])
    current = np.array([0.0, 0.0, 0.0, 0.0, current_a, 0.0])
    return replace(STATE, t_ns=MonoNs(t_ms * MS), force_n=force, current_a=current)


def watch(*, force_sensor=True, tare=STATE):
    made = HoldWatch(CONFIG, force_sensor=force_sensor)
    made.restart(tare)
    return made


@pytest.mark.parametrize("force_sensor", [True, False])
@pytest.mark.parametrize(("share", "held"), [(0.99, False), (1.01, True)])
def test_a_push_over_the_bound_for_20_ms_holds(force_sensor, share, held):
    guard = watch(force_sensor=force_sensor)

    found = [
        guard.look(pushed(t, force_n=30.0 * share, current_a=1.0 * share), None)
        for t in range(0, 24, 2)
    ]

    wanted = PauseCause.FORCE if held else PauseCause.NONE
    assert found == [PauseCause.NONE] * 10 + [wanted] * 2


def test_each_arm_has_its_own_guard():
    assert watch(force_sensor=True).excess(pushed(0, current_a=100.0)) == 0.0
    assert watch(force_sensor=False).excess(pushed(0, force_n=100.0)) == 0.0


def test_a_push_that_ends_in_time_does_not_hold():
    guard = watch()

    found = {guard.look(pushed(t, 100.0 if t % 20 else 0.0), None) for t in range(0, 200, 2)}

    assert found == {PauseCause.NONE}


def test_what_pushes_at_the_start_is_taken_off():
    guard = watch(tare=pushed(0, force_n=25.0))

    assert guard.excess(pushed(1, force_n=25.0)) == 0.0
    assert guard.excess(pushed(1, force_n=-10.0)) == pytest.approx(35.0 / 30.0)


def test_a_push_while_jogging_holds_until_the_button_is_let_go():
    guard = watch()
    wanted = JogOrder(
        frame=JogFrame.BASE, rates=np.array([0.0, 0, 1, 0, 0, 0]), valid_until_ns=MonoNs(10**9)
    )
    jogged = Orders(t_ns=MonoNs(0), session=1, plan=None, jog=wanted)
    for t in range(0, 24, 2):
        guard.look(pushed(t, force_n=60.0), jogged)

    assert guard.look(pushed(24), jogged) is PauseCause.FORCE
    assert guard.look(pushed(26), replace(jogged, jog=still())) is PauseCause.NONE


def test_a_hold_lasts_until_orders_without_a_plan_came_and_nothing_pushes(bench):
    bench.arm_it()
    bench.line_to((0.56, 0.05, 0.012), 3.0)
    bench.run(0.3)
    bench.arm.faults.force_n = np.array([0.0, 0.0, 80.0, 0.0, 0.0, 0.0])
    ticks = bench.run(0.4)

    first = next(n for n, tick in enumerate(ticks) if tick.hold)
    assert ticks[first].state.t_ns - ticks[0].state.t_ns <= 22 * MS
    assert {tick.phase for tick in ticks[first:]} == {ArmPhase.BRAKING, ArmPhase.HOLDING}
    assert ticks[-1].phase is ArmPhase.HOLDING
    assert ticks[-1].fault is ArmFault.NONE

    bench.arm.faults.force_n = np.zeros(6)
    assert {tick.hold for tick in bench.run(0.2)} == {PauseCause.FORCE}
    plan, bench.plan = bench.plan, None
    assert bench.run(0.02)[-1].hold is PauseCause.NONE
    bench.plan = plan
    assert bench.line_to((0.54, 0.03, 0.02), 1.0)
    assert bench.run(0.2)[-1].phase is ArmPhase.FOLLOWING


@pytest.mark.parametrize(("scaling", "held"), [(0.99, False), (0.98, True)])
def test_below_full_speed_no_policy_is_followed(bench, scaling, held):
    bench.arm_it()
    bench.line_to((0.56, 0.05, 0.012), 1.0)
    bench.arm.faults.speed_scaling = scaling

    tick = bench.run(0.1)[-1]

    assert tick.hold is (PauseCause.SPEED_SCALING if held else PauseCause.NONE)
    assert tick.phase is (ArmPhase.HOLDING if held else ArmPhase.FOLLOWING)


def test_a_person_may_go_slower():
    plan = type("Plan", (), {"source": Source.HUMAN})()
    orders = Orders(t_ns=MonoNs(0), session=1, plan=plan)

    assert watch().look(replace(STATE, speed_scaling=0.5), orders) is PauseCause.NONE


def test_orders_that_are_not_renewed_release_nothing():
    guard = watch()
    for t in (0, 20):
        guard.look(pushed(t, 100.0), None)

    assert guard.look(pushed(40), None) is PauseCause.FORCE
