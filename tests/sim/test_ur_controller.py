"""Power, safety, programs and watchdogs of the emulated controller, on a clock of the test's."""

import numpy as np
import pytest

from robotd.core.ur_codes import RobotMode, RuntimeState
from robotd.sim.ur.states import SafetyMode
from tests.sim.ur_site import Bench, input_setup, packet

CONDITIONS = (
    "normal reduced protective recovery safeguard system_estop robot_estop estop violation fault "
    "stopped"
)
BIT = {name: 1 << i for i, name in enumerate(CONDITIONS.split())}
MOVE = "def go():\n movej([-1.07, -1.57, -1.57, -1.57, 1.57, 0.0], a=2.0, v=0.5)\nend\n"
FOREVER = "def wait():\n while True:\n  sync()\n end\nend\n"


@pytest.fixture
def bench():
    return Bench()


def moving(bench):
    assert bench.run(MOVE)
    bench.seconds(0.4)
    assert not bench.c.joints.standing
    return bench


def test_power_and_brakes_take_their_time_in_their_order():
    bench = Bench(ready=False)
    assert bench.c.power.mode == RobotMode.POWER_OFF
    assert bench.dashboard.answer("power on") == "Powering on"
    bench.seconds(0.5)
    assert bench.c.power.mode == RobotMode.POWER_ON
    bench.seconds(0.6)
    assert bench.c.power.mode == RobotMode.IDLE
    assert bench.dashboard.answer("brake release") == "Brake releasing"
    bench.seconds(0.3)
    assert bench.c.power.mode == RobotMode.IDLE
    bench.seconds(0.3)
    assert bench.c.power.mode == RobotMode.RUNNING


def test_releasing_the_brakes_of_an_arm_that_is_off_powers_it_first():
    bench = Bench(ready=False)
    bench.dashboard.answer("brake release")
    bench.seconds(1.6)
    assert bench.c.power.mode == RobotMode.RUNNING


def test_a_program_does_not_start_on_an_arm_that_is_off():
    bench = Bench(ready=False)
    assert not bench.run(MOVE)
    assert "POWER_OFF" in bench.told("refused")[0]


def test_power_off_ends_the_program_and_holds_the_arm(bench):
    moving(bench).dashboard.answer("power off")
    q = bench.c.joints.measured
    bench.seconds(0.2)
    assert bench.c.program.runtime == RuntimeState.STOPPED
    assert bench.c.joints.measured == pytest.approx(q, abs=1e-12)


@pytest.mark.parametrize(
    ("mode", "bits"),
    [
        (SafetyMode.REDUCED, BIT["reduced"]),
        (SafetyMode.PROTECTIVE_STOP, BIT["protective"] | BIT["stopped"]),
        (SafetyMode.RECOVERY, BIT["recovery"]),
        (SafetyMode.SAFEGUARD_STOP, BIT["safeguard"] | BIT["stopped"]),
        (SafetyMode.SYSTEM_EMERGENCY_STOP, BIT["system_estop"] | BIT["estop"] | BIT["stopped"]),
        (SafetyMode.ROBOT_EMERGENCY_STOP, BIT["robot_estop"] | BIT["estop"] | BIT["stopped"]),
        (SafetyMode.VIOLATION, BIT["violation"] | BIT["stopped"]),
        (SafetyMode.FAULT, BIT["fault"] | BIT["stopped"]),
    ],
)
def test_each_condition_sets_its_bits(bench, mode, bits):
    assert bench.c.safety.bits == BIT["normal"]
    bench.c.put_condition(mode, present=True)
    assert (bench.c.safety.mode, bench.c.safety.bits) == (mode, bits)


def test_the_gravest_of_several_conditions_is_the_mode_and_all_have_bits(bench):
    bench.c.protective_stop("test")
    bench.c.put_condition(SafetyMode.ROBOT_EMERGENCY_STOP, present=True)
    assert bench.c.safety.mode == SafetyMode.ROBOT_EMERGENCY_STOP
    assert bench.c.safety.bits & BIT["protective"]
    bench.c.put_condition(SafetyMode.ROBOT_EMERGENCY_STOP, present=False)
    assert bench.c.safety.mode == SafetyMode.PROTECTIVE_STOP


