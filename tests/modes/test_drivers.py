"""The mock through the drivers, and the same cell without them."""

from pathlib import Path

import msgspec
import pytest

from robotd.core.config_check import check_cell
from robotd.modes.cell_file import load_cell
from robotd.modes.daemon_process import _words
from robotd.modes.drivers import direct, lacking
from robotd.modes.options import CellOptions, UpOptions

MOCKS = Path(__file__).parents[2] / "configs" / "mock"
THROUGH_DRIVERS = (
    "arm.kind=ur",
    "cameras.top.kind=realsense",
    "cameras.side.kind=realsense",
    "teleop.device=spacemouse",
)


def through_drivers():
    return CellOptions(mock="drivers", set=THROUGH_DRIVERS)


def kinds(cell):
    return {cell.arm.kind, *(camera.kind for camera in cell.cameras.values())}


def test_the_direct_form_has_no_driver_and_differs_in_nothing_else():
    cell = load_cell(through_drivers(), lacks=lambda cell: "")
    assert kinds(cell) == {"ur", "realsense"}
    assert cell.teleop.device == "spacemouse"

    simulated = direct(cell)

    assert kinds(simulated) == {"sim"}
    assert simulated.teleop.device == "none"
    check_cell(simulated, "cell.toml")
    again = msgspec.structs.replace(
        simulated, arm=cell.arm, cameras=cell.cameras, teleop=cell.teleop
    )
    assert again == cell
    assert direct(simulated) == simulated


def test_direct_is_said_over_any_mock():
    for words in ({"mock": "direct"}, {"mock": "direct", "config": str(MOCKS / "cell-ur5.toml")}):
        cell = load_cell(CellOptions(set=THROUGH_DRIVERS, **words))
        assert kinds(cell) == {"sim"}


@pytest.mark.parametrize(
    ("absent", "says"),
    [
        ("rtde_receive", "ur_rtde is not installed (pip install 'robotd[robot]')"),
        ("pyrealsense2", "pyrealsense2 is not installed (pip install 'robotd[robot]')"),
        ("pyspacemouse", "pyspacemouse is not installed (pip install 'robotd[robot]')"),
        (
            "libusb-1.0.so.0",
            "libusb-1.0.so.0 is not installed (sudo apt-get install libusb-1.0-0)",
        ),
    ],
)
def test_what_the_drivers_lack_is_named_with_its_command(absent, says):
    cell = load_cell(through_drivers(), lacks=lambda cell: "")

    def has(name):
        return name != absent

    assert lacking(cell, installed=has, has=has) == says


def test_what_no_device_of_the_cell_needs_is_not_missed():
    cell = load_cell(CellOptions(mock="direct"))
    assert lacking(cell, installed=lambda name: False, has=lambda name: False) == ""


def test_a_mock_whose_drivers_lack_something_goes_without_and_says_so():
    told = []
    cell = load_cell(through_drivers(), tell=told.append, lacks=lambda cell: "no ur_rtde")

    assert kinds(cell) == {"sim"}
    assert told == ["robotd: no ur_rtde: goes on without the drivers, as with --mock=direct\n"]


def test_without_drivers_nothing_is_said_of_what_they_lack():
    told = []
    load_cell(CellOptions(mock="direct"), tell=told.append, lacks=lambda cell: "no ur_rtde")
    assert told == []


@pytest.mark.parametrize(
    "options",
    [
        UpOptions(mock="drivers"),
        UpOptions(mock="direct", model="ur5"),
        UpOptions(config=str(MOCKS / "cell-ur5.toml"), mock="direct", set=("arm.kind=ur",)),
    ],
)
def test_a_daemon_is_told_the_cell_that_was_meant(options):
    from robotd.cli import _parse

    assert _parse(["up", *_words(options)]) == options


def test_mock_needs_no_value_on_the_command_line():
    from robotd.cli import _parse

    assert _parse(["up", "--mock"]).mock == "drivers"
    assert _parse(["status", "--mock", "--model", "ur5"]).model == "ur5"
    assert _parse(["up", "--mock=direct"]).mock == "direct"
    assert _parse(["up", "--config", "mock"]).mock == ""
