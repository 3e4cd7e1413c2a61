"""What the control script of a session is told."""

import contextlib
import gc
import weakref

import numpy as np
import pytest

from robotd.core.clock import SystemClock
from robotd.core.config import ArmConfig, Box, EnvelopeConfig, Pose, UrConfig
from robotd.core.errors import DeviceError
from robotd.hardware.control_script import control_script
from robotd.hardware.ur_grip import Grip, script_parameters
from tests.sim.ur_site import emulator

ENVELOPE = EnvelopeConfig(
    q_min_rad=(-1.0,) * 6,
    q_max_rad=(1.0,) * 6,
    tool_box=Box(min_m=(-1, -1, 0), max_m=(1, 1, 1)),
    table_z_m=0.0,
)


def told(model="ur5e", q=0.0, gap_fault_s=0.01, **ur):
    config = ArmConfig(
        kind="ur",
        model=model,
        tool=Pose(position_m=(0.0, 0.0, 0.1)),
        home_q_rad=(0.0,) * 6,
        ur=UrConfig(**ur),
    )
    return script_parameters(
        config, ENVELOPE, np.full(6, q), first_number=7, gap_fault_s=gap_fault_s
    )


def test_its_limits_lie_a_little_outside_ours():
    script = told()

    assert script.joint_min_rad == pytest.approx((-1.02,) * 6)
    assert script.joint_max_rad == pytest.approx((1.02,) * 6)
    assert 1.05 * 0.002 < script.joint_step_rad < 1.2 * 1.05 * 0.002
    assert script.max_tracking_error_rad == pytest.approx(0.25)


def test_an_arm_outside_its_range_may_be_jogged_back():
    assert told(q=1.3).joint_max_rad == pytest.approx((1.32,) * 6)
    assert told(q=-1.3).joint_min_rad == pytest.approx((-1.32,) * 6)


@pytest.mark.parametrize(
    ("model", "gap_fault_s", "stall_n"),
    [("ur5e", 0.010, 3), ("ur5", 0.040, 3), ("ur5e", 0.040, 30), ("ur5", 0.1, 19)],
)
def test_its_patience_is_that_of_the_loop(model, gap_fault_s, stall_n):
    script = told(model, gap_fault_s=gap_fault_s)

    assert script.stall_n == stall_n
    if stall_n > 3:
        assert script.stall_n * script.period_s >= 1.5 * gap_fault_s
    assert 1.0 / script.watchdog_hz > script.stall_n * script.period_s


def test_what_is_configured_reaches_its_text():
    text = control_script(told(lookahead_s=0.06, gain=450.0, register_base=0))

    assert "0.06, 450.0" in text
    assert "read_input_integer_register(0)" in text


def test_a_session_that_is_over_leaves_nothing_behind():
    config = ArmConfig(
        kind="ur",
        model="ur5e",
        tool=Pose(position_m=(0.0, 0.0, 0.1)),
        home_q_rad=(0.0,) * 6,
    )
    gc.disable()  # as in the arm process
    try:
        with emulator("ur5e") as host:

            def upload(text):
                raise DeviceError("ur: not today")

            grip = Grip(host, config, ENVELOPE, SystemClock(), gap_fault_s=0.1, upload=upload)
            with contextlib.suppress(DeviceError):
                grip.take(np.zeros(6))
            grip.let_go(well=True)
            grip.tend()
            grip.close()
            gone = weakref.ref(grip)
            del grip
            assert gone() is None
    finally:
        gc.enable()
