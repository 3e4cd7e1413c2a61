"""Whether every camera of the cell brings new pictures, seen without copying one."""

from pathlib import Path
from typing import Final

from robotd.core.clock import MS, MonoNs, seconds_to_ns
from robotd.core.config import CellConfig
from robotd.core.errors import CorruptRecordError
from robotd.core.process_names import camera_process
from robotd.core.ring import RingReader
from robotd.core.run_files import camera_ring

MARGIN_FRAMES: Final = 0.4
"""So many periods after it was due a picture is missing; with the daemon's cycle and the arm's that
is before the next one is due."""


class CameraWatch:
    """Looks at the rings' signs of life; used by one thread."""

    def __init__(self, cell: CellConfig, run_dir: Path) -> None:
        """Take the cameras; their processes may not have begun."""
        missed = cell.observe.max_missed_frames + MARGIN_FRAMES
        self._cameras = {
            name: (RingReader(run_dir / camera_ring(name)), seconds_to_ns(missed / camera.rate_hz))
            for name, camera in cell.cameras.items()
        }

    def look(self, now: MonoNs) -> str:
        """Return which camera is silent, or repeats itself, one sentence; empty where none is."""
        for name, (ring, limit_ns) in self._cameras.items():
            silent_ns = now - _newest_ns(ring)
            if silent_ns > limit_ns:
                return (
                    f"camera {name}: no new picture for {silent_ns // MS} ms, expected one within "
                    f"{limit_ns // MS}; see {camera_process(name)}.log and its cable"
                )
        return ""

    def close(self) -> None:
        """Unmap the rings."""
        for ring, _ in self._cameras.values():
            ring.close()


def _newest_ns(ring: RingReader) -> int:
    """Return when the newest picture came; 0 before the first."""
    try:
        ring.newest_index()  # follows a camera that was started again
        return ring.alive_ns() or 0
    except CorruptRecordError:  # being made anew
        return 0
