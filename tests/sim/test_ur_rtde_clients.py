"""Unmodified ur_rtde clients against the emulated controller, in a process of their own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sim.ur_site import emulator

pytest.importorskip("rtde_control", reason="needs ur_rtde: pip install 'robotd[robot]'")

SCRIPT = Path(__file__).with_name("ur_rtde_script.py")

SHORT = """
import sys
import rtde_control, rtde_receive
control = rtde_control.RTDEControlInterface(sys.argv[1], -1, int(sys.argv[2]))
receive = rtde_receive.RTDEReceiveInterface(sys.argv[1])
q = receive.getActualQ()
q[0] += 0.05
assert control.moveJ(q, 1.0, 2.0)
assert abs(receive.getActualQ()[0] - q[0]) < 1e-3, receive.getActualQ()
"""
UPLOAD, UPPER_RANGE = 0x01, 0x08


def run(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=90, check=False
    )


@pytest.mark.parametrize(("model", "rate_hz"), [("ur5e", 500), ("ur5", 125)])
def test_a_script_with_all_interfaces_runs(model, rate_hz):
    with emulator(model) as host:
        done = run(str(SCRIPT), host, str(rate_hz))
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["version"].startswith("5." if model == "ur5e" else "3.15.")
    assert (said["robotmode"], said["safety_bits"]) == ("Robotmode: RUNNING", 1)
    for name in ("moveJ", "moveL", "path"):
        assert said[name][0], name
        assert said[name][1] < 1e-3, (name, said[name])
    assert max(said["fk"], said["ik"]) < 1e-4
    if model == "ur5e":
        assert said["setTcp"] == [True, 0.1]
    assert said["servoL"] == 0
    assert said["servoL_error_m"] < 1e-4
    assert said["servoJ_error_rad"] < 0.02
    wanted = "time_goes_on running servoStop servoJ speedL speedL_m_s speedStop stands stopped"
    wanted += " async_running async_done digital slider watchdog watchdog_stopped custom script"
    assert [name for name in wanted.split() if not said[name]] == []
    assert said["reupload"] == [True, True]
    assert said["programState"].startswith("STOPPED")


@pytest.mark.parametrize(
    ("model", "version"),
    [
        ("ur5", "3.5.1"),
        ("ur5e", "5.4.0"),
        ("ur5e", "5.9.1"),
        ("ur5e", "5.26.0"),
    ],
)
def test_control_and_state_of_each_version(model, version):
    with emulator(model, version) as host:
        done = run("-c", SHORT, host, "1")
    assert done.returncode == 0, done.stderr


def test_the_upper_range_of_registers():
    with emulator() as host:
        done = run("-c", SHORT, host, str(UPLOAD | UPPER_RANGE))
    assert done.returncode == 0, done.stderr
