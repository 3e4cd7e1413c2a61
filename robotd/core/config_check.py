"""What the types of a cell's configuration cannot say: values that do not fit each other."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from math import isfinite, pi, sqrt
from typing import Any, Final

import msgspec

from robotd.core.config import CameraConfig, CellConfig, Pose
from robotd.core.config_reach import check_board, check_start
from robotd.core.errors import ConfigError
from robotd.core.pusht_spec import AGENT_XY, BLOCK_POSE

FULL_TURN_RAD: Final = 2 * pi
"""No joint of the arms turns further either way (universal-robots.com)."""

FARTHEST_M: Final = 5.0
"""Nothing in the cell of an arm that reaches 0.85 m is further away."""

LONGEST_TOOL_M: Final = 1.0
KNOWN_SIGNALS: Final = (BLOCK_POSE,)
OTHER_STREAMS: Final = (*KNOWN_SIGNALS, AGENT_XY, "tool_pose")
"""A camera of such a name would stand in for it in an observation."""

_DEGREES = "looks like degrees; this key is in radians, 1.57 is 90°"
_MILLIMETRES = "looks like millimetres; this key is in metres, 0.25 is 250 mm"
_CAMERA_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_NORM_TOLERANCE = 1e-3
_ROUNDING_RAD = 0.01


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
    _check_joints(cell, source)
    _check_lengths(cell, source)
    _check_axis(cell, source)
    _check_quaternion("arm.tool", cell.arm.tool, source)
    _check_quaternion("task.T_base_table", cell.task.T_base_table, source)
    _check_cameras(cell, source)
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
    """Real devices in a real cell, simulated ones in a mock: a mock arms without a person."""
    arm = cell.arm
    if arm.kind == "ur" and not arm.host:
        raise ConfigError(
            source, "arm.host", got="nothing", expected="the controller's address", hint="kind `ur`"
        )
    devices = {"arm.kind": arm.kind}
    devices |= {f"cameras.{name}.kind": camera.kind for name, camera in cell.cameras.items()}
    for key, kind in devices.items():
        if kind == "sim" and cell.world is None:
            raise ConfigError(
                source, key, got="'sim'", expected="a real device", hint="or add a [world] table"
            )
        if kind != "sim" and cell.world is not None:
            raise ConfigError(
                source, key, got=repr(kind), expected="'sim'", hint="or remove the [world] table"
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


def _check_cameras(cell: CellConfig, source: str) -> None:
    tracked: Counter[str] = Counter()
    for name, camera in cell.cameras.items():
        key = f"cameras.{name}"
        if not _CAMERA_NAME.fullmatch(name):
            raise ConfigError(
                source, key, got=repr(name), expected="a-z, 0-9, `-` and `_`, 32 at most"
            )
        if name in OTHER_STREAMS:
            raise ConfigError(
                source, key, got=repr(name), expected="another name: that stream is not a picture"
            )
        if camera.kind == "realsense" and not camera.serial:
            raise ConfigError(
                source, f"{key}.serial", got="nothing", expected="the number printed on the camera"
            )
        _check_timing(cell, key, camera, source)
        sides = camera.width_px, camera.height_px
        if camera.kind == "sim" and camera.view == "board" and sides[0] != sides[1]:
            raise ConfigError(
                source, f"{key}.height_px", got=str(sides[1]), expected=f"the width, {sides[0]}"
            )
        tracked.update(camera.tracks)
        for signal in camera.tracks:
            if signal not in KNOWN_SIGNALS:
                known = ", ".join(KNOWN_SIGNALS)
                raise ConfigError(
                    source, f"{key}.tracks", got=repr(signal), expected=f"one of {known}"
                )
            if tracked[signal] > 1:
                raise ConfigError(
                    source, f"{key}.tracks", got=f"{signal!r} again", expected="one camera a signal"
                )


def _check_timing(cell: CellConfig, key: str, camera: CameraConfig, source: str) -> None:
    """Samples that arrive in time must not be refused as too old or too far from the row wanted."""
    oldest_s = camera.latency_s + 1.0 / camera.rate_hz
    if not cell.observe.max_age_s > oldest_s:
        raise ConfigError(
            source,
            "observe.max_age_s",
            got=f"{cell.observe.max_age_s:g}",
            expected=f"more than {oldest_s:.3f}",
            hint=f"latency and period of {key}",
        )
    half_s = 0.5 / camera.rate_hz
    if not cell.observe.max_skew_s >= half_s:
        raise ConfigError(
            source,
            "observe.max_skew_s",
            got=f"{cell.observe.max_skew_s:g}",
            expected=f"at least {half_s:.3f}",
            hint=f"half the period of {key}",
        )
