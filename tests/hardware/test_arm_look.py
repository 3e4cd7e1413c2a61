"""What the doctor says of an arm, asked of an emulated controller over its ports."""

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from robotd.core.config import CellConfig
from robotd.core.config_load import load_toml
from robotd.core.errors import BusyError, DeviceError
from robotd.core.finding import worst
from robotd.core.process import StopFlag
from robotd.core.script_codes import ScriptRegisters
from robotd.hardware.arm_look import look
from robotd.hardware.ur_facts import period_of
from robotd.hardware.ur_setpoints import SetpointChannel
from robotd.sim.ur.controller import Controller
from robotd.sim.ur.ports.server import Server
from robotd.sim.ur.setup import of_arm
from robotd.sim.ur.states import SafetyMode

CONFIGS = Path(__file__).parents[2] / "configs" / "mock"


class Told:
    """A dashboard whose answers are in the test; closed ones are counted."""

    def __init__(self, model="UR5", serial="20225500001", remote=True, broken=False):
        self.closed_n = 0
        self._answers = (model, serial, remote)
        self._broken = broken

    def connect(self):
        if self._broken:
            raise DeviceError("ur: the dashboard does not answer")

    def model(self):
        return self._answers[0]

    def polyscope(self):
        return None

    def serial(self):
        return self._answers[1]

    def remote(self):
        return self._answers[2]

    def close(self):
        self.closed_n += 1


class Site:
    """An emulated controller, set up as a mock cell's arm says, served by a thread."""

    def __init__(self, file):
        self.arm = load_toml(CONFIGS / file, CellConfig).arm
        self.controller = Controller(of_arm(self.arm), time.monotonic_ns())
        self.server = self._bind()
        self.host = self.server.host
        self._stop = StopFlag()
        self._stop.__enter__()
        self._thread = threading.Thread(target=self.server.run, args=(self._stop,))
        self._thread.start()

    def _bind(self):
        for n in range(200):
            number = (os.getpid() * 29 + n) % 62_000
            with suppress(BusyError):
                return Server(self.controller, f"127.79.{number // 250 + 1}.{number % 250 + 1}")
        raise BusyError("no address is free")

    def close(self):
        self._stop.request()
        self._thread.join(10)
        self._stop.__exit__()
        self.server.close()

    def look(self, told=None, outside=()):
        found = look(self.host, self.arm, told or Told(), lambda q_rad: outside)
        return {finding.name: finding for finding in found}


@pytest.fixture(params=["cell.toml", "cell-ur5.toml"])
def site(request):
    site = Site(request.param)
    yield site
    site.close()


@pytest.fixture
def e_series():
    site = Site("cell.toml")
    yield site
    site.close()


def test_an_arm_that_is_set_up_as_its_cell_says_is_not_refused(site):
    told = Told()

    found = site.look(told)

    assert worst(found.values()) in ("ok", "unknown")
    assert found["start pose"].status == found["registers"].status == "ok"
    assert told.closed_n == 1


def test_what_differs_from_the_cell_is_a_failure_with_both_values(e_series):
    e_series.controller.setup.payload_kg = 1.5

    found = e_series.look(Told(serial="1", remote=False))

    assert found["payload"].status == "fail"
    assert found["remote control"].status == "fail"
    assert "1.50 kg" in found["payload"].found


def test_an_arm_outside_its_envelope_is_led_to_jogging(e_series):
    found = e_series.look(outside=("tool below the box in z by 4.0 mm",))["start pose"]

    assert found.status == "fail"
    assert "4.0 mm" in found.found
    assert "robotd jog" in found.fix


def test_a_safety_stop_is_named(e_series):
    e_series.controller.put_condition(SafetyMode.SAFEGUARD_STOP, present=True)

    assert "safeguard stop" in e_series.look()["safety"].found


def test_registers_that_another_program_has_are_named_and_ours_are_given_back(e_series):
    registers = ScriptRegisters(base=e_series.arm.ur.register_base)
    with SetpointChannel(e_series.host, rate_hz=500.0, registers=registers):
        taken = e_series.look()["registers"]
    again = [e_series.look()["registers"].status for _ in range(2)]

    assert taken.status == "fail"
    assert again == ["ok", "ok"]


@pytest.mark.parametrize("told", [None, Told(broken=True)])
def test_a_controller_that_does_not_answer_is_one_line(e_series, told):
    host = e_series.host if told else "127.79.254.254"

    (found,) = look(host, e_series.arm, told or Told(), lambda q_rad: ())

    assert found.status == "fail"
    assert found.name == "controller"


def test_cycles_that_did_not_come_make_no_other_rate():
    assert period_of([0.0, 0.002, 0.006, 0.010, 0.010, 0.014]) == pytest.approx(0.002)


@pytest.mark.parametrize("times", [[], [1.0], [2.0, 2.0, 2.0], [3.0, 2.0, 1.0]])
def test_a_clock_that_stands_still_is_refused(times):
    with pytest.raises(DeviceError, match="stands still"):
        period_of(times)
