"""The arm as a process: started, moved, stopped, killed and started again."""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import msgspec
import numpy as np
import pytest

from robotd.core.arm_codes import ArmFault, ArmPhase, Source
from robotd.core.arm_records import unpack_tick
from robotd.core.clock import MS, MonoNs, S
from robotd.core.config import CellConfig
from robotd.core.config_load import load_toml
from robotd.core.mailbox import MailboxWriter
from robotd.core.process import spawn
from robotd.core.ring import RingReader
from robotd.core.run_files import ARM_RING, CELL_FILE, MAILBOX
from robotd.core.rundir import RunDir
from robotd.core.types import Orders, Plan
from robotd.modes.drivers import direct

CELL = Path(__file__).parents[2] / "configs/mock/cell.toml"
LIMIT_S = 20.0


class Daemon:
    """The conductor's side, by hand. A busy test machine is no fault: large gaps are allowed."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        cell = direct(load_toml(CELL, CellConfig, {"arm": {"gap_fault_s": 0.5}}))
        self.run = stack.enter_context(RunDir.create("arm-test", base=folder, grace_s=0.5)).path
        (self.run / CELL_FILE).write_bytes(msgspec.json.encode(cell))
        self.mailbox = stack.enter_context(MailboxWriter.create(self.run / MAILBOX))
        self.ring = stack.enter_context(RingReader(self.run / ARM_RING))
        self.session, self.plan, self.arm = 0, None, None
        self.index, self.last = -1, None
        stack.callback(lambda: self.arm is not None and self.arm.kill())

    def start(self) -> None:
        self.beat()
        self.arm = spawn("arm", self.run)
        self.arm.wait_ready(LIMIT_S)

    def beat(self) -> None:
        now = MonoNs(time.monotonic_ns())
        self.mailbox.put(Orders(t_ns=now, session=self.session, plan=self.plan))

    def tick(self):
        record = self.ring.newest(self.index)
        if record is not None:
            self.index, self.last = record.index, unpack_tick(record.payload)
        return self.last

    def until(self, condition):
        """Beat until a tick meets the condition; return it."""
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            self.beat()
            tick = self.tick()
            if tick is not None and condition(tick):
                return tick
            time.sleep(0.01)
        raise AssertionError(f"waited in vain; the newest: {self.tick()}")

    def arm_session(self, session: int):
        self.session, self.plan = session, None
        return self.until(lambda t: t.session == session and t.phase is not ArmPhase.DISARMED)

    def order_lift(self, metres: float) -> None:
        """Order a slow straight lift from where the tool is."""
        T = self.tick().T_base_cmd
        rows = 200
        poses = np.repeat(T[None], rows, axis=0)
        poses[:, 2, 3] += np.linspace(0.0, metres, rows)
        t_ns = time.monotonic_ns() + 20 * MS * np.arange(rows)
        self.plan = Plan(
            epoch=self.session * 10,
            t_ns=t_ns,
            T_base_tcp=poses,
            valid_until_ns=MonoNs(int(t_ns[-1]) + S),
            source=Source.POLICY,
        )

    def moving(self, session: int):
        assert self.arm_session(session).phase is ArmPhase.HOLDING
        height = self.tick().T_base_cmd[2, 3]
        self.order_lift(0.08)
        return self.until(lambda t: t.T_base_cmd[2, 3] > height + 0.005)


@pytest.fixture
def daemon(tmp_path):
    with ExitStack() as stack:
        yield Daemon(tmp_path, stack)


def test_it_is_armed_moves_and_brakes_on_sigterm(daemon):
    daemon.start()
    tick = daemon.until(lambda t: t.t_ns > 0)
    assert (tick.phase, tick.session) == (ArmPhase.DISARMED, 0)
    tick = daemon.moving(session=1)
    assert tick.phase is ArmPhase.FOLLOWING
    assert tick.fault is ArmFault.NONE

    assert daemon.arm.terminate(LIMIT_S) == 0

    ticks = [unpack_tick(r.payload) for r in daemon.ring.since(-1).records]
    q = np.array([t.q_cmd_rad for t in ticks[-200:] if t.state.program_running])
    assert np.abs(q[-1] - q[-2]).max() < 1e-9
    assert np.abs(np.diff(q, n=2, axis=0)).max() * 500.0**2 < 5.0 + 1e-6


def test_killed_and_started_again_it_moves_nothing_until_armed_anew(daemon):
    daemon.start()
    daemon.moving(session=1)
    os.kill(daemon.arm.pid, signal.SIGKILL)
    assert daemon.arm.kill() == -signal.SIGKILL

    daemon.order_lift(0.05)
    daemon.start()
    tick = daemon.until(lambda t: t.session == 0)
    still = tick.state.q_rad
    for _ in range(20):
        daemon.beat()
        time.sleep(0.01)
        tick = daemon.tick()
        assert tick.phase is ArmPhase.DISARMED
        np.testing.assert_array_equal(tick.state.q_rad, still)

    daemon.moving(session=2)


def test_a_conductor_that_stops_beating_stops_the_arm(daemon):
    daemon.start()
    daemon.moving(session=1)
    deadline = time.monotonic() + LIMIT_S
    while daemon.tick().phase is not ArmPhase.HOLDING:  # no beat here
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert daemon.tick().session == 1


def test_stopped_and_continued_it_faults_before_it_sends(daemon):
    daemon.start()
    daemon.moving(session=1)
    os.kill(daemon.arm.pid, signal.SIGSTOP)
    time.sleep(0.8)
    os.kill(daemon.arm.pid, signal.SIGCONT)
    tick = daemon.until(lambda t: t.phase is ArmPhase.FAULT)
    assert tick.fault is ArmFault.OWN_GAP
    assert not tick.state.program_running


def test_the_process_imports_no_sockets_pictures_learning_or_log_handlers():

    source = (
        "import sys, robotd.servo.process, robotd.sim.arm;"
        "print([n for n in ('zmq', 'cv2', 'torch', 'logging.handlers') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
