"""What the oracle is for: a gate that lets something out is found out, a good one is not."""

from pathlib import Path
from random import Random
from types import ModuleType

import numpy as np
import pytest

from robotd.core.kinematics import DhParameters, Kinematics
from robotd.core.ur_models import UR5E
from robotd.servo import gate as real
from robotd.servo.gate import Gate
from robotd.servo.jog_gate import JogGate
from robotd.sim.oracle import SetpointOracle
from tests.mutants.operators import mutants_of
from tests.servo import gate_checks as checks
from tests.servo.sequential_clamp import SequentialClamp

SEED = 4
MUTANTS_N = 20
"""So many of those mutants that let anything out."""
TICKS_N = 80


class Judged:
    """A gate whose setpoints an oracle sees, with the little of a gate that a drive needs."""

    def __init__(self, gate_class, envelope, start, oracle_envelope=None):
        self.gate = checks.build(gate_class, envelope, start)
        self.oracle = SetpointOracle(
            checks.CONFIG,
            envelope if oracle_envelope is None else oracle_envelope,
            dt_s=checks.DT_S,
        )
        self.oracle.restart(start)
        self.start, self.envelope, self.emitted = start, envelope, []

    def feed(self, candidate):
        setpoint, _ = self.gate.step(candidate)
        self.emitted.append(setpoint.q_rad)
        return self.oracle.check(setpoint.q_rad)

    def left_the_envelope(self):
        """What the checks of the gate say, which share no code with the oracle."""
        worst = checks.excess(self.start, self.emitted, self.envelope).value.values()
        return any(not value <= 1e-5 for value in worst)


def drives(gate_class):
    """Yield after every step of every drive: into each limit, and then anything."""
    for way in checks.APPROACHES:
        judged = Judged(gate_class, way.envelope, way.start)
        speed = 0.0
        for tick in range(TICKS_N):
            speed = min(speed + 4.5 * checks.DT_S, 0.9)
            step = way.direction * (speed * checks.DT_S)
            judged.feed(judged.gate.q_rad + step if tick < TICKS_N - 30 else None)
            yield judged
    for seed in range(2):
        rng = np.random.default_rng(seed)
        judged = Judged(gate_class, checks.CELL, checks.HOME)
        held = np.zeros(6)
        for tick in range(TICKS_N):
            if tick % 20 == 0:
                held = rng.choice([-1.0, 1.0], size=6) * rng.uniform(0.2, 1.02, size=6) * 5.0
            push = (judged.gate.qd_rad_s + held * checks.DT_S) * checks.DT_S
            candidate = judged.gate.q_rad + push
            judged.feed(checks.random_candidate(rng, judged.gate) if seed else candidate)
            yield judged


def found_out(gate_class):
    """Drive until the oracle complains; say what of, and whether the gate let anything out."""
    last = None
    try:
        for judged in drives(gate_class):
            if judged.oracle.breaches:
                return judged.oracle.breaches[0].limit, True
            if last is not None and judged is not last and last.left_the_envelope():
                return "", True
            last = judged
    except Exception:  # noqa: BLE001 - a mutant that dies emits nothing
        return "", False
    return "", last.left_the_envelope()


def gate_of(source):
    module = ModuleType("mutant")
    exec(compile(source, "mutant", "exec"), module.__dict__)
    return module.Gate


def test_the_gate_itself_is_not_complained_about():
    assert found_out(Gate) == ("", False)


def test_clamping_in_sequence_is_found_out():
    limit, _ = found_out(SequentialClamp)
    assert limit


def test_twenty_mutants_that_let_something_out_are_all_found_out():
    mutants = mutants_of(Path(real.__file__).read_text())
    Random(SEED).shuffle(mutants)
    found, missed = {}, []
    for mutant in mutants:
        if len(found) == MUTANTS_N:
            break
        limit, out = found_out(gate_of(mutant.source))
        if limit:
            found[mutant.line, mutant.change] = limit
        elif out:
            missed.append((mutant.line, mutant.change))
    assert missed == []
    assert len(found) == MUTANTS_N
    assert len({limit.split(" [")[0] for limit in found.values()}) > 4  # not one limit alone


@pytest.mark.parametrize("tool_m", [0.14, 0.16])
@pytest.mark.parametrize("field", ["a_m", "d_m", "alpha_rad", "theta_rad"])
def test_a_gate_that_believes_in_wrong_kinematics_is_found_out(field, tool_m):
    table = {name: getattr(UR5E.dh, name) for name in ("a_m", "d_m", "alpha_rad", "theta_rad")}
    table[field] = table[field] + 0.005 * np.eye(6)[2]
    T_flange_tcp = np.eye(4)
    T_flange_tcp[2, 3] = tool_m
    wrong = Kinematics(DhParameters(**table), T_flange_tcp)

    limit, _ = found_out(lambda **words: Gate(**(words | {"kinematics": wrong})))

    assert limit


def test_a_jog_back_inside_along_the_walls_is_not_complained_about():
    start = checks.HOME + 0.5 * checks.joint(0) + 0.05 * checks.joint(1)  # beyond two walls
    gate = JogGate(envelope=checks.CELL, model=UR5E, kinematics=checks.KINEMATICS, dt_s=checks.DT_S)
    oracle = SetpointOracle(checks.CONFIG, checks.CELL, dt_s=checks.DT_S)
    gate.reset(start, np.zeros(6))
    oracle.restart(start)
    assert oracle.outside
    rng = np.random.default_rng(6)
    for tick in range(3000):
        away = checks.HOME - gate.q_rad
        wanted = np.clip(away, -1.0, 1.0) * 0.1 + rng.normal(size=6) * 0.01 * (tick % 300 < 100)
        change = np.clip(wanted - gate.qd_rad_s, -4.0 * checks.DT_S, 4.0 * checks.DT_S)
        setpoint, _ = gate.step(gate.q_rad + (gate.qd_rad_s + change) * checks.DT_S)
        oracle.check(setpoint.q_rad)
    assert oracle.breaches == []
    assert not oracle.outside
