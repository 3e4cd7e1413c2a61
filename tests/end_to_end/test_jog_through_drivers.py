"""An arm that a program on its pendant left outside comes back by a person's hand, and is stopped.

Through ur_rtde, the control script and the emulated controller, whose oracle judges every setpoint.
"""

import contextlib
import json
import socket
import time

import numpy as np
import pytest

from robotd.core.arm_codes import Source
from robotd.core.arm_model import kinematics_of
from robotd.core.arm_records import unpack_tick
from robotd.core.clock import SystemClock
from robotd.core.errors import SupervisorError
from robotd.core.jog import JOG_SPEED_M_S
from robotd.core.recovery import RecoveryStep
from robotd.core.ring import RingReader
from robotd.core.run_files import ARM_RING, CONTROLLER
from robotd.core.types import TeleopSample
from robotd.modes.flight.file import read_flight
from robotd.modes.jog.messages import JogRequest
from teleop.publisher import PublisherThread, TeleopPublisher
from tests.end_to_end.cell_site import ArmTail, Operator, wait_for
from tests.faults.emulator import Emulator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
SCRIPT_PORT = 30002
DEPTH_M = 0.012


class HeldDevice:
    """A device in somebody's hand; a `TeleopDevice` that is open."""

    def __init__(self):
        self.deflection, self.buttons, self._number = np.zeros(6), frozenset(), 0

    def grip(self, *deflection):
        self.deflection, self.buttons = np.array(deflection, float), frozenset({0})

    def let_go(self):
        self.deflection, self.buttons = np.zeros(6), frozenset()

    def read(self):
        self._number += 1
        return TeleopSample(
            t_ns=SystemClock().now(),
            deflection=self.deflection.copy(),
            buttons=self.buttons,
            number=self._number,
        )


def below_the_table(cell):
    kinematics, q = kinematics_of(cell.arm), np.array(cell.arm.home_q_rad)
    T = kinematics.fk(q)
    T[2, 3] = cell.envelope.table_z_m - DEPTH_M
    for _ in range(50):
        q = kinematics.ik(T, q).q_rad
    return q


def tool_z_m(site):
    with RingReader(site.run_dir / ARM_RING) as ring:
        tick = unpack_tick(ring.newest().payload)
    return float(tick.state.T_base_tcp[2, 3]) - site.cell.envelope.table_z_m


def run_program(host, q_rad):
    """Send a program as an engineering tool does, not through the daemon."""
    lines = f"def aside():\n  movej({q_rad.tolist()}, a=3.0, v=1.0)\nend\n"
    with socket.create_connection((host, SCRIPT_PORT), 5.0) as sock:
        sock.sendall(lines.encode())


@pytest.fixture
def outside(driven_site):
    """A daemon whose arm stands below the table; its operator, its device and its controller."""
    up = driven_site.robotd("up")
    path = driven_site.run_dir / CONTROLLER
    wait_for("the controller", lambda: path.exists() or up.poll() is not None, 60.0)
    control = driven_site.run_dir / "control"
    wait_for("the daemon", lambda: control.exists() or up.poll() is not None, 60.0)
    host, device = json.loads(path.read_text())["host"], HeldDevice()
    with contextlib.ExitStack() as stack:
        operator = Operator(driven_site.run_dir)
        stack.callback(operator.close)
        operator.until("the arm", lambda s: s.arm is not None and bool(s.processes), 60.0)
        publisher = stack.enter_context(TeleopPublisher(driven_site.run_dir, device))
        stack.enter_context(PublisherThread(publisher, SystemClock()))
        run_program(host, below_the_table(driven_site.cell))
        wait_for("below", lambda: abs(tool_z_m(driven_site) + DEPTH_M) < 1e-4)
        yield driven_site, operator, device, stack.enter_context(Emulator(host))


def arm_to_jog(operator):
    session = operator.control.call("arm", jog=JogRequest()).session
    operator.until("engaged", lambda s: s.arm is not None and s.arm.session == session)
    operator.control.call("start", jog=JogRequest())


def jog_up(operator, device):
    """Push until the arm is inside; a device held up by the computer has to be let go first."""
    for _ in range(10):
        device.let_go()
        operator.until("the device seen let go", lambda s: not s.jog.neutral)
        device.grip(0, 0, 1, 0, 0, 0)
        status = operator.until("inside, or held up", lambda s: not s.jog.outside or s.jog.neutral)
        if not status.jog.outside:
            return
    pytest.fail("ten times this computer held the device up: run it with less beside it")


@pytest.mark.parametrize("driven_site", ["ur5"], indirect=True)
def test_jogged_back_stopped_by_the_controller_and_recovered(outside):
    site, operator, device, emulator = outside

    # A normal arming is refused; jogging is not.
    operator.arm()
    status = operator.until_state("FAULT")
    assert status.trouble.cause == "outside the envelope"
    operator.control.call("ack")
    with ArmTail(site.run_dir) as tail:
        arm_to_jog(operator)
        assert operator.until("outside", lambda s: bool(s.jog.outside)).jog.outside
        jog_up(operator, device)
        time.sleep(0.3)
        emulator.do("protective_stop")
        status = operator.until_state("FAULT")
        device.let_go()
    jogged = [tick for _, tick in tail.ticks if tick.source is Source.JOG]
    z = np.array([tick.T_base_cmd[2, 3] for tick in jogged])
    assert (np.diff(z) > -2e-6).all()
    period_s = 1.0 / 125.0
    assert np.diff(z).max() / period_s <= JOG_SPEED_M_S * 1.001
    assert emulator.state()["breaches"] == []

    # What it was is kept, and the unlock waits its five seconds.
    assert status.trouble.cause == "protective stop"
    assert status.need.step is RecoveryStep.UNLOCK
    wait_for("the flight record", lambda: list((site.run_dir / "flights").glob("*fault*")))
    assert read_flight(next((site.run_dir / "flights").glob("*fault*"))).about.state == "FAULT"
    with pytest.raises(SupervisorError, match="refused for another"):
        operator.control.call("recover", step=RecoveryStep.UNLOCK)
    operator.until("unlock", lambda s: s.need.wait_s == 0.0)
    before = emulator.travel_rad(0.1)
    operator.control.call("recover", step=RecoveryStep.UNLOCK)
    operator.until("unlocked", lambda s: s.need.answered_n == 1 and not s.need.said)
    operator.control.call("ack")
    assert emulator.travel_rad(0.3) <= before + 1e-3  # nothing moves by itself

    # Inside, a normal arming is one again.
    operator.arm()
    assert operator.status().state == "ARMED"
    operator.disarm()
