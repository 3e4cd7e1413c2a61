"""Faults that lie between two values: each just inside is taken, just outside is one clear line."""

import copy
from math import cos, sin

import msgspec
import numpy as np
import pytest

from robotd.core.config import CellConfig
from robotd.core.config_check import check_cell
from robotd.core.errors import ConfigError
from robotd.core.geometry import pose_from_quat
from robotd.core.kinematics import Kinematics
from robotd.core.ur_models import ur_model

HOME = [0.0, -1.57, -1.57, -1.57, 1.57, 0.0]
TOOL_M = [0.0, 0.0, 0.13]
CELL = {
    "name": "mock",
    "arm": {"kind": "sim", "model": "ur5e", "tool": {"position_m": TOOL_M}, "home_q_rad": HOME},
    "envelope": {
        "q_min_rad": [-3.2] * 6,
        "q_max_rad": [3.2] * 6,
        "tool_box": {"min_m": [0.2, -0.4, 0.0], "max_m": [0.8, 0.3, 0.6]},
        "table_z_m": 0.0,
    },
    "cameras": {
        "top": {
            "kind": "sim",
            "view": "board",
            "width_px": 96,
            "height_px": 96,
            "tracks": ["block_pose"],
        }
    },
    "task": {
        "board_m": 0.3,
        "T_base_table": {
            "position_m": [0.64, 0.02, 0.0],
            "quat_wxyz": [0.0, 0.70710678, -0.70710678, 0.0],
        },
    },
    "world": {},
}
KINEMATICS = Kinematics(ur_model("ur5e").dh, pose_from_quat(TOOL_M, [1, 0, 0, 0]))
START = KINEMATICS.fk(np.array(HOME))
SIGMA = KINEMATICS.sigma_min(np.array(HOME))
TILT = float(np.arccos(-START[2, 2]))
ABSENT = object()


def cell_with(changes):
    table = copy.deepcopy(CELL)
    for path, value in changes.items():
        *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
        place = table
        for step in steps:
            place = place[step]
        if value is ABSENT:
            del place[last]
        else:
            place[last] = value
    return msgspec.convert(table, CellConfig)


def fault(changes):
    with pytest.raises(ConfigError) as caught:
        check_cell(cell_with(changes), "cell.toml")
    message = str(caught.value)
    assert message.startswith("cell.toml: ")
    assert "\n" not in message
    return message


def test_a_sound_cell_is_taken():
    check_cell(cell_with({}), "cell.toml")


def tilted(angle_rad):
    """The table's frame turned by an angle about its own x axis."""
    half = 0.70710678
    c, s = cos(angle_rad / 2), sin(angle_rad / 2)
    return [-half * s, half * c, -half * c, half * s]


