"""The arm loop in lockstep: sessions, plans, faults; every stop inside the envelope."""

import numpy as np
import pytest

from robotd.core.arm_codes import ArmFault, ArmPhase, Limit, Source
from robotd.core.clock import MS, FakeClock, MonoNs
from robotd.core.types import Plan
from robotd.sim.arm import SAFETY_PROTECTIVE_STOP

STILL_RAD = 1e-9


@pytest.fixture(autouse=True)
def judged(bench):
    """Whatever a test does: no setpoint that the arm received was outside."""
    yield
    assert bench.arm.oracle.breaches == []


def phases(ticks):
    return [tick.phase for tick in ticks]


def moving(bench):
    """Armed and half-way along a line."""
    bench.arm_it()
    bench.line_to((0.56, 0.05, 0.012), 0.6)
    bench.run(0.3)
    assert bench.ticks[-1].phase is ArmPhase.FOLLOWING
    assert np.abs(np.diff([t.q_cmd_rad for t in bench.ticks[-2:]], axis=0)).max() > 1e-4
    return bench


def moved_rad(ticks):
    q = np.array([tick.state.q_rad for tick in ticks])
    return np.abs(q - q[0]).max()


def test_disarmed_it_reads_and_publishes_and_nothing_moves(bench):
    ticks = bench.run(0.1)
    assert len(ticks) == 50
    assert set(phases(ticks)) == {ArmPhase.DISARMED}
    assert ticks[-1].session == 0
    assert not ticks[-1].state.program_running
    np.testing.assert_array_equal(ticks[-1].q_cmd_rad, ticks[-1].state.q_rad)


def test_a_session_there_before_the_process_is_ignored(bench):
    bench.session = 7
    bench.run(0.1)
    bench.line_to((0.52, 0.0, 0.01))
    ticks = bench.run(0.3)
    assert set(phases(ticks)) == {ArmPhase.DISARMED}
    assert moved_rad(ticks) == 0.0


def test_a_restarted_process_obeys_only_the_next_session(bench):
    moving(bench)
    bench.loop = bench.new_loop()  # the old one died: its arm stops by its watchdog
    ticks = bench.run(1.0)
    assert set(phases(ticks)) == {ArmPhase.DISARMED}
    assert moved_rad(ticks[-250:]) < STILL_RAD
    bench.plan, bench.session = None, 2
    assert bench.run(0.1)[-1].phase is ArmPhase.HOLDING


def test_a_session_whose_orders_are_old_does_not_begin(bench):
    bench.run(0.1)
    bench.alive, bench.session = False, 1
    bench.clock.advance(300 * MS)
    assert set(phases(bench.run(0.1))) == {ArmPhase.DISARMED}
    bench.alive = True
    assert set(phases(bench.run(0.1))) == {ArmPhase.DISARMED}


def test_a_new_session_engages_and_holds_where_the_arm_stands(bench):
    bench.arm_it(session=3)
    tick = bench.ticks[-1]
    assert (tick.phase, tick.session, tick.fault) == (ArmPhase.HOLDING, 3, ArmFault.NONE)
    assert tick.state.program_running
    np.testing.assert_allclose(tick.q_cmd_rad, tick.state.q_rad, atol=1e-12)


@pytest.mark.parametrize("model", ["ur5", "ur5e"])
def test_it_follows_a_plan_to_its_end(make_bench, model):
    bench = make_bench(model=model).arm_it()
    start = bench.tool_m()
    plan = bench.line_to((0.54, -0.05, 0.02), 1.0)
    ticks = bench.run(1.4)
    assert set(phases(ticks)) == {ArmPhase.FOLLOWING}
    assert {tick.plan_epoch for tick in ticks} == {plan.epoch}
    assert all(tick.verdict.accepted for tick in ticks)
    assert np.linalg.norm(bench.tool_m() - (0.54, -0.05, 0.02)) < 1e-4
    assert np.linalg.norm(start - bench.tool_m()) > 0.05
    assert bench.arm.oracle.checked_n > 100
    assert bench.arm.oracle.breaches == []


