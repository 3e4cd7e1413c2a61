"""The driver end to end: ur_rtde and our channel, the arm's loop above, a controller below."""

import time

import numpy as np
import pytest

from robotd.core.arm_codes import ArmFault, ArmPhase, PauseCause
from robotd.core.clock import SystemClock
from robotd.core.errors import DeviceError
from robotd.core.recovery import RecoveryStep
from robotd.hardware.ur import UrArm, UrRtde
from tests.hardware.ur_bench import ENVELOPE, config_of, connected
from tests.sim.ur_site import emulator, free_host

pytestmark = pytest.mark.usefixtures("_quiet")


@pytest.fixture
def _quiet(capfd):
    """The library prints; a test that fails shows it."""
    yield
    capfd.readouterr()


@pytest.fixture(scope="module", params=["ur5", "ur5e"])
def either(request):
    with emulator(request.param) as host:
        yield host, request.param


@pytest.fixture(scope="module")
def e_series():
    with emulator("ur5e") as host:
        yield host, "ur5e"


def close(tick, T_base_tcp):
    """Whether the tool has come to a pose, as measured."""
    return np.abs(tick.state.T_base_tcp - T_base_tcp).max() < 1e-3


def faulted(bench, seconds=3.0):
    """Let it run until there is a fault; return it."""
    bench.run(seconds, until=lambda tick: tick.fault is not ArmFault.NONE)
    return bench.ticks[-1].fault


def test_it_follows_a_plan_and_lets_go_at_its_end(either):
    with connected(*either) as bench:
        bench.arm_it()
        bench.line_to((0.08, 0.0, 0.04), 1.0)
        ticks = bench.run(8.0, until=lambda tick: close(tick, bench.plan.T_base_tcp[-1]))

        assert {tick.phase for tick in ticks} == {ArmPhase.FOLLOWING}
        last = ticks[-1]
        assert close(last, bench.plan.T_base_tcp[-1])
        assert last.state.program_running
        assert all(0 <= tick.t_ns - tick.state.t_ns < 0.3e9 for tick in ticks)
        assert (np.diff([tick.state.t_ns for tick in ticks]) >= 0).all()

        bench.disarm()
        state = bench.state(runtime="STOPPED", standing=True)
        assert state["out_int"][25] == 10  # told to stop
        assert bench.still()


def test_every_cycle_while_armed_has_its_setpoint(either):
    with connected(*either) as bench:
        bench.arm_it()
        number = bench.state(runtime="PLAYING")["out_int"][24]
        ticks = bench.run(1.0)
        bench.disarm()

        followed = bench.state(runtime="STOPPED")["out_int"][24] - number
        assert followed >= 0.9 * len(ticks)


@pytest.mark.parametrize(
    ("op", "keys", "faults", "says"),
    [
        ("cut", {"reset": True}, {ArmFault.LINK_LOST}, ""),
        ("stop", {}, {ArmFault.PROGRAM_STOPPED}, "program: stopped"),
        ("pause", {}, {ArmFault.PROGRAM_STOPPED}, "program: paus"),
        ("protective_stop", {"program": "pause"}, {ArmFault.SAFETY_STOP}, "protective stop"),
        ("estop", {}, {ArmFault.SAFETY_STOP}, "emergency stop"),
        ("power_off", {}, {ArmFault.ROBOT_MODE, ArmFault.PROGRAM_STOPPED}, ""),
        ("mute", {}, {ArmFault.STALE_STATE, ArmFault.LINK_LOST}, "ms"),
        ("offset", {"q_rad": [0.23, 0, 0, 0, 0, 0]}, {ArmFault.TRACKING}, "joint 1 is 0.2"),
    ],
    ids=lambda value: str(value) if isinstance(value, (str, dict)) else "",
)
def test_what_goes_wrong_is_a_fault_that_stops_the_program(op, keys, faults, says):
    with emulator("ur5e") as host, connected(host, "ur5e") as bench:
        bench.moving()
        programs_n = bench.emulator.state()["programs_n"]
        bench.emulator.do(op, **keys)

        assert faulted(bench) in faults
        assert says in bench.words[bench.session]
        if op == "mute":
            bench.emulator.do("mute", on=False)
        assert bench.still()
        state = bench.state(runtime="STOPPED")
        assert state["programs_n"] - programs_n <= 1  # at most our own braking script
        assert {tick.session for tick in bench.ticks[-20:]} == {bench.session}
        assert bench.ticks[-1].phase is ArmPhase.FAULT


def test_after_a_dropped_connection_it_connects_again_and_waits_for_a_person():
    with emulator("ur5e") as host, connected(host, "ur5e") as bench:
        bench.moving()
        bench.emulator.do("cut", reset=True)
        faulted(bench)
        bench.run(0.5)
        bench.run(6.0, until=lambda tick: tick.t_ns - tick.state.t_ns < 0.1e9)
        uploads = sum(event["what"] == "uploaded" for event in bench.emulator.events())

        bench.run(1.0)
        again = sum(event["what"] == "uploaded" for event in bench.emulator.events())
        assert again == uploads
        assert bench.ticks[-1].phase is ArmPhase.FAULT
        bench.arm_it()
        assert bench.ticks[-1].fault is ArmFault.NONE