X, _, Z = START[:3, 3].tolist()
CORNER = "task.T_base_table.position_m"
LIMITS = [
    # what is changed, just inside, just outside, what the line says
    ("envelope.q_min_rad.2", -1.571, -1.569, r"arm.home_q_rad\[2\]: got -1.57, expected between"),
    ("envelope.q_max_rad.4", 1.571, 1.569, "joint range excludes the start pose"),
    ("envelope.q_max_rad.0", 6.28, 6.4, r"envelope.q_max_rad\[0\]: got 6.4, .*looks like degrees"),
    ("envelope.q_min_rad.5", -6.28, -180.0, "looks like degrees; this key is in radians, 1.57 is"),
    ("arm.home_q_rad.5", 3.1, 90.0, r"arm.home_q_rad\[5\]: got 90, .*looks like degrees"),
    ("envelope.tool_box.max_m.0", X + 0.2, 800.0, "looks like millimetres; this key is in metres"),
    ("envelope.tool_box.min_m.1", -4.9, -5.1, r"tool_box.min_m: got -5.1, expected within 5 m"),
    ("envelope.tool_box.max_m.1", 0.3, -0.5, r"tool_box.min_m\[1\]: got -0.4, expected less than"),
    ("envelope.tool_box.max_m.2", Z + 0.001, Z - 0.001, "the box excludes the start pose"),
    ("envelope.tool_box.min_m.2", 0.009, 0.011, "on the board's upper left corner"),
    ("envelope.tool_box.max_m.0", 0.641, 0.639, "the board's upper left corner"),
    ("envelope.tool_box.min_m.0", 0.339, 0.341, "the board's lower right corner"),
    ("envelope.tool_box.min_m.1", -0.281, -0.279, "the board's upper right corner"),
    ("envelope.table_z_m", 0.009, 0.011, "above envelope.table_z_m = 0.011"),
    ("envelope.table_z_m", -0.5, 20.0, "envelope.table_z_m: got 20, .*looks like millimetres"),
    ("envelope.tool_cone_rad", TILT + 0.001, TILT - 0.001, "envelope.tool_cone_rad: got a start"),
    ("envelope.min_singular_value", SIGMA - 0.001, SIGMA + 0.001, "too near a singularity"),
    ("envelope.tool_axis", [0, 0, -1], [0, 0, 1], "tool_cone_rad: got a start pose"),
    ("envelope.tool_axis", [0, 0, -1], [0, 0, 0], "tool_axis: got a length of 0.0000"),
    ("arm.tool.position_m.2", 0.2, 130.0, r"arm.tool.position_m: got 130, .*millimetres"),
    ("arm.tool.quat_wxyz", [0.9995, 0, 0, 0], [0.99, 0, 0, 0], "length of 0.9900, expected a unit"),
    (
        "task.T_base_table.quat_wxyz",
        tilted(-0.59),
        tilted(-0.61),
        "quat_wxyz: got a z axis 0.61 rad",
    ),
    ("task.T_base_table.quat_wxyz", tilted(0), [1, 0, 0, 0], "z points into the table"),
    ("task.T_base_table.quat_wxyz", tilted(0), [0, 1, 1, 0], "a unit quaternion, w first"),
    (f"{CORNER}.2", -0.009, -0.011, "on the board's upper left corner"),
    (f"{CORNER}.0", 0.64, 640.0, "T_base_table.position_m: got 640, .*looks like millimetres"),
    ("task.board_m", 0.3, 300.0, "task.board_m: got 300, .*looks like millimetres"),
    ("task.board_m", 0.41, 0.45, "the board's upper right corner"),
    ("task.travel_height_m", 0.011, 0.01, "task.travel_height_m: got 0.01, expected more than"),
    ("task.start_xy_px", [0, 512], [0, 513], "task.start_xy_px: got 513, expected 0 to 512"),
    ("cameras.top.height_px", 96, 97, "cameras.top.height_px: got 97, expected the width, 96"),
    ("cameras.top.latency_s", 0.21, 0.22, "observe.max_age_s: got 0.25, expected more than 0.253"),
    ("cameras.top.rate_hz", 8.4, 8.2, "observe.max_skew_s: got 0.06, expected at least 0.061"),
    ("cameras.top.tracks", [], ["hand"], "cameras.top.tracks: got 'hand', expected one of"),
    ("cameras.top.tracks", ["block_pose"], ["block_pose"] * 2, "one camera a signal"),
    ("arm.host", "", "192.0.2.1", "arm.host: got '192.0.2.1', expected nothing; a mock emulates"),
]


