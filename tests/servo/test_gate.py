"""The gate, the sequential clamp that it replaces, and the claim that only it makes setpoints."""

import ast
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace

from robotd.core.arm_codes import Limit
from robotd.servo.gate import Gate
from tests.servo.sequential_clamp import SequentialClamp

ROOT = Path(__file__).parents[2]
QUICK = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
FLOATS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True),
    st.sampled_from([0.0, 5e-324, 1e300, -1e300, 6.2, -6.2, 2 * np.pi]),
    st.floats(-7, 7),
)


def test_the_gate_passes(gate_check):
    gate_check(Gate)


def test_clamping_in_sequence_breaks_the_limits(gate_checks):
    with pytest.raises(AssertionError, match=r"JOINT_ACCELERATION|TOOL_SPEED|WORKSPACE"):
        gate_checks.check_fuzz(SequentialClamp)


def machine_for(gate_class, checks):
    """A machine that feeds a gate anything, and judges all that came out after every step."""

    class Machine(RuleBasedStateMachine):
        def __init__(self):
            super().__init__()
            self.gate = checks.build(gate_class)
            self.start, self.emitted = checks.HOME, []

        def feed(self, candidate, ticks=1):
            for _ in range(ticks):
                setpoint, _ = self.gate.step(candidate)
                self.emitted.append(setpoint.q_rad)

        @rule(values=st.lists(FLOATS, max_size=8))
        def anything(self, values):
            self.feed(np.array(values, dtype=np.float64))

        @rule(k=st.integers(0, 16))
        def hostile(self, k):
            self.feed(checks.HOSTILE[k])

        @rule(ticks=st.integers(1, 40))
        def silence(self, ticks):
            self.feed(None, ticks)

        @rule(ticks=st.integers(1, 20))
        def dwell(self, ticks):
            self.feed(self.gate.q_rad.copy(), ticks)

        @rule(
            push=st.lists(st.floats(-1.02, 1.02), min_size=6, max_size=6),
            ticks=st.integers(1, 60),
        )
        def push(self, push, ticks):
            for _ in range(ticks):
                v = self.gate.qd_rad_s + np.array(push) * 5.0 * checks.DT_S
                self.feed(self.gate.q_rad + v * checks.DT_S)

        @rule(k=st.integers(0, 5), size=st.floats(-0.5, 0.5))
        def teleport(self, k, size):
            self.feed(self.gate.q_rad + checks.joint(k, size))

        @rule()
        def start_again(self):
            while not self.gate.at_rest:
                self.feed(None)
            self.judge()
            self.start, self.emitted = self.gate.q_rad.copy(), []
            self.gate.reset(self.start, np.zeros(6))

        @invariant()
        def judge(self):
            if self.emitted:
                checks.excess(self.start, self.emitted).assert_none()

        def teardown(self):
            for _ in range(60):
                self.feed(None)
            self.judge()
            assert self.gate.at_rest

    return Machine


def test_no_sequence_of_inputs_leads_out_of_the_envelope(gate_checks):
    run_state_machine_as_test(machine_for(Gate, gate_checks), settings=QUICK)


def test_the_same_machine_finds_the_sequential_clamp_out(gate_checks):
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine_for(SequentialClamp, gate_checks), settings=QUICK)


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 1000), factor=st.floats(0.3, 1.0))
def test_tightening_a_limit_never_increases_its_excursion(gate_checks, seed, factor):
    checks = gate_checks
    tight = replace(
        checks.CELL,
        tool_speed_m_s=0.25 * factor,
        joint_speed_rad_s=factor,
        joint_acceleration_rad_s2=5.0 * factor,
    )
    rng = np.random.default_rng(seed)
    pushes = rng.choice([-0.9, 0.9], size=(6, 6)).repeat(15, axis=0) * 5.0
    worst = {}
    for envelope in (checks.CELL, tight):
        gate = checks.build(Gate, envelope)
        emitted = [
            gate.step(gate.q_rad + (gate.qd_rad_s + push * factor * checks.DT_S) * checks.DT_S)[
                0
            ].q_rad
            for push in pushes
        ]
        worst[envelope] = checks.excess(checks.HOME, emitted, envelope)
        worst[envelope].assert_none()
    for limit, bound in (
        (Limit.TOOL_SPEED, tight.tool_speed_m_s),
        (Limit.JOINT_SPEED, tight.joint_speed_rad_s),
        (Limit.JOINT_ACCELERATION, tight.joint_acceleration_rad_s2),
    ):
        assert worst[tight].value[limit] + bound <= bound + 1e-6


def test_only_the_gate_builds_setpoints():
    makers = []
    for path in sorted((ROOT / "robotd").rglob("*.py")) + sorted((ROOT / "teleop").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            name = node.func if isinstance(node, ast.Call) else None
            if isinstance(name, ast.Name | ast.Attribute) and (
                getattr(name, "id", "") == "Setpoint" or getattr(name, "attr", "") == "Setpoint"
            ):
                makers.append(path.relative_to(ROOT).as_posix())
    assert makers == ["robotd/servo/gate.py"]