def test_a_protective_stop_cannot_be_unlocked_within_five_seconds(bench):
    bench.c.protective_stop("test")
    bench.seconds(4.99)
    assert "until 5s" in bench.dashboard.answer("unlock protective stop")
    assert bench.c.safety.mode == SafetyMode.PROTECTIVE_STOP
    bench.seconds(0.02)
    assert bench.dashboard.answer("unlock protective stop") == "Protective stop releasing"
    assert bench.c.safety.mode == SafetyMode.NORMAL


@pytest.mark.parametrize(
    ("choice", "runtime"), [("pause", RuntimeState.PAUSED), ("stop", RuntimeState.STOPPED)]
)
def test_a_protective_stop_pauses_or_stops_the_program(bench, choice, runtime):
    moving(bench).c.protective_stop("test", choice)
    bench.seconds(0.5)
    assert bench.c.program.runtime == runtime
    assert bench.c.joints.standing


def test_a_protective_stop_comes_to_rest_at_the_controllers_deceleration(bench):
    moving(bench).c.protective_stop("test")
    way = np.array(bench.seconds(0.2))
    speed = np.diff(way[:, 0]) / 0.002
    assert speed[0] == pytest.approx(0.5, abs=0.05)
    assert speed[30] == 0.0  # 0.5 rad/s at 10 rad/s² is 50 ms
    assert np.abs(np.diff(speed) / 0.002).max() <= 10.0 + 1e-6


def test_nothing_moves_after_unlocking_until_somebody_plays(bench):
    moving(bench).c.protective_stop("test")
    bench.seconds(5.1)
    bench.dashboard.answer("unlock protective stop")
    way = bench.seconds(1.0)
    assert way[0] == way[-1]
    assert bench.dashboard.answer("play") == "Starting program"
    bench.until(lambda: not bench.c.program.there)
    assert bench.c.joints.ref.q[0] == pytest.approx(-1.07)


def test_a_program_cannot_be_played_during_a_stop(bench):
    moving(bench).c.protective_stop("test")
    bench.seconds(0.5)
    assert bench.dashboard.answer("play") == "Failed to execute: play"


def test_a_safeguard_pauses_and_its_end_moves_nothing(bench):
    moving(bench).c.put_condition(SafetyMode.SAFEGUARD_STOP, present=True)
    bench.seconds(0.5)
    bench.c.put_condition(SafetyMode.SAFEGUARD_STOP, present=False)
    way = bench.seconds(0.5)
    assert (bench.c.program.runtime, way[0]) == (RuntimeState.PAUSED, way[-1])


def test_an_emergency_stop_ends_the_program_and_takes_the_power_once_at_rest(bench):
    moving(bench).c.put_condition(SafetyMode.ROBOT_EMERGENCY_STOP, present=True)
    bench.cycle()
    assert bench.c.program.runtime == RuntimeState.STOPPED
    assert bench.c.power.mode == RobotMode.RUNNING
    bench.seconds(0.5)
    assert bench.c.power.mode == RobotMode.POWER_OFF
    bench.dashboard.answer("power on")
    bench.seconds(2.0)
    assert bench.c.power.mode == RobotMode.POWER_OFF
    bench.c.put_condition(SafetyMode.ROBOT_EMERGENCY_STOP, present=False)
    bench.dashboard.answer("brake release")
    bench.seconds(2.0)
    assert bench.c.power.mode == RobotMode.RUNNING