@pytest.mark.parametrize("end", ["no plan", "expired", "dead conductor"])
def test_without_a_valid_plan_it_brakes_and_holds(bench, end):
    moving(bench)
    if end == "no plan":
        bench.plan = None
    elif end == "expired":
        bench.plan = Plan(
            epoch=99,
            t_ns=bench.plan.t_ns,
            T_base_tcp=bench.plan.T_base_tcp,
            valid_until_ns=bench.clock.now(),
            source=Source.POLICY,
        )
        bench.run(0.002)
    else:
        bench.alive = False
        ticks = bench.run(0.25)
        assert ticks[-1].phase is ArmPhase.FOLLOWING
    ticks = bench.run(0.4)
    found = phases(ticks)
    assert found[1] is ArmPhase.BRAKING
    assert found[-1] is ArmPhase.HOLDING
    assert ticks[-1].plan_epoch == -1
    assert moved_rad(ticks[-20:]) < 1e-6


def test_a_new_plan_joins_without_a_jump(bench):
    bench.arm_it()
    for k in range(20):
        bench.line_to((0.5 + 0.03 * (k % 3), 0.05 * (-1) ** k, 0.012), 0.4)
        bench.run(0.1)
    q = np.array([tick.q_cmd_rad for tick in bench.ticks])
    jerk = np.diff(q, n=3, axis=0) * 500.0**3
    assert {tick.verdict.limit for tick in bench.ticks} == {Limit.NONE}
    assert np.abs(np.diff(q, n=2, axis=0)).max() * 500.0**2 < 4.6
    assert np.abs(jerk).max() < 100.0


def test_a_plan_that_begins_far_away_is_refused_and_the_next_near_one_followed(bench):
    bench.arm_it()
    plan = bench.line_to((0.56, 0.0, 0.012), 1.0)
    far = plan.T_base_tcp.copy()
    far[:, 1, 3] += 0.0501
    bench.plan = Plan(
        epoch=50,
        t_ns=plan.t_ns,
        T_base_tcp=far,
        valid_until_ns=plan.valid_until_ns,
        source=Source.POLICY,
    )
    ticks = bench.run(0.1)
    assert set(phases(ticks)) == {ArmPhase.HOLDING}
    assert bench.loop.refused_plans_n == 1
    near = plan.T_base_tcp.copy()
    near[:, 1, 3] += 0.0499 - 0.006
    bench.plan = Plan(
        epoch=51,
        t_ns=plan.t_ns,
        T_base_tcp=near,
        valid_until_ns=plan.valid_until_ns,
        source=Source.POLICY,
    )
    assert set(phases(bench.run(0.1))) == {ArmPhase.FOLLOWING}


def test_a_plan_that_the_setpoint_lags_behind_is_still_followed(bench):
    bench.arm_it()
    bench.line_to((0.66, 0.0, 0.012), 0.2)  # 0.8 m/s: much faster than the tool may move
    bench.run(0.2)
    lag = np.linalg.norm(bench.plan.T_base_tcp[-1, :3, 3] - bench.tool_m())
    assert lag > 0.06
    held = np.repeat(bench.plan.T_base_tcp[-1:], 2, axis=0)
    now = bench.clock.now()
    bench.plan = Plan(
        epoch=77,
        t_ns=np.array([now, now + 100 * MS]),
        T_base_tcp=held,
        valid_until_ns=MonoNs(now + 3000 * MS),
        source=Source.POLICY,
    )
    ticks = bench.run(1.5)
    assert set(phases(ticks)) == {ArmPhase.FOLLOWING}
    assert np.linalg.norm(held[0, :3, 3] - bench.tool_m()) < 1e-3


def test_orientations_that_are_none_are_refused(bench):
    bench.arm_it()
    plan = bench.line_to((0.52, 0.0, 0.012), 1.0)
    bent = plan.T_base_tcp.copy()
    bent[5, :3, :3] *= 1.01
    bench.plan = Plan(
        epoch=60,
        t_ns=plan.t_ns,
        T_base_tcp=bent,
        valid_until_ns=plan.valid_until_ns,
        source=Source.POLICY,
    )
    assert set(phases(bench.run(0.1))) == {ArmPhase.HOLDING}
    assert bench.loop.refused_plans_n == 1


