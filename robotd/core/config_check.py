"""What the types of a cell's configuration cannot say: values that do not fit each other."""

from collections.abc import Iterator, Sequence
from math import isfinite, pi, sqrt
from typing import Any, Final

import msgspec

from robotd.core.config import CellConfig, Pose
from robotd.core.config_check_arm import check_arm
from robotd.core.config_check_cameras import check_cameras
from robotd.core.config_check_reach import check_board, check_start
from robotd.core.errors import ConfigError

FULL_TURN_RAD: Final = 2 * pi
"""No joint of the arms turns further either way (universal-robots.com)."""

FARTHEST_M: Final = 5.0
"""Nothing in the cell of an arm that reaches 0.85 m is further away."""

LONGEST_TOOL_M: Final = 1.0

_DEGREES = "looks like degrees; this key is in radians, 1.57 is 90°"
_MILLIMETRES = "looks like millimetres; this key is in metres, 0.25 is 250 mm"
_NORM_TOLERANCE = 1e-3
_ROUNDING_RAD = 0.01
_LAST_BUTTON = 62
_BUTTONS = frozenset(map(str, range(_LAST_BUTTON + 1)))


def check_cell(cell: CellConfig, source: str) -> None:
    """Check what one value says about another.

    Args:
        cell: A configuration that its types accept.
        source: The file that it comes from, for the message.

    Raises:
        ConfigError: Names the key, its value, what was expected, and the likely mistake.
    """
    _check_finite(cell, source)
    _check_kinds(cell, source)
    check_arm(cell, source)
    _check_joints(cell, source)
    _check_lengths(cell, source)
    _check_axis(cell, source)
    _check_quaternion("arm.tool", cell.arm.tool, source)
    _check_quaternion("task.T_base_table", cell.task.T_base_table, source)
    check_cameras(cell, source)
    _check_record(cell, source)
    _check_teleop(cell, source)
    check_start(cell, source)
    check_board(cell, source)


def _check_finite(cell: CellConfig, source: str) -> None:
    """TOML has `nan` and `inf`, which pass every limit that is asked the wrong way round."""
    for key, value in _numbers("", msgspec.to_builtins(cell)):
        if not isfinite(value):
            raise ConfigError(source, key, got=str(value), expected="a finite number")


