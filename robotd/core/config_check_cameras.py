"""What a cell's cameras must be for their frames to be found, told apart and observed in time."""

import re
from collections import Counter
from typing import Final

from robotd.core.config import CameraConfig, CellConfig
from robotd.core.errors import ConfigError
from robotd.core.pusht_spec import AGENT_XY, BLOCK_POSE

KNOWN_SIGNALS: Final = (BLOCK_POSE,)
OTHER_STREAMS: Final = (*KNOWN_SIGNALS, AGENT_XY, "tool_pose")
"""A camera of such a name would stand in for it in an observation."""

_CAMERA_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def check_cameras(cell: CellConfig, source: str) -> None:
    """Check names, serial numbers, sizes, rates and signals of all cameras.

    Raises:
        ConfigError: Names the key, its value and what was expected.
    """
    owners: dict[str, str] = {}
    tracked: Counter[str] = Counter()
    for name, camera in cell.cameras.items():
        key = f"cameras.{name}"
        _check_name(name, source)
        if camera.kind == "realsense":
            _check_realsense(cell, key, camera, source)
        if (owner := owners.setdefault(camera.serial, name)) != name and camera.serial:
            raise ConfigError(
                source,
                f"{key}.serial",
                got=repr(camera.serial),
                expected=f"another than that of cameras.{owner}",
                hint="one process owns a camera",
            )
        _check_timing(cell, key, camera, source)
        sides = camera.width_px, camera.height_px
        if cell.mock and camera.view == "board" and sides[0] != sides[1]:
            raise ConfigError(
                source, f"{key}.height_px", got=str(sides[1]), expected=f"the width, {sides[0]}"
            )
        tracked.update(camera.tracks)
        for signal in camera.tracks:
            _check_signal(f"{key}.tracks", signal, tracked[signal], source)


def _check_name(name: str, source: str) -> None:
    key = f"cameras.{name}"
    if not _CAMERA_NAME.fullmatch(name):
        raise ConfigError(source, key, got=repr(name), expected="a-z, 0-9, `-` and `_`, 32 at most")
    if name in OTHER_STREAMS:
        raise ConfigError(
            source, key, got=repr(name), expected="another name: that stream is not a picture"
        )


def _check_realsense(cell: CellConfig, key: str, camera: CameraConfig, source: str) -> None:
    if not camera.serial and not cell.mock:
        raise ConfigError(
            source, f"{key}.serial", got="nothing", expected="the number printed on the camera"
        )
    if camera.rate_hz != int(camera.rate_hz):
        raise ConfigError(
            source, f"{key}.rate_hz", got=f"{camera.rate_hz:g}", expected="a whole number"
        )
    if camera.exposure_s is not None and camera.exposure_s * camera.rate_hz > 1.0:
        raise ConfigError(
            source,
            f"{key}.exposure_s",
            got=f"{camera.exposure_s:g}",
            expected=f"at most a period of rate_hz, {1.0 / camera.rate_hz:.4f}",
            hint="a longer one halves the rate",
        )


def _check_signal(key: str, signal: str, times: int, source: str) -> None:
    if signal not in KNOWN_SIGNALS:
        known = ", ".join(KNOWN_SIGNALS)
        raise ConfigError(source, key, got=repr(signal), expected=f"one of {known}")
    if times > 1:
        raise ConfigError(source, key, got=f"{signal!r} again", expected="one camera a signal")


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
