"""The oracle finds each kind of breach, and shares nothing with what it judges."""

import ast
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from robotd.core.arm_model import kinematics_of
from robotd.core.config import ArmConfig, Box, EnvelopeConfig, Pose
from robotd.sim import oracle, oracle_chain
from robotd.sim.oracle import SetpointOracle

HOME = np.array([2.87173, -1.24451, 2.13738, -2.46367, -1.5708, -0.26986])
ARM = ArmConfig(
    kind="sim",
    model="ur5e",
    tool=Pose(position_m=(0.02, -0.01, 0.15), quat_wxyz=(0.9, 0.1, -0.2, 0.3)),
    home_q_rad=tuple(HOME),
)
WIDE = EnvelopeConfig(
    q_min_rad=(-6.2,) * 6,
    q_max_rad=(6.2,) * 6,
    joint_speed_rad_s=3.0,
    joint_acceleration_rad_s2=20.0,
    tool_box=Box(min_m=(-2, -2, -2), max_m=(2, 2, 2)),
    table_z_m=-2.0,
    tool_speed_m_s=1.5,
    tool_cone_rad=3.15,
    min_singular_value=0.0,
)
DT_S = 0.002
AT = kinematics_of(ARM).points_batch(HOME[None])
P, ELBOW = AT.p_base_tcp[0], AT.p_base_elbow[0]
TILT = float(np.arccos(-AT.z_base_tcp[0, 2]))
SIGMA = kinematics_of(ARM).sigma_min(HOME)


def first_breach(envelope, *setpoints, arm=ARM):
    judge = SetpointOracle(arm, envelope, dt_s=DT_S)
    judge.restart(HOME)
    for q in setpoints:
        if (breach := judge.check(q)) is not None:
            assert judge.breaches == [breach]
            return breach.limit
    return None


def at_home(envelope):
    """What is said of a step to HOME from just inside; None where HOME itself is inside."""
    judge = SetpointOracle(ARM, envelope, dt_s=DT_S)
    judge.restart(HOME)
    if not judge.outside:
        return None
    for step in 0.01 * np.vstack((np.eye(6), -np.eye(6))):
        judge.restart(HOME + step)
        if not judge.outside:
            return judge.check(HOME).limit
    raise AssertionError("no place nearby is inside")


def box(axis, side, value):
    low, high = [-2.0] * 3, [2.0] * 3
    (low if side < 0 else high)[axis] = value
    return replace(WIDE, tool_box=Box(min_m=tuple(low), max_m=tuple(high)))


def test_standing_still_inside_is_no_breach():
    assert first_breach(WIDE, *[HOME] * 20) is None


@pytest.mark.parametrize(
    "bad", [HOME * np.nan, np.where(np.arange(6) == 2, np.inf, HOME), HOME[:5]]
)
def test_numbers_that_are_none(bad):
    assert first_breach(WIDE, bad) == "six finite numbers"


@pytest.mark.parametrize("joint", range(6))
@pytest.mark.parametrize("side", [-1, 1])
def test_joint_ranges(joint, side):
    for slack, word in ((5e-6, None), (-5e-6, f"range of joint {joint + 1}")):
        ends = {-1: [-6.2] * 6, 1: [6.2] * 6}
        ends[side][joint] = HOME[joint] + side * slack
        envelope = replace(WIDE, q_min_rad=tuple(ends[-1]), q_max_rad=tuple(ends[1]))
        found = at_home(envelope)
        assert found is None if word is None else word in found


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("side", [-1, 1])
def test_the_tool_box(axis, side):
    assert at_home(box(axis, side, P[axis] + side * 5e-6)) is None
    assert "tool box" in at_home(box(axis, side, P[axis] - side * 5e-6))


def test_the_table_under_tool_and_elbow():
    assert at_home(replace(WIDE, table_z_m=P[2] - 5e-6)) is None
    assert "under the tool" in at_home(replace(WIDE, table_z_m=P[2] + 5e-6))
    for slack, broken in ((-5e-6, False), (5e-6, True)):
        clearance = ELBOW[2] + slack + 1.0
        found = at_home(replace(WIDE, table_z_m=-1.0, elbow_clearance_m=clearance))
        assert ("elbow" in found) if broken else found is None


def test_the_cone():
    assert at_home(replace(WIDE, tool_cone_rad=TILT + 1e-5)) is None
    assert "cone" in at_home(replace(WIDE, tool_cone_rad=TILT - 1e-5))


def test_the_singular_value():
    assert at_home(replace(WIDE, min_singular_value=SIGMA * 0.999)) is None
    assert at_home(replace(WIDE, min_singular_value=SIGMA * 1.001)) == "singular value"


