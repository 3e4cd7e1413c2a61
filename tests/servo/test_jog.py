"""Jogging back from outside: nothing grows, nothing is fast, and it does come back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotd.core.arm_codes import Limit
from robotd.core.arm_model import kinematics_of
from robotd.core.clock import MonoNs
from robotd.core.errors import EnvelopeError
from robotd.core.jog import JOG_SPEED_M_S, JOG_TURN_RAD_S, JogFrame, JogOrder, still
from robotd.core.ur_models import ur_model
from robotd.servo.excess import BOUNDS, Excess
from robotd.servo.jog_gate import SLACK, JogGate
from robotd.servo.jogger import Jogger
from tests.servo.conftest import ENVELOPE, HOME, arm_config

ALWAYS = MonoNs(2**62)
ARMS = {}


class Arm:
    """Gate and jogger of one model, and everything that they emitted."""

    def __init__(self, model="ur5", q_start=None, dt_s=None):
        config = arm_config(model)
        self.kinematics = kinematics_of(config)
        self.dt_s = dt_s or 1.0 / ur_model(model).servo_rate_hz
        limits = {"envelope": ENVELOPE, "model": ur_model(model), "kinematics": self.kinematics}
        self.gate = JogGate(**limits, dt_s=self.dt_s)
        self.jogger = Jogger(kinematics=self.kinematics, envelope=ENVELOPE, dt_s=self.dt_s)
        self.excess = Excess(**limits)
        self.q = np.array(HOME[model] if q_start is None else q_start)
        self.emitted = [self.q]
        self.gate.reset(self.q, np.zeros(6))

    def candidate(self, q):
        setpoint, verdict = self.gate.step(q)
        self.emitted.append(setpoint.q_rad)
        if not verdict.accepted:
            self.jogger.restart()
        return verdict

    def jog(self, frame, rates, ticks):
        order = JogOrder(frame=frame, rates=np.array(rates, float), valid_until_ns=ALWAYS)
        for _ in range(ticks):
            q = self.jogger.step(self.gate.q_rad, self.gate.qd_rad_s, order, 0)
            verdict = self.candidate(q)
        return verdict

    def check(self):
        q = np.array(self.emitted)
        excess = self.excess.of(q)
        least = np.minimum.accumulate(excess, axis=0)
        assert (excess[1:] - least[:-1]).max() <= SLACK
        at = self.kinematics.points_batch(q)
        for p in (at.p_base_tcp, at.p_base_elbow):
            speed = np.linalg.norm(np.diff(p, axis=0), axis=1) / self.dt_s
            assert speed.max() <= JOG_SPEED_M_S * (1 + 1e-9)
        v = np.diff(np.vstack((q[:1], q)), axis=0) / self.dt_s
        a = np.diff(v, axis=0) / self.dt_s
        assert np.abs(v).max() <= JOG_TURN_RAD_S * (1 + 1e-9)
        assert np.abs(a).max() <= ENVELOPE.joint_acceleration_rad_s2 * (1 + 1e-6)


def at_pose(model, shift, seed=0):
    """Joints with the tool moved by (3,) [m] from home."""
    del seed
    kinematics = kinematics_of(arm_config(model))
    q = np.array(HOME[model])
    T = kinematics.fk(q)
    T[:3, 3] += shift
    for _ in range(50):
        q = kinematics.ik(T, q).q_rad
    return q


STARTS = {
    "below the table": ("ur5", at_pose("ur5", (0.0, 0.0, -0.04))),
    "beyond the box": ("ur5", at_pose("ur5", (0.25, 0.0, 0.02))),
    "above it, and aside": ("ur5e", at_pose("ur5e", (-0.05, 0.3, 0.35))),
    "tilted": ("ur5", np.array(HOME["ur5"]) + np.array([0.0, -0.3, -0.2, 1.2, 0.5, 0.0])),
    "a joint beyond its range": ("ur5", np.array(HOME["ur5"]) + np.array([0, 0, 0, 0, 0, -6.05])),
    "inside": ("ur5", at_pose("ur5", (0.0, 0.0, 0.05))),
    "stretched": ("ur5", np.array([0.0, -1.3, 0.02, -1.6, -1.57, 0.0])),
}
rates = st.lists(st.sampled_from([0.0, 0.0, 1.0, -1.0, 0.4, -0.05]), min_size=6, max_size=6)
doings = st.lists(
    st.tuples(st.sampled_from(JogFrame), rates, st.integers(1, 40)), min_size=1, max_size=6
)


@pytest.mark.parametrize("start", STARTS)
@settings(max_examples=20, deadline=None)
@given(doings=doings)
def test_no_violation_grows_and_nothing_is_fast_whatever_a_person_wants(start, doings):
    arm = Arm(*STARTS[start])

    for frame, wanted, ticks in doings:
        arm.jog(frame, wanted, ticks)

    arm.check()


noise = st.one_of(
    st.floats(-1e-3, 1e-3),
    st.floats(-1e-4, 1e-4),
    st.floats(allow_nan=True, allow_infinity=True),
)


@pytest.mark.parametrize("start", STARTS)
@settings(max_examples=20, deadline=None)
@given(steps=st.lists(st.lists(noise, min_size=6, max_size=6), min_size=1, max_size=40))
def test_no_violation_grows_whatever_comes_in_instead_of_a_person(start, steps):
    arm = Arm(*STARTS[start])

    for step in steps:
        arm.candidate(arm.gate.q_rad + np.array(step))

    arm.check()


@pytest.mark.parametrize(
    ("start", "direction", "ticks"),
    [
        ("below the table", (0, 0, 1, 0, 0, 0), 500),
        ("beyond the box", (-1, 0, 0, 0, 0, 0), 1200),
        ("a joint beyond its range", None, 700),
    ],
)
def test_it_comes_back_inside(start, direction, ticks):
    arm = Arm(*STARTS[start])
    assert arm.gate.least.any()

    if direction is None:
        arm.jog(JogFrame.JOINT, (0, 0, 0, 0, 0, 1), ticks)
    else:
        arm.jog(JogFrame.BASE, direction, ticks)

    assert not arm.gate.least.any()
    assert arm.excess.said(arm.gate.q_rad) == []
    arm.check()


def test_a_way_further_outside_is_refused_and_says_which_bound():
    arm = Arm(*STARTS["below the table"])

    verdict = arm.jog(JogFrame.BASE, (0, 0, -1, 0, 0, 0), 20)

    assert verdict.limit in (Limit.TABLE, Limit.WORKSPACE)
    assert np.abs(arm.gate.q_rad - arm.emitted[0]).max() < 1e-5


def test_along_a_violated_plane_it_moves_sideways():
    arm = Arm(*STARTS["below the table"])
    x_m = arm.kinematics.fk(arm.gate.q_rad)[0, 3]

    arm.jog(JogFrame.BASE, (-1, 0, 0, 0, 0, 0), 250)

    assert arm.kinematics.fk(arm.gate.q_rad)[0, 3] < x_m - 0.03
    arm.check()


def test_along_an_axis_the_others_stay():
    arm = Arm(*STARTS["inside"])
    T = arm.kinematics.fk(arm.gate.q_rad)

    arm.jog(JogFrame.BASE, (0, 1, 0, 0, 0, 0), 500)
    moved = arm.kinematics.fk(arm.gate.q_rad)

    assert moved[1, 3] - T[1, 3] == pytest.approx(0.95 * JOG_SPEED_M_S * 3.9, rel=0.02)
    assert np.abs(moved[[0, 2], 3] - T[[0, 2], 3]).max() < 1e-6
    assert np.abs(moved[:3, :3] - T[:3, :3]).max() < 1e-6


def test_let_go_it_brakes_at_once():
    arm = Arm(*STARTS["inside"])
    arm.jog(JogFrame.BASE, (0, 1, 0, 0, 0, 0), 100)
    p = arm.kinematics.fk(arm.gate.q_rad)[:3, 3]

    arm.jog(JogFrame.BASE, (0, 0, 0, 0, 0, 0), 10)

    assert arm.gate.at_rest
    assert np.linalg.norm(arm.kinematics.fk(arm.gate.q_rad)[:3, 3] - p) < 0.001
    arm.check()


def test_an_order_that_is_over_moves_nothing():
    arm = Arm(*STARTS["inside"])
    order = JogOrder(frame=JogFrame.BASE, rates=np.ones(6), valid_until_ns=MonoNs(5))

    assert arm.jogger.step(arm.gate.q_rad, np.zeros(6), order, 6) is None
    assert arm.jogger.step(arm.gate.q_rad, np.zeros(6), still(), 0) is None


def test_at_500_hz_it_is_as_slow():
    arm = Arm(*STARTS["above it, and aside"])

    arm.jog(JogFrame.BASE, (0, -1, -1, 0, 0, 0), 800)
    arm.jog(JogFrame.JOINT, (1, 1, 0, 0, 0, 0), 400)

    arm.check()


def test_a_moving_arm_is_refused():
    arm = Arm(*STARTS["inside"])

    with pytest.raises(EnvelopeError, match="moves at"):
        arm.gate.reset(arm.q, np.full(6, 0.1))


def test_every_bound_has_its_words():
    arm = Arm(*STARTS["below the table"])
    said = arm.excess.said(arm.gate.q_rad)

    assert len(BOUNDS) == arm.excess.of(arm.q[np.newaxis]).shape[1]
    assert any("tool below the table by" in words and "mm" in words for words in said)


def test_rates_beyond_full_are_no_order():
    with pytest.raises(ValueError, match="rates"):
        JogOrder(frame=JogFrame.BASE, rates=np.full(6, 1.5), valid_until_ns=ALWAYS)
    with pytest.raises(ValueError, match="rates"):
        JogOrder(frame=JogFrame.BASE, rates=np.full(6, np.nan), valid_until_ns=ALWAYS)
