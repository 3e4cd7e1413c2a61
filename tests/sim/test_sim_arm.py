"""The simulated arm behaves as a controller does: lag, own clock, watchdog, stops."""

import numpy as np
import pytest

from robotd.core.clock import MS, FakeClock, MonoNs
from robotd.core.config import ArmConfig, Box, EnvelopeConfig, Pose
from robotd.core.config import SimArm as SimArmConfig
from robotd.core.errors import DeviceError
from robotd.core.types import SAFETY_NORMAL, Setpoint
from robotd.sim.arm import SAFETY_PROTECTIVE_STOP, SAFETY_VIOLATION, SimArm

HOME = (2.87173, -1.24451, 2.13738, -2.46367, -1.5708, -0.26986)
ENVELOPE = EnvelopeConfig(
    q_min_rad=(-6.2,) * 6,
    q_max_rad=(6.2,) * 6,
    tool_box=Box(min_m=(0.3, -0.2, 0.0), max_m=(0.7, 0.2, 0.3)),
    table_z_m=0.0,
)
LAG_S = 0.03
JOINT_1, JOINT_6 = np.eye(6)[0], np.eye(6)[5]


class Cell:
    def __init__(self, model="ur5e", lag_s=LAG_S, watchdog_s=0.02, t_ns=1_000_000_000):
        self.clock = FakeClock(MonoNs(t_ns))
        config = ArmConfig(
            kind="sim",
            model=model,
            tool=Pose(position_m=(0.0, 0.0, 0.15)),
            home_q_rad=HOME,
            sim=SimArmConfig(servo_lag_s=lag_s),
        )
        self.arm = SimArm(config, ENVELOPE, self.clock, watchdog_s=watchdog_s)
        self.q = np.array(HOME)
        self.v = 0.0

    def send(self, ticks, speed_rad_s=0.2, period_ms=2):
        """Turn joint 1 at up to a speed, gently enough for the oracle."""
        for _ in range(ticks):
            dt_s = period_ms / 1e3
            self.v = min(self.v + 4.0 * dt_s, speed_rad_s)
            self.q = self.q + self.v * dt_s * JOINT_1
            self.arm.servo(Setpoint(q_rad=self.q.copy()))
            self.clock.advance(period_ms * MS)

    def q1(self):
        return self.arm.read().q_rad[0] - HOME[0]


@pytest.mark.parametrize(("model", "rate_hz"), [("ur5", 125.0), ("ur5e", 500.0)])
def test_its_clock_ticks_at_the_controllers_rate(model, rate_hz):
    cell = Cell(model, t_ns=1_000_000_000)
    assert cell.arm.rate_hz == rate_hz
    stamps = set()
    for _ in range(100):
        stamps.add(cell.arm.read().t_ns)
        cell.clock.advance(1 * MS)
    steps = np.diff(sorted(stamps))
    assert set(steps.tolist()) == {round(1e9 / rate_hz)}
    assert cell.clock.now() - max(stamps) <= 1e9 / rate_hz


def test_a_constant_target_is_approached_with_the_time_constant_of_the_lag():
    cell = Cell(watchdog_s=1.0)
    cell.arm.engage()
    cell.arm.servo(Setpoint(q_rad=np.array(HOME) + 1e-5 * JOINT_1))
    for t_s in (0.03, 0.06, 0.09):
        cell.clock.sleep_until(MonoNs(1_000_000_000 + round(t_s * 1e9)))
        assert cell.q1() == pytest.approx(1e-5 * (1 - np.exp(-t_s / LAG_S)), rel=1e-6)


def test_the_result_does_not_depend_on_how_often_it_is_read():
    often, seldom = Cell(watchdog_s=1.0), Cell(watchdog_s=1.0)
    for cell in (often, seldom):
        cell.arm.engage()
        cell.send(20)
    for _ in range(50):
        often.arm.read()
        often.clock.advance(1 * MS)
    seldom.clock.advance(50 * MS)
    np.testing.assert_allclose(often.arm.read().q_rad, seldom.arm.read().q_rad, atol=1e-14)


