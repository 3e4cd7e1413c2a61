"""The setpoint channel and the control script together, through an emulated controller's ports."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import numpy as np
import pytest

from robotd.core.errors import BusyError, DeviceError
from robotd.core.process import StopFlag
from robotd.core.script_codes import ScriptRegisters, ScriptState
from robotd.core.ur_codes import RuntimeState
from robotd.hardware.control_script import ScriptParameters, control_script, draw_first_number
from robotd.hardware.ur_setpoints import ScriptReport, SetpointChannel
from robotd.sim.ur.controller import Controller
from robotd.sim.ur.ports.server import Server
from robotd.sim.ur.setup import of_model

SLACK_S = 0.4
"""Patience of the script here: these tests share their processors with others."""


class Cell:
    """An emulated controller on an address of its own, served by a thread."""

    def __init__(self, model: str):
        self.controller = Controller(of_model(model), time.monotonic_ns())
        self.server = self._bind()
        self.host = self.server.host
        self.stop = StopFlag()
        self.stop.__enter__()
        self.thread = threading.Thread(target=self.server.run, args=(self.stop,))
        self.thread.start()

    def _bind(self) -> Server:
        for n in range(200):
            number = (os.getpid() * 31 + n) % 62_000
            with suppress(BusyError):
                return Server(self.controller, f"127.60.{number // 250 + 1}.{number % 250 + 1}")
        raise BusyError("no address is free")

    def close(self):
        self.stop.request()
        self.thread.join(10)
        self.stop.__exit__()
        self.server.close()

    def upload(self, text: str):
        with closing(socket.create_connection((self.host, 30003), 5)) as wire:
            wire.sendall(text.encode("ascii"))

    @property
    def q(self):
        return np.array(self.controller.joints.measured)


class Driver:
    """As little of a driver as the protocol needs."""

    def __init__(self, cell: Cell, base: int = 24):
        self.cell, self.first = cell, draw_first_number()
        self.number = self.first
        period_s = cell.controller.period_s
        stall_n = round(SLACK_S / period_s)
        self.parameters = ScriptParameters(
            first_number=self.first,
            period_s=period_s,
            joint_min_rad=(-6.0,) * 6,
            joint_max_rad=(6.0,) * 6,
            joint_step_rad=1.05 * period_s,
            max_tracking_error_rad=0.3,
            deceleration_rad_s2=5.0,
            stall_n=stall_n,
            watchdog_hz=1.0 / (2 * SLACK_S),
            registers=ScriptRegisters(base=base),
        )
        self.channel = SetpointChannel(
            cell.host, rate_hz=1.0 / period_s, registers=self.parameters.registers, timeout_s=10.0
        )

    def tick(self, number: int, q) -> ScriptReport:
        """One packet, then the newest report of the next cycle."""
        self.channel.send(number, np.array(q, dtype=np.float64))
        return self.report()

    def report(self) -> ScriptReport:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            report = self.channel.poll()
            if report is not None:
                return report
            time.sleep(0.001)
        raise AssertionError("no report within 10 s")

    def until(self, wanted, number: int, q) -> ScriptReport:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            report = self.tick(number, q)
            if wanted(report):
                return report
        raise AssertionError("not within 10 s")

    def engage(self):
        self.channel.connect()
        self.cell.upload(control_script(self.parameters))
        waiting = self.until(lambda r: r.acknowledged == -self.first, 0, np.zeros(6))
        assert waiting.state is ScriptState.WAITING
        assert waiting.runtime_state == RuntimeState.PLAYING
        self.until(lambda r: r.state is ScriptState.FOLLOWING, self.first, self.cell.q)


@pytest.fixture(params=["ur5", "ur5e"])
def driver(request) -> Iterator[Driver]:
    cell = Cell(request.param)
    driver = Driver(cell)
    yield driver
    driver.channel.close()
    cell.close()


def test_a_session_from_the_upload_to_the_stop_number(driver):
    driver.engage()
    q = start = driver.cell.q
    for _ in range(60):
        driver.number += 1
        q = q + np.array([0.0005, 0, 0, 0, 0, 0])
        report = driver.tick(driver.number, q)
    assert report.state is ScriptState.FOLLOWING
    driver.until(lambda r: r.acknowledged == driver.number, driver.number, q)
    ended = driver.until(lambda r: r.runtime_state != RuntimeState.PLAYING, -driver.first, q)
    assert ended.state is ScriptState.ENDED_BY_REQUEST
    assert 0.0 < driver.cell.q[0] - start[0] <= 0.0301
    np.testing.assert_allclose(driver.cell.q[1:], start[1:], atol=1e-6)


def test_silence_ends_in_a_stall(driver):
    driver.engage()
    q = driver.cell.q
    driver.tick(driver.first + 1, q)
    deadline = time.monotonic() + 10
    while (report := driver.report()).state is ScriptState.FOLLOWING:
        assert time.monotonic() < deadline
    assert report.state is ScriptState.ENDED_STALL
    assert report.acknowledged == driver.first + 1


def test_a_step_that_is_too_long_ends_it(driver):
    driver.engage()
    q = driver.cell.q
    driver.tick(driver.first + 1, q)
    asked = q + 2 * driver.parameters.joint_step_rad
    report = driver.until(lambda r: r.state.ended, driver.first + 2, asked)
    assert report.state is ScriptState.ENDED_JOINT_STEP
    np.testing.assert_allclose(driver.cell.q, q, atol=1e-6)


def test_a_second_program_that_wants_the_registers_is_refused_and_can_take_the_others(driver):
    driver.channel.connect()
    second = Driver(driver.cell)
    with pytest.raises(DeviceError, match=r"input_int_register_24, .* are written by another"):
        second.channel.connect()
    other = Driver(driver.cell, base=0)
    other.channel.connect()
    assert other.report().acknowledged == 0
    other.channel.close()


def test_registers_are_free_again_after_a_close(driver):
    driver.channel.connect()
    driver.channel.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with suppress(DeviceError):
            driver.channel.connect()
            break
    assert driver.channel.connected
