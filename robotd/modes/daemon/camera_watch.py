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
"""So many periods after it was due a picture is missing: at 30 a second the arm brakes before the
next one is due."""


class CameraWatch:
    """Looks at the rings' signs of life; used by one thread."""

    def __init__(self, cell: CellConfig, run_dir: Path) -> None:
        """Take the cameras; their processes may not have begun."""
        missed = cell.observe.missed_frames_stop + MARGIN_FRAMES
        self._cameras = {
            name: (RingReader(run_dir / camera_ring(name)), seconds_to_ns(missed / camera.rate_hz))
            for name, camera in cell.cameras.items()
        }
        self._newest_ns: dict[str, int] = {}

    def look(self, now: MonoNs) -> str:
        """Return which camera is silent, or repeats itself, one sentence; empty where none is."""
        for name, (ring, limit_ns) in self._cameras.items():
            newest_ns = self._newest_ns[name] = _newest_ns(ring) or self._newest_ns.get(name, 0)
            if not newest_ns:
                return f"{camera_process(name)}: has brought no picture yet; see its log"
            if now - newest_ns > limit_ns:
                return (
                    f"{camera_process(name)}: no new picture for {(now - newest_ns) // MS} ms, "
                    f"expected one within {limit_ns // MS}; see its log and its cable"
                )
        return ""

    def close(self) -> None:
        """Unmap the rings."""
        for ring, _ in self._cameras.values():
            ring.close()


def _newest_ns(ring: RingReader) -> int:
    """Return when the newest picture came; 0 where that cannot be told now."""
    try:
        ring.newest_index()  # follows a camera that was started again
        return ring.alive_ns() or 0
    except CorruptRecordError:  # being made anew
        return 0
