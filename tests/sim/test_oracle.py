"""The oracle finds each kind of breach, and shares nothing with what it judges."""

import ast
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

import robotd.sim.oracle as module
from robotd.core.arm_model import kinematics_of
from robotd.core.config import ArmConfig, Box, EnvelopeConfig, Pose
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
    oracle = SetpointOracle(arm, envelope, dt_s=DT_S)
    oracle.restart(HOME)
    for q in setpoints:
        if (breach := oracle.check(q)) is not None:
            assert oracle.breaches == [breach]
            return breach.limit
    return None


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
    for slack, word in ((1e-6, None), (-1e-6, f"range of joint {joint + 1}")):
        ends = {-1: [-6.2] * 6, 1: [6.2] * 6}
        ends[side][joint] = HOME[joint] + side * slack
        envelope = replace(WIDE, q_min_rad=tuple(ends[-1]), q_max_rad=tuple(ends[1]))
        found = first_breach(envelope, HOME)
        assert found is None if word is None else word in found


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("side", [-1, 1])
def test_the_tool_box(axis, side):
    assert first_breach(box(axis, side, P[axis] + side * 1e-6), HOME) is None
    assert "tool box" in first_breach(box(axis, side, P[axis] - side * 1e-6), HOME)


def test_the_table_under_tool_and_elbow():
    assert first_breach(replace(WIDE, table_z_m=P[2] - 1e-6), HOME) is None
    assert "under the tool" in first_breach(replace(WIDE, table_z_m=P[2] + 1e-6), HOME)
    for slack, broken in ((-1e-6, False), (1e-6, True)):
        clearance = ELBOW[2] + slack + 1.0
        found = first_breach(replace(WIDE, table_z_m=-1.0, elbow_clearance_m=clearance), HOME)
        assert ("elbow" in found) if broken else found is None


def test_the_cone():
    assert first_breach(replace(WIDE, tool_cone_rad=TILT + 1e-5), HOME) is None
    assert "cone" in first_breach(replace(WIDE, tool_cone_rad=TILT - 1e-5), HOME)


def test_the_singular_value_is_looked_at_within_eight_setpoints():
    assert first_breach(replace(WIDE, min_singular_value=SIGMA * 0.999), *[HOME] * 8) is None
    found = first_breach(replace(WIDE, min_singular_value=SIGMA * 1.001), *[HOME] * 8)
    assert found == "singular value"


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
    oracle = SetpointOracle(ARM, replace(WIDE, joint_speed_rad_s=0.1), dt_s=DT_S)
    oracle.restart(HOME)
    oracle.check(HOME)
    breach = oracle.check(HOME + TURN * 0.001)
    assert (breach.setpoint_n, breach.bound) == (2, 0.1)
    assert breach.value == pytest.approx(0.5)


def test_after_a_restart_the_past_does_not_count():
    oracle = SetpointOracle(ARM, WIDE, dt_s=DT_S)
    oracle.restart(HOME + 0.5)
    assert oracle.check(HOME + 0.5) is None


def test_it_imports_no_kinematics_of_ours():
    tree = ast.parse(Path(module.__file__).read_text())
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    ours = {name for name in names if name.startswith("robotd")}
    assert ours == {"robotd.core.config", "robotd.core.ur_models"}
