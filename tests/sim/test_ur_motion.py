"""How the emulated joints move: lag, moves, braking."""

import numpy as np
import pytest

from robotd.sim.ur.arm.trapezoid import Trapezoid
from robotd.sim.ur.script.machine import PoseValue
from tests.sim.ur_site import Bench

HOME = np.array([-1.57, -1.57, -1.57, -1.57, 1.57, 0.0])


def servo(bench, targets, lookahead=0.1, gain=300.0):
    """Servo to each target for one cycle; return wanted and measured joints."""
    wanted, measured = [], []
    for q in targets:
        bench.machine.servoj(tuple(q), t_s=0.002, lookahead_s=lookahead, gain=gain)
        wanted += bench.cycle()
        measured.append(bench.c.joints.measured)
    return np.array(wanted), np.array(measured)


def ramp(n, speed, period=0.002):
    return HOME + np.outer(np.arange(n) * period * speed, [1, 0, 0, 0, 0, 0])


@pytest.mark.parametrize("lookahead", [0.03, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("model", ["ur5", "ur5e"])
def test_servoj_follows_a_steady_target_one_lookahead_behind(model, lookahead):
    bench = Bench(model)
    period = bench.c.period_s
    wanted, _ = servo(bench, ramp(round(1.5 / period), 0.2, period), lookahead)
    behind_s = (ramp(round(1.5 / period), 0.2, period)[-1, 0] - wanted[-1, 0]) / 0.2
    assert behind_s == pytest.approx(lookahead, abs=period)


def test_a_lower_gain_lags_more():
    behind = []
    for gain in (100.0, 300.0, 2000.0):
        targets = ramp(800, 0.2)
        _, measured = servo(Bench(), targets, 0.1, gain)
        behind.append(targets[-1, 0] - measured[-1, 0])
    assert behind[0] > behind[1] > behind[2]


def test_servoj_never_goes_past_its_target():
    targets = np.tile(HOME + np.array([0.02, 0, 0, 0, 0, 0]), (600, 1))
    wanted, measured = servo(Bench(), targets)
    for way in (wanted, measured):
        assert (np.diff(way[:, 0]) >= 0).all()
        assert way[-1, 0] == pytest.approx(targets[-1, 0], abs=1e-5)
        assert way[-1, 0] <= targets[-1, 0]


def test_servoj_is_no_faster_than_what_it_follows():
    bench = Bench()
    n = np.arange(2000)
    targets = HOME + np.outer(0.05 * (1 - np.cos(n * 0.002 * 4)), [1, -0.5, 0, 0, 0, 0.3])
    wanted, _ = servo(bench, targets, 0.05)
    assert np.abs(np.diff(wanted, axis=0)).max() <= np.abs(np.diff(targets, axis=0)).max() + 1e-12


def test_the_reference_stays_where_it_is_without_a_motion():
    bench = Bench()
    way = bench.cycle(50)
    assert way[0] == way[-1] == list(HOME)
    assert bench.c.joints.standing


def test_movej_keeps_speed_and_acceleration_and_arrives_together():
    bench = Bench()
    goal = HOME + np.array([0.5, 0.25, 0, 0, 0, -0.1])
    bench.machine.movej(tuple(goal), acceleration_rad_s2=1.5, speed_rad_s=0.6, t_s=0.0)
    way = np.array(bench.seconds(2.0))
    speed = np.diff(way, axis=0) / 0.002
    assert bench.machine.motion_done()
    assert way[-1] == pytest.approx(goal)
    assert np.abs(speed).max() == pytest.approx(0.6, rel=1e-3)
    assert np.abs(np.diff(speed, axis=0) / 0.002).max() <= 1.5 + 1e-6
    share = (way - HOME)[:, [0, 1, 5]] / (goal - HOME)[[0, 1, 5]]
    assert np.ptp(share, axis=1).max() < 1e-9


def test_movej_with_a_time_takes_that_time():
    bench = Bench()
    goal = tuple(HOME + np.array([0.3, 0, 0, 0, 0, 0]))
    bench.machine.movej(goal, acceleration_rad_s2=1.0, speed_rad_s=1.0, t_s=0.8)
    bench.seconds(0.79)
    assert not bench.machine.motion_done()
    bench.seconds(0.012)
    assert bench.machine.motion_done()


def test_movel_goes_straight_at_its_speed():
    bench = Bench()
    start = np.array(bench.machine.get_actual_tcp_pose().values)
    goal = start + np.array([0.1, 0.05, -0.05, 0, 0, 0])
    bench.machine.movel(PoseValue(tuple(goal)), acceleration_m_s2=0.5, speed_m_s=0.2, t_s=0.0)
    points = np.array([bench.c.chain_at(q)[1][3] for q in bench.seconds(1.5)])
    direction = (goal - start)[:3] / np.linalg.norm((goal - start)[:3])
    off = np.linalg.norm(np.cross(points - start[:3], direction), axis=1)
    speed = np.linalg.norm(np.diff(points, axis=0), axis=1) / 0.002
    assert off.max() < 1e-5
    assert speed.max() == pytest.approx(0.2, rel=1e-3)
    assert bench.machine.get_actual_tcp_pose().values == pytest.approx(goal, abs=1e-5)


def test_speedj_accelerates_and_goes_on_until_something_else():
    bench = Bench()
    bench.machine.speedj((0.4, 0, 0, 0, 0, 0), acceleration_rad_s2=2.0)
    way = np.array(bench.seconds(1.0))
    speed = np.diff(way[:, 0]) / 0.002
    assert speed[-1] == pytest.approx(0.4)
    assert np.diff(speed).max() / 0.002 <= 2.0 + 1e-6
    bench.machine.stopj(2.0)
    bench.until(bench.machine.motion_done, 0.5)
    assert bench.c.joints.ref.at_rest


def test_speedl_moves_the_tool_along_its_twist():
    bench = Bench()
    before = np.array(bench.machine.get_actual_tcp_pose().values)
    bench.machine.speedl((0, 0, -0.05, 0, 0, 0), acceleration_m_s2=5.0)
    bench.seconds(1.0)
    moved = np.array(bench.machine.get_actual_tcp_pose().values) - before
    assert moved[2] == pytest.approx(-0.05, abs=0.002)
    assert np.abs(moved[[0, 1, 3, 4, 5]]).max() < 1e-4


def test_stopj_brakes_at_its_deceleration_from_servoing():
    bench = Bench()
    servo(bench, ramp(500, 0.4))
    bench.machine.stopj(4.0)
    way = np.array(bench.seconds(0.3))
    speed = np.diff(way[:, 0]) / 0.002
    assert (np.diff(speed) / 0.002).min() >= -4.0 - 1e-6
    assert speed[-1] == 0.0
    assert way[-1, 0] - way[0, 0] == pytest.approx(0.4**2 / 8, abs=2e-3)


def test_a_move_that_begins_while_the_arm_moves_brakes_first():
    bench = Bench()
    servo(bench, ramp(500, 0.4))
    before = bench.c.joints.ref.qd[0]
    bench.machine.movej(tuple(HOME), acceleration_rad_s2=2.0, speed_rad_s=0.5, t_s=0.0)
    way = np.array([bench.c.joints.ref.q, *bench.seconds(4.0)])
    speed = np.r_[before, np.diff(way[:, 0]) / 0.002]
    assert np.abs(np.diff(speed)).max() / 0.002 <= 2.0 + 1e-6
    assert way[-1] == pytest.approx(HOME)


def test_a_missed_cycle_ends_where_the_cycles_would_have():
    late, on_time = Bench(), Bench()
    goal = tuple(HOME + np.array([0.02, 0, 0, 0, 0, 0]))
    for bench in (late, on_time):
        bench.machine.servoj(goal, t_s=0.002, lookahead_s=0.1, gain=300.0)
    late.c.cycle(20_000_000, 10)
    on_time.cycle(10)
    assert late.c.joints.ref.q == pytest.approx(on_time.c.joints.ref.q, abs=1e-12)


@pytest.mark.parametrize(
    ("length", "speed", "acceleration", "duration"),
    [(1.0, 0.5, 1.0, 2.5), (0.1, 1.0, 1.0, 2 * 0.1**0.5), (0.0, 1.0, 1.0, 0.0)],
)
def test_a_trapezoid_lasts_as_long_as_its_figures_say(length, speed, acceleration, duration):
    way = Trapezoid(length, speed, acceleration)
    assert way.duration_s == pytest.approx(duration)
    assert way.share(duration) == 1.0
    assert way.share(0.5 * duration) == pytest.approx(0.5 if length else 1.0)