def _numbers(key: str, value: Any) -> Iterator[tuple[str, float]]:
    """All numbers below a key, each with its own key."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield from _numbers(f"{key}.{name}" if key else str(name), below)
    elif isinstance(value, (list, tuple)):
        for index, below in enumerate(value):
            yield from _numbers(f"{key}[{index}]", below)
    elif isinstance(value, float):
        yield key, value


def _check_kinds(cell: CellConfig, source: str) -> None:
    """Real devices in a real cell; a mock, which arms without a person, has none to speak to."""
    arm = cell.arm
    if cell.mock:
        if arm.host:
            raise ConfigError(
                source,
                "arm.host",
                got=repr(arm.host),
                expected="nothing",
                hint="a mock emulates its controller; or remove the [world] table",
            )
        return
    if arm.kind == "ur" and not arm.host:
        raise ConfigError(
            source, "arm.host", got="nothing", expected="the controller's address", hint="kind `ur`"
        )
    devices = {"arm.kind": arm.kind}
    devices |= {f"cameras.{name}.kind": camera.kind for name, camera in cell.cameras.items()}
    for key, kind in devices.items():
        if kind == "sim":
            raise ConfigError(
                source, key, got="'sim'", expected="a real device", hint="or add a [world] table"
            )


def _check_joints(cell: CellConfig, source: str) -> None:
    low, high, home = (
        cell.envelope.q_min_rad,
        cell.envelope.q_max_rad,
        cell.arm.home_q_rad,
    )
    rows = {"envelope.q_min_rad": low, "envelope.q_max_rad": high, "arm.home_q_rad": home}
    for key, row in rows.items():
        for joint, value in enumerate(row):
            if abs(value) > FULL_TURN_RAD + _ROUNDING_RAD:
                raise ConfigError(
                    source,
                    f"{key}[{joint}]",
                    got=f"{value:g}",
                    expected=f"-{FULL_TURN_RAD:.2f} to {FULL_TURN_RAD:.2f}",
                    hint=_DEGREES,
                )
    for joint in range(6):
        if not low[joint] < high[joint]:
            raise ConfigError(
                source,
                f"envelope.q_min_rad[{joint}]",
                got=f"{low[joint]:g}",
                expected=f"less than q_max_rad[{joint}] = {high[joint]:g}",
            )
        if not low[joint] < home[joint] < high[joint]:
            raise ConfigError(
                source,
                f"arm.home_q_rad[{joint}]",
                got=f"{home[joint]:g}",
                expected=f"between {low[joint]:g} and {high[joint]:g}",
                hint="the envelope's joint range excludes the start pose",
            )


def _check_lengths(cell: CellConfig, source: str) -> None:
    box = cell.envelope.tool_box
    _check_metres("envelope.tool_box.min_m", box.min_m, FARTHEST_M, source)
    _check_metres("envelope.tool_box.max_m", box.max_m, FARTHEST_M, source)
    _check_metres("envelope.table_z_m", (cell.envelope.table_z_m,), FARTHEST_M, source)
    _check_metres("arm.tool.position_m", cell.arm.tool.position_m, LONGEST_TOOL_M, source)
    position_m = cell.task.T_base_table.position_m
    _check_metres("task.T_base_table.position_m", position_m, FARTHEST_M, source)
    _check_metres("task.board_m", (cell.task.board_m,), FARTHEST_M, source)
    for axis, (low, high) in enumerate(zip(box.min_m, box.max_m, strict=True)):
        if not low < high:
            raise ConfigError(
                source,
                f"envelope.tool_box.min_m[{axis}]",
                got=f"{low:g}",
                expected=f"less than max_m[{axis}] = {high:g}",
            )


def _check_metres(key: str, values: Sequence[float], limit_m: float, source: str) -> None:
    for value in values:
        if abs(value) > limit_m:
            raise ConfigError(
                source, key, got=f"{value:g}", expected=f"within {limit_m:g} m", hint=_MILLIMETRES
            )


def _check_axis(cell: CellConfig, source: str) -> None:
    norm = sqrt(sum(part * part for part in cell.envelope.tool_axis))
    if abs(norm - 1.0) > _NORM_TOLERANCE:
        raise ConfigError(
            source, "envelope.tool_axis", got=f"a length of {norm:.4f}", expected="a unit vector"
        )


def _check_quaternion(key: str, pose: Pose, source: str) -> None:
    norm = sqrt(sum(part * part for part in pose.quat_wxyz))
    if abs(norm - 1.0) > _NORM_TOLERANCE:
        raise ConfigError(
            source,
            f"{key}.quat_wxyz",
            got=f"a length of {norm:.4f}",
            expected="a unit quaternion, w first",
        )


def _check_record(cell: CellConfig, source: str) -> None:
    record = cell.record
    if record.stop_mb > record.reserve_mb:
        raise ConfigError(
            source,
            "record.stop_mb",
            got=f"{record.stop_mb:g}",
            expected=f"at most record.reserve_mb = {record.reserve_mb:g}",
            hint="an episode would end as soon as it began",
        )
    if not record.max_behind_s > record.flush_s:
        raise ConfigError(
            source,
            "record.max_behind_s",
            got=f"{record.max_behind_s:g}",
            expected=f"more than record.flush_s = {record.flush_s:g}",
            hint="nothing is written faster than it is flushed",
        )
    for name, camera in cell.cameras.items() if record.codec == "h264" else ():
        for side in ("width_px", "height_px"):
            if (size := getattr(camera, side)) % 2:
                raise ConfigError(
                    source,
                    f"cameras.{name}.{side}",
                    got=str(size),
                    expected="an even number",
                    hint="record.codec = 'jpeg' or 'png' takes odd ones",
                )


def _check_teleop(cell: CellConfig, source: str) -> None:
    teleop = cell.teleop
    if not teleop.axes or len(set(teleop.axes)) != len(teleop.axes):
        got = ", ".join(teleop.axes) or "nothing"
        raise ConfigError(source, "teleop.axes", got=got, expected="one axis or more, each once")
    for table, buttons in (("buttons", teleop.buttons), ("hold_buttons", teleop.hold_buttons)):
        for button in buttons:
            if button not in _BUTTONS or button == str(teleop.deadman_button):
                raise ConfigError(
                    source,
                    f"teleop.{table}",
                    got=repr(button),
                    expected=f"the number of a button, 0 to {_LAST_BUTTON}",
                    hint=f"{teleop.deadman_button} is held for motion and says nothing",
                )