def test_a_plan_out_of_the_box_is_stopped_inside_and_named(bench):
    bench.arm_it()
    bench.line_to((0.72, 0.0, 0.012), 1.5)
    ticks = bench.run(1.9)
    limits = {tick.verdict.limit for tick in ticks}
    assert Limit.WORKSPACE in limits
    assert bench.loop.counts.refused_setpoints_n > 0
    p = np.array([tick.T_base_cmd[:3, 3] for tick in ticks])
    assert 0.65 < p[:, 0].max() <= 0.68


def test_the_end_of_a_session_brakes_disengages_and_disarms(bench):
    moving(bench)
    bench.session = 0
    ticks = bench.run(0.5)
    assert ticks[0].phase is ArmPhase.BRAKING
    assert ticks[-1].phase is ArmPhase.DISARMED
    assert ticks[-1].session == 0
    assert not ticks[-1].state.program_running
    assert moved_rad(ticks[-50:]) < STILL_RAD


def test_another_session_begins_only_after_standstill(bench):
    moving(bench)
    bench.plan, bench.session = None, 2
    ticks = bench.run(0.6)
    begun = next(k for k, tick in enumerate(ticks) if tick.session == 2)
    assert np.abs(ticks[begun].state.qd_rad_s).max() < 0.02
    assert ticks[-1].phase in (ArmPhase.HOLDING, ArmPhase.FAULT)


def inject(bench, fault):
    faults = bench.arm.faults
    if fault is ArmFault.SAFETY_STOP:
        faults.safety_bits = SAFETY_PROTECTIVE_STOP
    elif fault is ArmFault.PROGRAM_STOPPED:
        bench.arm.stop_program()
    elif fault is ArmFault.DRIVER_ERROR:
        faults.read_error = "gone"
    elif fault is ArmFault.STALE_STATE:
        faults.frozen = True
    elif fault is ArmFault.TRACKING:
        faults.blocked = True
    elif fault is ArmFault.OWN_GAP:
        bench.clock.advance(50 * MS)


def heal(bench):
    faults = bench.arm.faults
    faults.safety_bits, faults.read_error = 0, ""
    faults.frozen = faults.blocked = False


FAULTS = [
    ArmFault.SAFETY_STOP,
    ArmFault.PROGRAM_STOPPED,
    ArmFault.DRIVER_ERROR,
    ArmFault.STALE_STATE,
    ArmFault.TRACKING,
    ArmFault.OWN_GAP,
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.name)
def test_a_fault_stops_the_arm_and_is_latched_until_a_person_arms_again(bench, fault):
    moving(bench)
    inject(bench, fault)
    if fault is ArmFault.TRACKING:
        bench.line_to((0.40, -0.15, 0.012), 1.2)
        bench.run(1.2)
    checked = bench.arm.oracle.checked_n
    ticks = bench.run(0.9)
    assert ticks[-1].phase is ArmPhase.FAULT
    assert ticks[-1].fault is fault
    assert ticks[-1].session == 1
    assert not bench.loop.engaged
    sent = bench.arm.oracle.checked_n - checked
    braked = fault in (ArmFault.STALE_STATE, ArmFault.TRACKING)
    assert (sent > 20) if fault is ArmFault.STALE_STATE else sent < 2 or braked

    # The cause goes away: still nothing moves, not even when the session ends.
    heal(bench)
    bench.line_to((0.5, 0.0, 0.012), 1.0)
    assert moved_rad(bench.run(0.5)[50:]) < STILL_RAD
    bench.session = 0
    ticks = bench.run(0.2)
    assert ticks[-1].phase is ArmPhase.FAULT
    assert moved_rad(ticks) < STILL_RAD

    # Only a new arming clears it.
    bench.plan, bench.session = None, 2
    ticks = bench.run(0.1)
    assert (ticks[-1].phase, ticks[-1].fault) == (ArmPhase.HOLDING, ArmFault.NONE)


def test_a_refused_setpoint_at_the_driver_is_a_fault(bench):
    moving(bench)
    bench.arm.faults.servo_error = "sim arm: refused"
    ticks = bench.run(0.1)
    assert ticks[0].fault is ArmFault.DRIVER_ERROR
    assert not bench.loop.engaged


def test_while_a_stale_arm_is_braked_a_dead_one_is_let_go(bench):
    moving(bench)
    bench.arm.faults.frozen = True
    while bench.run(0.002)[-1].fault is ArmFault.NONE:
        pass
    assert bench.loop.engaged
    bench.arm.faults.read_error = "gone"
    tick = bench.run(0.002)[-1]
    assert tick.fault is ArmFault.STALE_STATE  # the first cause stays
    assert not bench.loop.engaged