@pytest.mark.parametrize(("path", "inside", "outside", "says"), LIMITS)
def test_each_limit_just_inside_and_just_outside(path, inside, outside, says):
    check_cell(cell_with({path: inside}), "cell.toml")
    with pytest.raises(ConfigError, match=says) as caught:
        check_cell(cell_with({path: outside}), "cell.toml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("over_m", "fits"), [(-0.001, True), (0.001, False)])
def test_the_elbow_stays_clear_of_the_table_at_the_start(over_m, fits):
    # A table right below the elbow, beside a start and a board that hang far above it.
    changes = {
        "envelope.table_z_m": -0.2,
        "arm.home_q_rad": [0.0, 0.4, -2.0, -3.11, 1.57, 0.0],
        "envelope.tool_box": {"min_m": [-1.0, -1.0, -0.2], "max_m": [1.0, 1.0, 1.0]},
    }
    q = np.array([changes["arm.home_q_rad"]])
    elbow_z = float(KINEMATICS.points_batch(q).p_base_elbow[0, 2])
    changes["envelope.elbow_clearance_m"] = elbow_z + 0.2 + over_m
    if fits:
        check_cell(cell_with(changes), "cell.toml")
    else:
        assert "arm.home_q_rad: got the elbow at" in fault(changes)


@pytest.mark.parametrize(("travel_height_m", "fits"), [(0.399, True), (0.401, False)])
def test_the_tool_may_travel_over_the_board(travel_height_m, fits):
    changes = {"task.travel_height_m": travel_height_m, "envelope.tool_box.max_m.2": 0.4}
    if fits:
        check_cell(cell_with(changes), "cell.toml")
    else:
        assert "the tool at travel height on the board's upper left corner" in fault(changes)


def test_the_start_is_above_the_table():
    assert "envelope.table_z_m: got the start pose" in fault(
        changes={
            "envelope.table_z_m": Z + 0.001,
            "envelope.tool_box.max_m.2": 0.6,
        }
    )


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("path", ["arm.home_q_rad.1", "envelope.table_z_m", "task.board_m"])
def test_refuses_what_is_not_finite(path, number):
    try:
        cell = cell_with({path: number})
    except msgspec.ValidationError:
        return  # the type itself refused it
    with pytest.raises(ConfigError, match="expected a finite number"):
        check_cell(cell, "cell.toml")


@pytest.mark.parametrize("name", ["Top", "a b", "", "../x", "a" * 33])
def test_camera_names_are_fit_for_files(name):
    cameras = {name: CELL["cameras"]["top"]}
    assert "expected a-z, 0-9" in fault({"cameras": cameras})


@pytest.mark.parametrize("name", ["block_pose", "agent_xy", "tool_pose"])
def test_a_camera_cannot_take_the_name_of_another_stream(name):
    cameras = {name: CELL["cameras"]["top"]}
    assert f"cameras.{name}: got '{name}', expected another name" in fault({"cameras": cameras})


def test_a_signal_belongs_to_one_camera():
    cameras = {"top": CELL["cameras"]["top"], "side": CELL["cameras"]["top"]}
    assert "cameras.side.tracks: got 'block_pose' again" in fault({"cameras": cameras})


def test_simulated_devices_need_a_world():
    changes = {"world": ABSENT}
    message = fault(changes)
    assert "arm.kind: got 'sim', expected a real device; or add a [world] table" in message
    changes |= {"arm.kind": "ur"}
    assert "arm.host: got nothing, expected the controller's address" in fault(changes)
    changes |= {"arm.host": "192.0.2.1"}
    assert "cameras.top.kind: got 'sim'" in fault(changes)
    changes |= {"cameras.top.kind": "realsense"}
    assert "cameras.top.serial: got nothing" in fault(changes)
    check_cell(cell_with(changes | {"cameras.top.serial": "0123"}), "cell.toml")


def test_a_mock_has_emulated_devices_behind_the_drivers_and_no_address_of_a_real_arm():
    changes = {"arm.kind": "ur", "cameras.top.kind": "realsense"}
    check_cell(cell_with(changes), "cell.toml")
    message = fault(changes | {"arm.host": "192.0.2.1"})
    assert "arm.host: got '192.0.2.1', expected nothing; a mock emulates its controller" in message


@pytest.mark.parametrize(
    ("key", "inside", "outside", "says"),
    [
        ("rate_hz", 30.0, 30.5, "cameras.top.rate_hz: got 30.5, expected a whole number"),
        ("exposure_s", 0.0333, 0.0334, "got 0.0334, expected at most a period of rate_hz, 0.0333"),
    ],
)
def test_what_a_real_camera_cannot_do_is_refused(key, inside, outside, says):
    for value in (inside, outside):
        changes = {"cameras.top.kind": "realsense", f"cameras.top.{key}": value}
        if value == inside:
            check_cell(cell_with(changes), "cell.toml")
        else:
            assert says in fault(changes)


def test_two_cameras_have_two_serial_numbers():
    camera = CELL["cameras"]["top"] | {"kind": "realsense", "tracks": []}
    pair = {"top": camera | {"serial": "12"}, "side": camera | {"serial": "12"}}
    assert "cameras.side.serial: got '12', expected another than that of cameras.top" in fault(
        {"cameras": pair}
    )
    pair["side"]["serial"] = "13"
    check_cell(cell_with({"cameras": pair}), "cell.toml")


@pytest.mark.parametrize("axes", [[], ["x", "x"]])
def test_a_device_moves_each_axis_once(axes):
    assert "teleop.axes" in fault({"teleop": {"axes": axes}})


@pytest.mark.parametrize("table", ["buttons", "hold_buttons"])
@pytest.mark.parametrize(
    ("button", "fits"), [("62", True), ("63", False), ("a", False), ("01", False)]
)
def test_buttons_have_numbers(table, button, fits):
    changes = {"teleop": {table: {button: "toggle"}}}
    if fits:
        check_cell(cell_with(changes), "cell.toml")
    else:
        assert f"teleop.{table}" in fault(changes)


def test_the_button_held_for_motion_says_nothing():
    assert "held for motion" in fault({"teleop": {"deadman_button": 1}})


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({"reserve_mb": 500.0, "stop_mb": 500.0}, ""),
        (
            {"reserve_mb": 499.0, "stop_mb": 500.0},
            "record.stop_mb: got 500, expected at most record.reserve_mb = 499",
        ),
        ({"flush_s": 0.5, "max_behind_s": 0.51}, ""),
        (
            {"flush_s": 0.5, "max_behind_s": 0.5},
            "record.max_behind_s: got 0.5, expected more than record.flush_s = 0.5",
        ),
    ],
)
def test_limits_of_the_recorder_fit_each_other(record, says):
    if says:
        assert says in fault({"record": record})
    else:
        check_cell(cell_with({"record": record}), "cell.toml")


@pytest.mark.parametrize("side", ["width_px", "height_px"])
@pytest.mark.parametrize("codec", ["h264", "jpeg", "png"])
def test_video_takes_even_sides_alone(side, codec):
    changes = {
        "cameras.top.view": "perspective",
        f"cameras.top.{side}": 95,
        "record": {"codec": codec},
    }
    if codec == "h264":
        assert f"cameras.top.{side}: got 95, expected an even number" in fault(changes)
    else:
        check_cell(cell_with(changes), "cell.toml")