def test_without_lag_it_is_where_it_is_told():
    cell = Cell(lag_s=0.0)
    cell.arm.engage()
    cell.send(10)
    assert cell.q1() == pytest.approx(cell.q[0] - HOME[0], abs=1e-15)


def test_velocity_is_that_of_the_positions():
    cell = Cell()
    cell.arm.engage()
    cell.send(200)
    state = cell.arm.read()
    assert state.qd_rad_s[0] == pytest.approx(0.2, rel=1e-3)
    assert np.abs(state.qd_rad_s[1:]).max() == 0.0


def test_the_pose_is_that_of_the_joints():
    cell = Cell()
    np.testing.assert_allclose(cell.arm.read().T_base_tcp[:3, 3], (0.5, 0.0, 0.01), atol=1e-5)


def test_silence_is_ended_by_the_watchdog_with_a_controlled_stop():
    cell = Cell()
    cell.arm.engage()
    cell.send(100)
    before = cell.q1()
    path = []
    for _ in range(60):
        path.append(cell.q1())
        cell.clock.advance(2 * MS)
    assert not cell.arm.read().program_running
    assert path[-1] == path[-10]
    speed = np.diff([before, *path]) / 0.002
    assert np.abs(np.diff(speed[1:]) / 0.002).max() < 11.0
    with pytest.raises(DeviceError, match="no program"):
        cell.arm.servo(Setpoint(q_rad=cell.q.copy()))


def test_setpoints_in_time_keep_the_watchdog_quiet():
    cell = Cell(watchdog_s=0.02)
    cell.arm.engage()
    for _ in range(5):
        cell.send(1)
        cell.clock.advance(17 * MS)
    assert cell.arm.read().program_running


def test_not_engaged_it_takes_no_setpoints_and_stands():
    cell = Cell()
    with pytest.raises(DeviceError, match="no program"):
        cell.send(1)
    cell.clock.advance(100 * MS)
    assert cell.q1() == 0.0


def test_a_safety_stop_brakes_and_refuses_to_engage_again_until_cleared():
    cell = Cell()
    cell.arm.engage()
    cell.send(100)
    cell.arm.faults.safety_bits = SAFETY_PROTECTIVE_STOP
    state = cell.arm.read()
    assert state.safety_bits == SAFETY_PROTECTIVE_STOP
    assert not state.program_running
    with pytest.raises(DeviceError, match="safety status 0x4"):
        cell.arm.engage()
    cell.clock.advance(200 * MS)
    stopped = cell.q1()
    cell.clock.advance(200 * MS)
    assert cell.q1() == stopped
    cell.arm.faults.safety_bits = 0
    cell.arm.engage()
    cell.clock.advance(2 * MS)
    assert cell.arm.read().safety_bits == SAFETY_NORMAL


def test_a_setpoint_out_of_bounds_stops_it_and_shows():
    cell = Cell()
    cell.arm.engage()
    cell.send(20)
    cell.arm.servo(Setpoint(q_rad=cell.q + 0.003 * JOINT_6))
    cell.clock.advance(2 * MS)
    state = cell.arm.read()
    assert state.safety_bits == SAFETY_VIOLATION
    assert not state.program_running
    assert len(cell.arm.oracle.breaches) == 1
    assert "joint speed" in cell.arm.oracle.breaches[0].limit
    with pytest.raises(DeviceError, match="0x100"):
        cell.arm.engage()


def test_a_frozen_link_repeats_the_last_state():
    cell = Cell()
    cell.arm.engage()
    cell.arm.faults.frozen = True
    first = cell.arm.read()
    cell.send(50)
    assert cell.arm.read() is first
    cell.arm.faults.frozen = False
    assert cell.q1() > 0.0


@pytest.mark.parametrize("call", ["read", "servo", "engage"])
def test_injected_errors_are_device_errors(call):
    cell = Cell()
    setattr(cell.arm.faults, f"{call}_error", "cut")
    arguments = (Setpoint(q_rad=np.array(HOME)),) if call == "servo" else ()
    with pytest.raises(DeviceError, match="cut"):
        getattr(cell.arm, call)(*arguments)


def test_leaving_the_block_stops_it():
    cell = Cell()
    with cell.arm as arm:
        arm.engage()
        cell.send(20)
    assert not cell.arm.read().program_running