def test_a_stopped_process_that_continues_sends_nothing(bench):
    moving(bench)
    checked = bench.arm.oracle.checked_n
    bench.clock.advance(2_000 * MS)
    ticks = bench.run(0.1)
    assert ticks[0].fault is ArmFault.OWN_GAP
    assert bench.arm.oracle.checked_n == checked
    assert bench.loop.counts.gaps_n == 1


def test_gaps_below_the_fault_are_counted_and_survived(bench):
    moving(bench)
    bench.clock.advance(14 * MS)
    tick = bench.run(0.002)[-1]
    assert tick.fault is ArmFault.NONE
    assert bench.loop.counts.gaps_n == 1


@pytest.mark.parametrize(
    ("prepare", "fault"),
    [
        (lambda b: setattr(b.arm.faults, "read_error", "gone"), ArmFault.DRIVER_ERROR),
        (lambda b: setattr(b.arm.faults, "engage_error", "local mode"), ArmFault.REFUSED),
        (lambda b: setattr(b.arm.faults, "frozen", True), ArmFault.STALE_STATE),
        (lambda b: setattr(b.arm.faults, "safety_bits", 4), ArmFault.SAFETY_STOP),
    ],
    ids=["unreadable", "refusing", "frozen", "stopped"],
)
def test_it_does_not_begin_with_an_arm_that_is_not_well(bench, prepare, fault):
    bench.run(0.1)
    prepare(bench)
    bench.run(0.2)
    bench.session = 1
    tick = bench.run(0.1)[-1]
    assert (tick.phase, tick.fault) == (ArmPhase.FAULT, fault)
    assert not bench.loop.engaged


def test_it_does_not_begin_outside_the_envelope(make_bench):
    outside = make_bench(q_start=(2.2, -1.24451, 2.13738, -2.46367, -1.5708, -0.26986))
    outside.arm_it()
    assert outside.ticks[-1].fault is ArmFault.START_OUTSIDE
    assert not outside.ticks[-1].state.program_running


def test_it_does_not_begin_with_a_moving_arm(bench):
    moving(bench)
    bench.loop = bench.new_loop()
    bench.run(0.004)
    bench.plan, bench.session = None, 2
    tick = bench.run(0.002)[-1]
    assert tick.fault is ArmFault.START_MOVING


def test_before_the_first_state_nothing_is_published(bench):
    bench.arm.faults.read_error = "not yet"
    assert bench.run(0.1) == []


class SlowClock(FakeClock):
    """Time passes as listed whenever a cycle sleeps."""

    def __init__(self, overslept_ms):
        super().__init__(MonoNs(0))
        self.overslept_ms = iter(overslept_ms)

    def sleep_until(self, t_ns):
        super().sleep_until(t_ns)
        self.advance(next(self.overslept_ms, 0) * MS)


def test_a_late_tick_skips_deadlines_instead_of_bursting(make_bench):
    bench = make_bench(model="ur5")
    clock = SlowClock([0, 20, 0, 0])
    bench.clock = bench.arm._clock = clock
    bench.orders_ns = clock.now()
    loop = bench.new_loop()
    ticks_left = iter([False] * 5 + [True])
    loop.run(lambda: next(ticks_left))
    assert [tick.t_ns // MS for tick in bench.ticks] == [0, 8, 36, 40, 48, 56]
    assert [tick.late_ns // MS for tick in bench.ticks] == [0, 0, 20, 0, 0, 0]
    assert [tick.skipped_n for tick in bench.ticks] == [0, 0, 0, 2, 0, 0]


def test_asked_to_stop_it_brakes_first(bench):
    moving(bench)
    bench.arm._now_ns = bench.clock.now()
    bench.loop.run(lambda: True)
    assert not bench.loop.engaged
    stopped = bench.ticks[-1]
    assert stopped.phase in (ArmPhase.HOLDING, ArmPhase.BRAKING)
    speeds = np.diff([tick.q_cmd_rad for tick in bench.ticks[-80:-1]], axis=0)
    assert np.abs(speeds[-1]).max() < 1e-4