def test_a_push_pauses_and_lets_go_on(e_series):
    with connected(*e_series) as bench:
        bench.moving()
        bench.emulator.do("force", wrench=(0.0, 60.0, 0.0, 0.0, 0.0, 0.0))
        bench.run(2.0, until=lambda tick: tick.hold is PauseCause.FORCE)
        assert bench.ticks[-1].hold is PauseCause.FORCE
        ticks = bench.run(0.6)
        assert ticks[-1].phase is ArmPhase.HOLDING
        assert ticks[-1].fault is ArmFault.NONE
        bench.emulator.do("force", wrench=(0.0,) * 6)
        bench.plan = None
        bench.run(0.3)
        assert bench.ticks[-1].hold is PauseCause.NONE
        bench.disarm()


def test_a_current_pauses_a_cb3():
    with emulator("ur5") as host, connected(host, "ur5") as bench:
        bench.moving()
        bench.emulator.do("force", wrench=(0.0, 150.0, 0.0, 0.0, 0.0, 0.0))

        bench.run(2.0, until=lambda tick: tick.hold is PauseCause.FORCE)
        assert bench.ticks[-1].hold is PauseCause.FORCE


def test_a_slider_below_full_speed_pauses_a_policy(e_series):
    with connected(*e_series) as bench:
        bench.moving()
        bench.emulator.do("slider", fraction=0.9)
        bench.run(2.0, until=lambda tick: tick.hold is PauseCause.SPEED_SCALING)
        bench.emulator.do("slider", fraction=1.0)

        assert bench.ticks[-1].hold is PauseCause.SPEED_SCALING
        assert 0.7 < bench.ticks[-1].state.speed_scaling < 0.95
        bench.plan = None
        bench.run(0.5)
        bench.disarm()


@pytest.mark.parametrize(
    ("change", "back", "says"),
    [
        ({"op": "local"}, {"op": "local", "on": False}, "remote control: off"),
        (
            {"op": "identity", "tcp": (0, 0, 0.2, 0, 0, 0)},
            {"op": "identity", "tcp": (0, 0, 0.13, 0, 0, 0)},
            "tool centre point: 0.0 0.0 200.0 mm",
        ),
        (
            {"op": "identity", "payload_kg": 2.0},
            {"op": "identity", "payload_kg": 0.0},
            "payload: 2.00 kg, expected 0.00 kg",
        ),
        (
            {"op": "claim", "names": ["input_int_register_24"]},
            {"op": "claim", "names": []},
            "input_int_register_24 is written by another program",
        ),
    ],
)
def test_a_controller_that_is_not_as_configured_is_not_armed(e_series, change, back, says):
    with connected(*e_series) as bench:
        programs_n = bench.emulator.state()["programs_n"]
        bench.emulator.do(**change)
        bench.ask()
        bench.run(3.0, until=lambda tick: tick.session == bench.session)
        bench.run(0.1)
        bench.emulator.do(**back)

        assert bench.ticks[-1].fault is ArmFault.REFUSED
        assert says in bench.words[bench.session]
        assert bench.emulator.state()["programs_n"] == programs_n


@pytest.mark.slow
def test_a_protective_stop_is_unlocked_by_a_persons_step_alone():
    with emulator("ur5e") as host, connected(host, "ur5e") as bench:
        bench.moving()
        bench.emulator.do("protective_stop", program="pause")
        assert faulted(bench) is ArmFault.SAFETY_STOP
        bench.state(runtime="STOPPED")

        with pytest.raises(DeviceError, match="did not unlock"):
            bench.arm.recover(RecoveryStep.UNLOCK)  # within 5 s
        began = time.monotonic()
        while time.monotonic() - began < 5.5:
            bench.run(0.1)
        bench.arm.recover(RecoveryStep.UNLOCK)
        bench.state(safety_mode="NORMAL")
        assert bench.still()
        bench.arm_it()


def test_an_emergency_stop_is_left_step_by_step():
    with emulator("ur5e") as host, connected(host, "ur5e") as bench:
        bench.emulator.do("estop")
        bench.run(0.2)
        bench.emulator.do("estop", on=False)
        bench.arm.recover(RecoveryStep.POWER_ON)
        bench.state(robot_mode="IDLE")
        bench.arm.recover(RecoveryStep.BRAKE_RELEASE)
        bench.state(robot_mode="RUNNING")
        bench.run(0.2)

        bench.arm_it()


def test_nobody_there_is_a_sentence():
    arm = UrArm(
        config_of("ur5e"),
        ENVELOPE,
        SystemClock(),
        find_host=free_host,
        gap_fault_s=0.4,
        library=UrRtde(),
    )
    with pytest.raises(DeviceError, match=r"no connection to 127\..*check its power"):
        arm.__enter__()
