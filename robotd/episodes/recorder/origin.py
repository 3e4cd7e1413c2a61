"""What is known of an episode when it begins: identity, configuration, versions."""

import hashlib
import platform
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

import msgspec

from robotd.core.clock import MonoNs, WallNs
from robotd.core.config import CellConfig
from robotd.core.journal import BeginEpisode
from robotd.core.run_files import CELL_FILE
from robotd.episodes.episode_file import CameraInfo, Origin

CALIBRATION: Final = "calibration"
_LIBRARIES: Final = ("robotd", "av", "mcap", "numpy", "opencv-python-headless", "protobuf")


def attachments_of(run_dir: Path) -> dict[str, bytes]:
    """Return the cell as its daemon checked it, and its calibration, by name.

    Raises:
        OSError: They cannot be read.
    """
    found = {CELL_FILE: (run_dir / CELL_FILE).read_bytes()}
    for path in sorted((run_dir / CALIBRATION).glob("*.json")):
        found[f"{CALIBRATION}/{path.name}"] = path.read_bytes()
    return found


def origin_of(
    begin: BeginEpisode, cell: CellConfig, config: bytes, *, now: MonoNs, wall: WallNs
) -> Origin:
    """Return the origin of an episode.

    Args:
        begin: The order.
        cell: Where it is recorded.
        config: The cell's configuration, as attached.
        now: The present instant.
        wall: The same instant on the wall clock.
    """
    return Origin(
        id=begin.episode,
        kind=begin.kind,
        cell=cell.name,
        t_begin_ns=begin.t_ns,
        wall_offset_ns=wall - now,
        config_sha256=hashlib.sha256(config).hexdigest(),
        envelope_sha256=hashlib.sha256(msgspec.json.encode(cell.envelope)).hexdigest(),
        checkpoint_sha256=begin.about.get("checkpoint_sha256", ""),
        about=begin.about,
        versions=versions(),
        cameras={
            name: CameraInfo(
                codec=cell.record.codec,
                width_px=camera.width_px,
                height_px=camera.height_px,
                fps=camera.rate_hz,
            )
            for name, camera in cell.cameras.items()
        },
    )


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python, of this program and of what makes the bytes."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # run from a source tree
            found[name] = "unknown"
    return found