def test_a_violation_needs_a_restart_of_the_safety_system(bench):
    bench.c.violation("test")
    bench.seconds(6.0)
    bench.dashboard.answer("unlock protective stop")
    assert bench.c.safety.mode == SafetyMode.VIOLATION
    assert bench.dashboard.answer("restart safety") == "Restarting safety"
    assert bench.c.power.mode == RobotMode.BOOTING
    bench.seconds(1.0)
    assert (bench.c.safety.mode, bench.c.power.mode) == (SafetyMode.NORMAL, RobotMode.POWER_OFF)


def test_joints_faster_than_the_safety_limit_stop_the_arm(bench):
    bench.c.setup.limits.joint_speed_rad_s = 0.4
    moving_bench = bench
    moving_bench.run(MOVE)
    bench.seconds(1.0)
    assert "joint speed" in bench.told("protective_stop")[0]
    assert max(map(abs, bench.c.joints.qd)) == 0.0


def test_joints_just_below_the_safety_limit_do_not(bench):
    bench.c.setup.limits.joint_speed_rad_s = 0.501
    bench.run(MOVE)
    bench.until(lambda: not bench.c.program.there)
    assert bench.told("protective_stop") == []


def test_a_tool_faster_than_the_safety_limit_stops_the_arm(bench):
    bench.c.setup.limits.tool_speed_m_s = 0.1
    bench.run(MOVE)
    bench.seconds(1.0)
    assert "tool speed" in bench.told("protective_stop")[0]


def test_a_far_target_of_servoj_stops_the_arm(bench):
    bench.run(
        "def s():\n while True:\n"
        "  servoj([0, -1.57, -1.57, -1.57, 1.57, 0], 0, 0, 0.002, 0.03, 300)\n end\nend\n"
    )
    bench.seconds(0.5)
    assert "joint speed" in bench.told("protective_stop")[0]


def test_a_blocked_joint_stops_the_arm_once_it_is_far_behind(bench):
    bench.c.joints.blocked = {0}
    bench.run(MOVE.replace("-1.07", "-0.57"))
    bench.seconds(3.0)
    assert "off the path" in bench.told("protective_stop")[0]
    assert bench.c.joints.measured[0] == pytest.approx(-1.57)


def test_the_speed_slider_slows_a_move_in_proportion(bench):
    bench.c.set_slider(0.5)
    bench.run(MOVE)
    way = np.array(bench.seconds(1.0))
    assert np.diff(way[:, 0]).max() / 0.002 == pytest.approx(0.25, rel=1e-6)
    bench.until(lambda: not bench.c.program.there)
    assert bench.c.joints.ref.q[0] == pytest.approx(-1.07)


def test_a_reboot_takes_the_clock_back_and_forgets_everything(bench):
    bench.c.registers.out_int[3] = 9
    moving(bench).c.reboot(bench.now_ns)
    assert bench.c.timestamp_s == 0.0
    assert bench.c.program.runtime == RuntimeState.STOPPED
    assert bench.c.registers.out_int[3] == 0
    assert bench.c.power.mode == RobotMode.BOOTING
    bench.seconds(1.0)
    assert bench.c.power.mode == RobotMode.RUNNING
    assert bench.c.timestamp_s == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("action", "runtime"),
    [
        ("stop", RuntimeState.STOPPED),
        ("pause", RuntimeState.PAUSED),
        ("ignore", RuntimeState.PLAYING),
    ],
)
def test_a_watchdog_acts_when_its_variable_is_late(bench, action, runtime):
    bench.run(
        f'def w():\n rtde_set_watchdog("input_int_register_24", 50, "{action}")\n'
        " while True:\n  sync()\n end\nend\n"
    )
    session = bench.session()
    session.receive(input_setup(["input_int_register_24"]))
    for _ in range(20):
        session.receive(packet("U", b"\x01\0\0\0\x01"))
        bench.cycle(9)  # 18 ms: in time for 50 Hz
        assert bench.c.program.playing
    bench.cycle(4)
    assert bench.c.program.runtime == runtime
    assert len(bench.told("watchdog")) == 1


