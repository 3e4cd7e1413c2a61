"""Teleoperation through the real follower and gate, on a simulated arm in lockstep."""

import numpy as np
import pytest

from robotd.core.arm_codes import Limit, Source
from robotd.core.config_teleop import TeleopConfig

MODELS = ("ur5e", "ur5")
RNG_CYCLES_MS = np.random.default_rng(5).choice([8.0, 10.0, 12.0, 25.0, 40.0], size=1000).tolist()


def pushed(x, y, *, until_s=0.6):
    """Neutral for 0.1 s, then full deflection until it is released."""
    return lambda t_s: ((x, y), True) if 0.1 <= t_s < until_s else ((0.0, 0.0), False)


def circling(t_s):
    if t_s < 0.1:
        return (0.0, 0.0), False
    return (np.sin(4 * t_s), np.cos(4 * t_s)), True


def rocking(t_s):
    """Back and forth as fast as a switch."""
    if t_s < 0.1:
        return (0.0, 0.0), False
    return (1.0 if int(t_s / 0.25) % 2 else -1.0, 0.0), True


def check_clean(drive):
    """No refusal of the gate or of a plan, no breach of what the arm received."""
    assert {tick.verdict.limit for tick in drive.ticks} == {Limit.NONE}
    assert drive.bench.loop.refused_plans_n == 0
    assert drive.bench.arm.oracle.breaches == []


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("profile", [circling, rocking, pushed(1, 0), pushed(-0.7, 0.7)])
def test_the_arm_keeps_to_the_target_and_the_gate_refuses_nothing(make_drive, model, profile):
    drive = make_drive(model=model).run(profile, 1.2)
    check_clean(drive)
    assert drive.error_m.max() < 0.0025  # m; measured 1.6 mm
    assert np.sqrt(np.mean(drive.error_m**2)) < 0.0013
    assert sum(step.anchored for _, step in drive.steps) <= 1


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("start_m", [(0.58, -0.13, 0.01)])
def test_so_it_does_where_the_arm_reaches_far(make_drive, model, start_m):
    drive = make_drive(model=model, start_m=start_m).run(rocking, 0.9)
    check_clean(drive)
    assert drive.error_m.max() < 0.004


@pytest.mark.parametrize("model", MODELS)
def test_the_motion_is_smooth(make_drive, model):
    drive = make_drive(model=model).run(circling, 1.3)
    change = np.diff(drive.speed_m_s, axis=0) / np.diff(drive.t_s)[1:, None]
    assert np.linalg.norm(change, axis=1).max() < 2.0  # m/s²
    steady = change[drive.t_s[2:] > 0.8]
    assert np.linalg.norm(steady, axis=1).max() < 1.3  # a circle at 0.2 m/s: 0.8


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("direction", [(1.0, 0.0), (0.0, -1.0)])
def test_a_release_at_full_speed_stops_the_arm(make_drive, model, direction):
    drive = make_drive(model=model).run(pushed(*direction), 1.3)
    check_clean(drive)
    after = drive.t_s >= 0.6
    way_m = (drive.tool_m[after] - drive.tool_m[after][0])[:, :2] @ direction
    speed = np.linalg.norm(drive.speed_m_s, axis=1)[after[1:]]
    moving_s = drive.t_s[1:][after[1:]][speed > 0.005]
    assert way_m.max() < 0.026  # m
    assert way_m.max() - way_m[-1] < 0.002  # hardly any way back
    assert moving_s[-1] - 0.6 < 0.40  # s
    assert drive.ticks[-1].source is Source.HOLD


def test_a_device_that_is_unplugged_at_full_speed_stops_the_arm(make_drive):
    drive = make_drive().run(lambda t_s: pushed(1, 0)(t_s) if t_s < 0.5 else None, 1.2)
    check_clean(drive)
    after = drive.t_s >= 0.5
    way_m = drive.tool_m[after][:, 0] - drive.tool_m[after][0, 0]
    assert way_m.max() < 0.1 * 0.2 + 0.026  # m: the age at which it is silent, then the stop
    speed = np.linalg.norm(drive.speed_m_s, axis=1)[after[1:]]
    assert drive.t_s[1:][after[1:]][speed > 0.005][-1] - 0.5 < 0.5  # s


def test_cycles_of_any_length_do_not_disturb_it(make_drive):
    drive = make_drive(cycle_ms=lambda cycle: RNG_CYCLES_MS[cycle % 1000]).run(circling, 1.0)
    check_clean(drive)
    assert drive.error_m.max() < 0.003


def test_when_the_maker_of_plans_is_gone_the_arm_comes_to_rest(make_drive):
    drive = make_drive(cycle_ms=lambda cycle: 10.0 if cycle < 60 else 1e6)
    drive.run(pushed(1, 0, until_s=9.0), 1.1)
    check_clean(drive)
    after = drive.t_s >= 0.6
    way_m = drive.tool_m[after][:, 0] - drive.tool_m[after][0, 0]
    assert way_m.max() < 0.026  # m
    speed = np.linalg.norm(drive.speed_m_s, axis=1)[after[1:]]
    assert drive.t_s[1:][after[1:]][speed > 0.005][-1] - 0.6 < 0.35  # s


def test_the_wall_is_felt_before_the_gate_and_the_lead_stays_small(make_drive):
    drive = make_drive(model="ur5").run(
        lambda t_s: ((1.0, 1.0), t_s > 0.1) if t_s > 0.1 else ((), False), 2.2
    )
    check_clean(drive)
    assert drive.tool_m[:, 0].max() < 0.68
    assert drive.tool_m[:, 1].max() < 0.18
    assert drive.error_m.max() < 0.0025


def test_more_speed_than_the_arm_may_have_is_not_asked_for(make_drive):
    fast = TeleopConfig(speed_m_s=1.0)
    drive = make_drive(model="ur5", config=fast).run(circling, 2.0)
    check_clean(drive)
    assert drive.error_m.max() < 0.003
    assert sum(step.anchored for _, step in drive.steps) <= 1


def test_turning_and_moving_at_once_keeps_to_the_target(make_drive):
    six = TeleopConfig(axes=("x", "y", "z", "rx", "ry", "rz"))

    def both(t_s):
        on = t_s >= 0.1
        return ((0.5, 0.0, 0.6, 0.0, 0.0, 0.8) if t_s < 0.8 else (-0.5, 0, -0.5, 0, 0, -0.8)), on

    drive = make_drive(config=six).run(lambda t: both(t) if t >= 0.1 else ((), False), 1.6)
    check_clean(drive)
    assert drive.error_m.max() < 0.0025


def test_height_stays_within_a_millimetre(make_drive):
    drive = make_drive(model="ur5").run(rocking, 2.0)
    assert np.abs(drive.tool_m[:, 2] - drive.tool_m[0, 2]).max() < 0.001
