"""Setpoints of a mock cell go before the oracle as they are read from the wire."""

import struct

import msgspec
import numpy as np
import pytest

from robotd.core.script_codes import ScriptRegisters
from robotd.core.ur_codes import RuntimeState
from robotd.sim.ur.judge import Judge
from robotd.sim.ur.setup import of_arm
from robotd.sim.ur.states import SafetyMode
from tests.sim.ur_site import Bench, input_setup, packet

FOREVER = "def wait():\n while True:\n  sync()\n end\nend\n"


class JudgedCell:
    """A controller of a mock cell, and a client of its own script's registers."""

    def __init__(self, cell):
        judge = Judge(cell.arm, cell.envelope)
        self.bench = Bench(judge=judge, q_start=list(cell.arm.home_q_rad))
        self.session = self.bench.session()
        self.session.receive(input_setup(ScriptRegisters(base=cell.arm.ur.register_base).inputs))
        self.q = np.array(cell.arm.home_q_rad)
        self.bench.run(FOREVER)

    def send(self, number, q):
        self.session.receive(packet("U", struct.pack(">Bi6d", 1, number, *q)))
        self.bench.cycle()

    @property
    def breaches(self):
        return self.bench.c.judge.oracle.breaches


@pytest.fixture
def judged(mock_cell):
    return JudgedCell(mock_cell)


def test_setpoints_inside_the_envelope_pass_the_judge(judged):
    for n in range(200):
        judged.send(5 + n, judged.q + 1e-4 * (1 - np.cos(0.05 * n)))
    judged.bench.seconds(0.1)
    assert judged.bench.c.judge.oracle.checked_n == 200
    assert judged.breaches == []
    assert judged.bench.c.program.playing


def test_a_setpoint_outside_the_envelope_is_a_violation(judged):
    judged.send(5, judged.q)
    judged.send(6, judged.q + 0.1)
    assert len(judged.breaches) == 1
    assert judged.bench.c.safety.mode == SafetyMode.VIOLATION
    assert judged.bench.c.program.runtime == RuntimeState.STOPPED
    assert "outside the envelope" in judged.bench.told("violation")[0]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_a_setpoint_that_is_no_angle_is_a_violation(judged, value):
    judged.send(5, judged.q)
    judged.send(6, [value, *judged.q[1:]])
    assert judged.bench.c.safety.mode == SafetyMode.VIOLATION


def test_a_repeated_number_and_a_word_to_the_script_are_not_judged(judged):
    judged.send(5, judged.q)
    judged.send(5, judged.q + 1.0)
    judged.send(-5, judged.q + 1.0)
    assert judged.breaches == []


def test_setpoints_still_on_their_way_when_another_program_runs_go_on_being_judged(judged):
    for n in range(60):
        judged.send(5 + n, judged.q + 1e-4 * (1 - np.cos(0.05 * n)))
        if n == 20:
            judged.bench.c.stop_program("by hand")
        if n == 23:
            judged.bench.run(FOREVER)
    assert judged.breaches == []
    judged.send(65, judged.q + 0.1)
    assert len(judged.breaches) == 1


def test_the_next_program_begins_from_where_the_arm_is(judged):
    judged.send(5, judged.q)
    judged.send(6, judged.q + 1e-5)
    judged.bench.run(FOREVER)
    judged.send(3, judged.q)
    assert judged.breaches == []


def test_a_cells_arm_is_set_up_as_its_configuration_says(mock_cell):
    arm = msgspec.structs.replace(
        mock_cell.arm,
        payload_kg=0.7,
        ur=msgspec.structs.replace(mock_cell.arm.ur, serial="42", polyscope="5.9"),
    )
    setup = of_arm(arm)
    assert (setup.payload_kg, setup.serial, str(setup.version)) == (0.7, "42", "5.9.0.0")
    assert setup.tcp_offset[:3] == pytest.approx(arm.tool.position_m)
    assert setup.q_start == list(arm.home_q_rad)


def test_the_first_step_after_standing_still_for_long_is_judged(judged):
    for n in range(50):
        judged.send(5 + n, judged.q)
    judged.send(60, judged.q + 0.1)
    assert len(judged.breaches) == 1
    assert judged.bench.c.judge.oracle.checked_n < 10


def test_a_setpoint_just_over_a_limit_is_found_within_moments(judged):
    for n in range(20):
        judged.send(5 + n, judged.q)
    step = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 3e-5])  # 7.5 rad/s² over 2 ms, allowed 5
    judged.send(30, judged.q + step)
    judged.bench.seconds(0.03)
    assert [breach.limit for breach in judged.breaches] == ["joint acceleration [rad/s²]"]
    assert judged.bench.c.safety.mode == SafetyMode.VIOLATION