def ramp(acceleration, speed, ticks, direction):
    v = np.minimum(np.arange(1, ticks + 1) * acceleration * DT_S, speed)
    return list(HOME + np.outer(np.cumsum(v) * DT_S, direction))


TURN = np.array([1.0, 0, 0, 0, 0, 0])
LIFT = np.array([0, 1.0, 0, 0, 0, 0])


def test_joint_speed():
    envelope = replace(WIDE, joint_speed_rad_s=0.3)
    assert first_breach(envelope, *ramp(10, 0.2999, 40, TURN)) is None
    assert "joint speed" in first_breach(envelope, *ramp(10, 0.3001, 40, TURN))


def test_joint_acceleration_from_the_first_setpoint_on():
    envelope = replace(WIDE, joint_acceleration_rad_s2=5.0)
    assert first_breach(envelope, *ramp(4.999, 1.0, 40, TURN)) is None
    assert "acceleration" in first_breach(envelope, *ramp(5.001, 1.0, 40, TURN))
    stop = ramp(4.9, 1.0, 40, TURN)
    assert "acceleration" in first_breach(envelope, *stop, stop[-1])


def test_tool_and_elbow_speed():
    radius = float(np.hypot(P[0], P[1]))
    envelope = replace(WIDE, tool_speed_m_s=0.1)
    assert first_breach(envelope, *ramp(10, 0.0999 / radius, 40, TURN)) is None
    assert "tool speed" in first_breach(envelope, *ramp(10, 0.1001 / radius, 40, TURN))
    tool_less = replace(
        ARM, tool=Pose(position_m=tuple(_flange_point_of_elbow())), home_q_rad=tuple(HOME)
    )
    found = first_breach(envelope, *ramp(10, 0.3, 60, LIFT), arm=tool_less)
    assert found is not None
    assert "elbow speed" in found


def _flange_point_of_elbow():
    """A tool so long that its point lies near the shoulder, where nothing moves."""
    bare = kinematics_of(replace(ARM, tool=Pose(position_m=(0.0, 0.0, 0.0))))
    T = bare.fk(HOME)
    return T[:3, :3].T @ (np.array([0.0, 0.0, 0.1625]) - T[:3, 3])


def test_a_breach_is_kept_with_its_figures():
    judge = SetpointOracle(ARM, replace(WIDE, joint_speed_rad_s=0.1), dt_s=DT_S)
    judge.restart(HOME)
    judge.check(HOME)
    breach = judge.check(HOME + TURN * 0.001)
    assert (breach.setpoint_n, breach.bound) == (2, 0.1)
    assert breach.value == pytest.approx(0.5)


def test_after_a_restart_the_past_does_not_count():
    judge = SetpointOracle(ARM, WIDE, dt_s=DT_S)
    judge.restart(HOME + 0.5)
    assert judge.check(HOME + 0.5) is None


OUTSIDE = replace(WIDE, q_max_rad=(HOME[0] - 0.01, 6.2, 6.2, 6.2, 6.2, 6.2))


def test_a_limit_broken_at_the_start_may_not_be_broken_further():
    back, further = (HOME + TURN * side * 5e-6 for side in (-1.0, 1.0))
    assert first_breach(OUTSIDE, HOME, HOME, back, back) is None
    assert "upper range of joint 1" in first_breach(OUTSIDE, HOME, further)
    assert "upper range of joint 1" in first_breach(OUTSIDE, HOME, back, HOME)


def test_outside_nothing_is_faster_than_a_jog_and_inside_again_all_is_as_ever():
    radius = float(np.hypot(P[0], P[1]))
    assert first_breach(OUTSIDE, *ramp(5, 0.0199 / radius, 60, -TURN)) is None
    assert "tool speed" in first_breach(OUTSIDE, *ramp(5, 0.0201 / radius, 60, -TURN))
    barely = replace(OUTSIDE, q_max_rad=(HOME[0] - 5e-6, 6.2, 6.2, 6.2, 6.2, 6.2))
    assert first_breach(barely, *ramp(5, 0.5, 60, -TURN)) is None


def test_it_imports_no_kinematics_of_ours():
    ours = set()
    for module in (oracle, oracle_chain):
        tree = ast.parse(Path(module.__file__).read_text())
        names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        ours |= {name for name in names if name.startswith("robotd")}
    assert ours == {
        "robotd.core.config",
        "robotd.core.jog",
        "robotd.core.ur_models",
        "robotd.sim.oracle_chain",
    }
