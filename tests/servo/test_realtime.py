import json
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from robotd.core.config import Box, CellConfig, EnvelopeConfig
from robotd.core.config_load import load_toml
from robotd.core.errors import DeviceError, RealtimeError
from robotd.servo import process
from robotd.servo.realtime import RealtimeRights, gap_fault_s, halved, require

CELL = load_toml(Path(__file__).parents[2] / "configs/mock/cell.toml", CellConfig)
ENVELOPE = EnvelopeConfig(
    q_min_rad=(-6.0,) * 6,
    q_max_rad=(6.0,) * 6,
    tool_box=Box(min_m=(0, 0, 0), max_m=(1, 1, 1)),
    table_z_m=0.0,
)
ASK = """
import gc, json, os
from robotd.servo.realtime import obtain, stop_collecting
rights = obtain(cpu=CPU)
stop_collecting()
print(json.dumps([rights.fifo, rights.locked, rights.cpu, bool(rights.refusal), gc.isenabled(),
                  os.sched_getscheduler(0) == os.SCHED_FIFO]))
"""


@pytest.mark.parametrize("cpu", ["None", "0", "9999"])
def test_it_asks_and_says_what_it_got(cpu):
    source = ASK.replace("CPU", cpu)
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=60
    )
    fifo, locked, bound, refused, collects, is_fifo = json.loads(done.stdout)
    assert fifo is is_fifo
    assert refused is not (fifo and locked and cpu != "9999")
    assert bound in ((0,) if cpu == "0" else (None,))
    assert not collects


@pytest.mark.parametrize(("fifo", "locked"), [(False, True), (True, False), (False, False)])
def test_a_real_arm_needs_both_rights(fifo, locked):
    rights = RealtimeRights(fifo=fifo, locked=locked, refusal="SCHED_FIFO 80: not permitted")
    with pytest.raises(RealtimeError, match=r"SCHED_FIFO 80: not permitted.*--no-realtime"):
        require(rights)


def test_with_both_rights_it_goes_on():
    require(RealtimeRights(fifo=True, locked=True))


def test_without_rights_both_speeds_are_halved_and_nothing_else():
    half = halved(ENVELOPE)
    assert half.tool_speed_m_s == 0.5 * ENVELOPE.tool_speed_m_s
    assert half.joint_speed_rad_s == 0.5 * ENVELOPE.joint_speed_rad_s
    assert half.joint_acceleration_rad_s2 == ENVELOPE.joint_acceleration_rad_s2
    assert half.tool_box == ENVELOPE.tool_box


@pytest.mark.parametrize(
    ("configured", "fifo", "mock", "expected"),
    [
        (None, True, False, 0.01),
        (None, False, False, 0.04),
        (None, True, True, 0.1),
        (0.02, False, True, 0.02),
    ],
)
def test_the_largest_own_gap_depends_on_the_rights(configured, fifo, mock, expected):
    assert gap_fault_s(configured, rate_hz=500.0, fifo=fifo, mock=mock) == pytest.approx(expected)


def test_the_script_on_the_controller_is_halved_as_well(tmp_path, monkeypatch):
    rights = RealtimeRights(fifo=False, locked=False, refusal="none here")
    monkeypatch.setattr(process, "obtain", lambda: rights)
    cell = replace(CELL, world=None)
    assert not cell.mock
    seen = []

    def build(cell, clock, gap_s):
        seen.append(cell.envelope)
        raise DeviceError("ur: seen enough")

    with pytest.raises(DeviceError, match="seen enough"):
        process.main(tmp_path, cell, build, without_realtime=True)
    assert seen == [halved(CELL.envelope)]
