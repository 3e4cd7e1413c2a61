"""Whatever happens in whatever order: no breach, and nothing moves without a person's arming."""

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from robotd.core.arm_codes import ArmPhase
from robotd.core.clock import MS


def machine_for(make_bench):
    class Machine(RuleBasedStateMachine):
        def __init__(self):
            super().__init__()
            self.bench = make_bench(model="ur5")
            self.bench.run(0.05)
            self.armings = 0
            self.still = None  # joints that may not change until a person arms

        def run(self, duration_s):
            ticks = self.bench.run(duration_s)
            if self.still is not None and ticks:
                q = np.array([tick.state.q_rad for tick in ticks])
                assert np.abs(q - self.still).max() < 1e-9

        def lock_when_stopped(self):
            """From here on nothing may move, once what moved has stopped."""
            if self.still is None:
                self.run(0.8)
                self.still = self.bench.arm._q.copy()

        @rule()
        def a_person_arms(self):
            self.armings += 1
            self.still = None
            self.bench.plan, self.bench.session = None, self.armings
            self.run(0.1)

        @rule()
        def the_session_ends(self):
            self.bench.session, self.bench.plan = 0, None
            self.lock_when_stopped()

        @rule(x=st.floats(0.3, 0.7), y=st.floats(-0.2, 0.2), duration_s=st.floats(0.2, 1.5))
        def a_plan(self, x, y, duration_s):
            self.bench.line_to((x, y, 0.02), duration_s)
            self.run(0.3)

        @rule()
        def no_plan(self):
            self.bench.plan = None
            self.run(0.1)

        @rule(duration_s=st.floats(0.05, 0.6))
        def the_conductor_hangs(self, duration_s):
            self.bench.alive = False
            self.run(duration_s)
            self.bench.alive = True

        @rule(gap_ms=st.integers(1, 300))
        def the_process_hangs(self, gap_ms):
            self.bench.clock.advance(gap_ms * MS)
            self.run(0.05)

        @rule()
        def the_process_restarts(self):
            self.bench.loop = self.bench.new_loop()
            self.lock_when_stopped()

        @rule(
            name=st.sampled_from(["frozen", "blocked", "safety_bits", "read_error", "servo_error"]),
            duration_s=st.floats(0.008, 0.3),
        )
        def the_arm_fails_for_a_while(self, name, duration_s):
            faults = self.bench.arm.faults
            healthy = getattr(faults, name)
            setattr(faults, name, {"safety_bits": 4}.get(name, "cut" if healthy == "" else True))
            self.run(duration_s)
            setattr(faults, name, healthy)
            self.run(0.05)

        @rule()
        def the_program_is_stopped(self):
            self.bench.arm.stop_program()
            self.run(0.05)

        @invariant()
        def no_setpoint_was_outside(self):
            assert self.bench.arm.oracle.breaches == []

        @invariant()
        def a_fault_lets_go_of_the_arm_for_good(self):
            tick = self.bench.ticks[-1]
            if tick.phase is ArmPhase.FAULT and not self.bench.loop.engaged:
                self.lock_when_stopped()

    return Machine


def test_nothing_moves_without_a_person(make_bench):
    run_state_machine_as_test(
        machine_for(make_bench),
        settings=settings(
            max_examples=30,
            stateful_step_count=25,
            phases=[Phase.generate],
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
