"""The teleop process with unmodified pyspacemouse and easyhid above a hidapi of our own."""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

from robotd.core.clock import SystemClock
from robotd.core.config import CellConfig
from robotd.core.config_load import load_toml
from robotd.core.config_teleop import TeleopConfig
from robotd.core.data_files import data_file
from robotd.core.process import spawn
from robotd.core.ring import RingReader
from robotd.core.run_files import CELL_FILE, TELEOP_RING
from robotd.core.rundir import RunDir
from robotd.core.sample_records import unpack_teleop
from robotd.modes.collect.hand import Hand
from robotd.sim.hid_reports import axes_reports, button_report
from teleop.deadman import DeadMan, Readiness
from tests.teleop.hid_shim import Plug, build, environment

pytest.importorskip("pyspacemouse")
ROOT = Path(__file__).parents[2]
DEFLECTED, REST = np.array([0.5, -0.25, 0.0, 0.0, 0.0, 0.1]), np.zeros(6)
HELD, UP = button_report(frozenset({0})), button_report(frozenset())
FIND = """
import sys
from robotd.core.errors import RobotdError
from teleop import spacemouse
for select in sys.argv[1:]:
    try:
        print(spacemouse.choose(select).path)
    except RobotdError as error:
        print(type(error).__name__, error)
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    return build(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def run_dir(tmp_path):
    with RunDir.create("hidtest", base=tmp_path) as run:
        cell = load_toml(data_file("configs/mock/cell.toml"), CellConfig)
        (run.path / CELL_FILE).write_bytes(msgspec.json.encode(cell))
        yield run.path


@pytest.fixture
def plug(tmp_path):
    plug = Plug(tmp_path / "hid0")
    yield plug
    plug.close()


@contextlib.contextmanager
def teleop(run_dir, shim, plug):
    child = spawn(
        "teleop",
        run_dir,
        arguments=("--operator=spacemouse",),
        environment=environment(shim, plug),
    )
    try:
        yield child
    finally:
        child.terminate(5.0)


def wait_for(what, condition, timeout_s=20.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


def samples(run_dir):
    if not (run_dir / TELEOP_RING).exists():
        return []
    with RingReader(run_dir / TELEOP_RING) as ring:
        return [unpack_teleop(record.payload) for record in ring.since(-1).records]


def test_reports_become_samples_and_silence_is_silence_only_while_deflected(run_dir, shim, plug):
    plug.plug()
    with teleop(run_dir, shim, plug) as child:
        plug.await_opened().send(HELD, *axes_reports(DEFLECTED, "split"))
        child.wait_ready(20.0)
        wait_for("the deflection", lambda: samples(run_dir))
        time.sleep(0.2)  # the device hangs: none of this is said again
        alone = samples(run_dir)
        plug.send(*axes_reports(REST, "split"))
        wait_for("rest", lambda: len(samples(run_dir)) > 20)
        resting = samples(run_dir)[len(alone) :]
        status = child.terminate(5.0)
    assert status == 0
    assert len(alone) == 1
    assert alone[0].deflection.tolist() == pytest.approx(DEFLECTED.tolist(), abs=2e-3)
    assert alone[0].buttons == {0}
    assert not any(s.deflection.any() for s in resting)
    assert np.all(np.diff([s.number for s in resting]) == 1)


def test_unplugged_while_deflected_nothing_moves_until_it_is_let_go_and_pressed_anew(
    run_dir, shim, plug
):
    clock = SystemClock()
    config = TeleopConfig(max_age_s=0.5)  # a busy machine is no fault here
    hand = Hand(run_dir, config, clock.now())
    deadman = DeadMan(button=0, max_age_s=config.max_age_s)

    def readiness():
        now = clock.now()
        hand.read(now)
        deflected = hand.newest is not None and bool(
            (np.abs(hand.newest.sample.deflection) > config.deadzone).any()
        )
        return deadman.look(now, hand.newest, deflected=deflected)

    def never_moves(seconds, *reports):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            plug.send(*reports)
            assert readiness() is not Readiness.MOVING
            time.sleep(0.01)

    def says(found, *reports):
        deadline = time.monotonic() + 10.0
        while readiness() is not found:
            assert time.monotonic() < deadline, found
            if reports:
                plug.send(*reports)
            time.sleep(0.01)

    push = axes_reports(DEFLECTED, "split")
    plug.plug()
    with teleop(run_dir, shim, plug) as child:
        plug.await_opened()
        says(Readiness.READY)
        plug.send(HELD)
        says(Readiness.MOVING, *push)

        plug.unplug()
        wait_for("its end", lambda: not child.alive)
        said = child.last_lines()
        last = samples(run_dir)[-1]

    with teleop(run_dir, shim, plug) as child:
        wait_for("its looking for the device", child.last_lines)
        assert not child.ready
        plug.plug().await_opened()  # held deflected, and its button down
        plug.send(HELD)
        says(Readiness.NEUTRAL_NEEDED, *push)
        never_moves(0.3, *push)
        plug.send(*axes_reports(REST, "split"))
        says(Readiness.NEUTRAL_NEEDED)
        plug.send(UP)
        says(Readiness.READY)
        plug.send(HELD)
        says(Readiness.MOVING, *push)
    hand.close()

    assert (last.deflection.any(), last.buttons) == (False, frozenset())
    assert child.alive is False
    assert len(said) == 1
    assert "SpaceMouseCompact at" in said[0]
    assert "was unplugged" in said[0]


def found(environment_, *selects):
    done = subprocess.run(
        [sys.executable, "-c", FIND, *selects],
        env=environment_,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_the_device_is_chosen_among_those_connected(shim, tmp_path):
    one, two = Plug(tmp_path / "a"), Plug(tmp_path / "b", ids="046d:c62b", serial="A7")
    other = Plug(tmp_path / "c", ids="dead:beef")
    variables = environment(shim, other, one, two)
    for path in (one.path, two.path, other.path):
        path.touch()
    several, by_model, by_serial, wrong = found(variables, "", "SpaceMousePro", "A7", "B8")
    one.path.unlink()
    two.path.unlink()
    (none,) = found(variables, "")
    assert several.startswith("DeviceError spacemouse: 2 are connected")
    assert by_model == by_serial == str(two.path)
    assert wrong.startswith("AbsentDeviceError spacemouse: 'B8'")
    assert none.startswith("AbsentDeviceError spacemouse: no SpaceMouse is connected")


def test_without_hidapi_one_line_names_the_command(tmp_path):
    """A library of that name without the functions stands for none: easyhid sees no difference."""
    source = tmp_path / "empty.c"
    source.write_text("typedef int nothing;")
    build(tmp_path, source)
    assert found(environment(tmp_path), "") == [
        "DeviceError spacemouse: the library libhidapi is not installed; "
        "sudo apt-get install libhidapi-hidraw0"
    ]