def test_a_watchdog_bites_within_its_limit_and_one_cycle(bench):
    bench.run(
        'def w():\n rtde_set_watchdog("input_int_register_24", 50, "stop")\n'
        " while True:\n  sync()\n end\nend\n"
    )
    bench.cycle(11)
    assert bench.c.program.playing
    bench.cycle()
    assert bench.c.program.runtime == RuntimeState.STOPPED


def test_another_variable_does_not_feed_the_watchdog(bench):
    bench.run(
        'def w():\n rtde_set_watchdog("input_int_register_24", 50, "stop")\n'
        " while True:\n  sync()\n end\nend\n"
    )
    session = bench.session()
    session.receive(input_setup(["input_int_register_25"]))
    for _ in range(15):
        session.receive(packet("U", b"\x01\0\0\0\x01"))
        bench.cycle()
    assert bench.c.program.runtime == RuntimeState.STOPPED


def test_a_watchdog_ends_with_its_program(bench):
    bench.run('def w():\n rtde_set_watchdog("input_int_register_24", 50, "stop")\n sync()\nend\n')
    bench.cycle(5)
    bench.run(FOREVER)
    bench.seconds(0.2)
    assert bench.c.program.playing


def test_a_new_program_replaces_the_one_that_runs(bench):
    moving(bench).run(FOREVER)
    assert bench.told("program_stopped") == ["replaced"]
    bench.seconds(0.5)
    assert (bench.c.program.name, bench.c.joints.standing) == ("wait", True)


def test_a_program_that_fails_while_running_ends_with_a_message(bench):
    bench.run("def bad():\n sync()\n x = [1, 2]\n y = x[5]\nend\n")
    bench.cycle(3)
    assert bench.c.program.runtime == RuntimeState.STOPPED
    assert "line 4" in bench.messages[-1][0]


def test_what_is_measured_is_off_by_an_injected_offset(bench):
    bench.c.joints.offset = [0.1, 0, 0, 0, 0, 0]
    before = bench.c.tcp
    bench.cycle()
    assert bench.c.joints.measured[0] == pytest.approx(-1.47)
    assert bench.c.tcp != before
    assert bench.c.safety.mode == SafetyMode.NORMAL


def test_the_tool_offset_moves_the_reported_tool(bench):
    flange = bench.c.tcp
    bench.c.set_tcp([0, 0, 0.1, 0, 0, 0])
    moved = np.array(bench.c.tcp[3]) - np.array(flange[3])
    assert np.linalg.norm(moved) == pytest.approx(0.1)
    assert moved == pytest.approx(0.1 * np.array(flange[2]))


def test_a_push_on_the_tool_shows_in_force_and_currents(bench):
    force, current = (bench.outputs.getter(n) for n in ("actual_TCP_force", "actual_current"))
    expected = bench.outputs.getter("target_current")
    bench.cycle()
    assert np.abs(force()).max() < 0.2
    assert np.array(current()) == pytest.approx(expected())
    bench.c.external_wrench = [0, 0, 30.0, 0, 0, 0]
    bench.cycle()
    assert force()[2] == pytest.approx(30.0, abs=0.2)
    assert np.abs(np.array(current()) - expected()).max() > 0.5


def test_a_blocked_arm_presses_on_the_tool(bench):
    bench.c.joints.blocked = {0, 1, 2, 3, 4, 5}
    bench.run(MOVE.replace("-1.57, -1.57, -1.57, 1", "-1.37, -1.57, -1.57, 1"))
    force = bench.outputs.getter("actual_TCP_force")
    bench.seconds(0.5)
    assert np.abs(force()[:3]).max() > 20.0


def test_gravity_needs_more_of_the_shoulder_when_the_arm_is_stretched_out():
    tucked = Bench(q_start=[0, -1.57, 0, -1.57, 0, 0])
    out = Bench(q_start=[0, 0.0, 0, -1.57, 0, 0])
    assert abs(tucked.c.holding_torques()[1]) < 5.0
    assert abs(out.c.holding_torques()[1]) > 30.0
