"""The recorder that people write: video and table of an episode, both closed when it ends.

`python -m tests.faults.reference RUN_DIR FOLDER CAMERA...` records the rings of a running cell
until SIGTERM: each camera into an mp4 by PyAV, the arm's cycles into a Parquet file by pyarrow,
which even gets a row group twice a second. It is killed beside ours, and looked at in the same way.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from robotd.core.arm_records import unpack_tick
from robotd.core.clock import SystemClock
from robotd.core.process import StopFlag
from robotd.core.ring import RingReader
from robotd.core.run_files import ARM_RING, camera_ring
from robotd.core.sample_records import unpack_frame
from tests.end_to_end.cell_site import CHECKOUT, wait_for

TABLE: Final = "ticks.parquet"
READY: Final = "ready"
GROUP_NS: Final = 500_000_000
SCHEMA: Final = pa.schema(
    [("t_ns", pa.int64()), ("q_rad", pa.list_(pa.float64())), ("q_cmd_rad", pa.list_(pa.float64()))]
)
RATE_HZ: Final = 30


class PlainVideo:
    """One camera's mp4."""

    def __init__(self, run_dir: Path, folder: Path, camera: str) -> None:
        self._ring = RingReader(run_dir / camera_ring(camera))
        self._index = self._ring.newest_index()
        self._file = av.open(str(folder / f"{camera}.mp4"), "w")
        self._stream = self._file.add_stream("libx264", rate=RATE_HZ)
        self._stream.pix_fmt = "yuv420p"
        self._stream.thread_count = 1
        self.frames_n = 0

    def add_new(self) -> None:
        backlog = self._ring.since(self._index)
        self._index = backlog.upto
        for record in backlog.records:
            rgb = unpack_frame(record.payload).rgb
            if not self.frames_n:
                self._stream.height, self._stream.width = rgb.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            self._file.mux(self._stream.encode(frame))
            self.frames_n += 1

    def close(self) -> None:
        self._file.mux(self._stream.encode(None))
        self._file.close()
        self._ring.close()


class PlainTable:
    """The arm's cycles as a Parquet file."""

    def __init__(self, run_dir: Path, folder: Path) -> None:
        self._ring = RingReader(run_dir / ARM_RING)
        self._index = self._ring.newest_index()
        self._file = pq.ParquetWriter(folder / TABLE, SCHEMA)
        self._rows: list[dict[str, object]] = []

    def add_new(self) -> None:
        backlog = self._ring.since(self._index)
        self._index = backlog.upto
        for record in backlog.records:
            tick = unpack_tick(record.payload)
            self._rows.append(
                {
                    "t_ns": tick.t_ns,
                    "q_rad": tick.state.q_rad.tolist(),
                    "q_cmd_rad": tick.q_cmd_rad.tolist(),
                }
            )

    def group(self) -> None:
        if self._rows:
            self._file.write_table(pa.Table.from_pylist(self._rows, SCHEMA))
            self._rows.clear()

    def close(self) -> None:
        self.group()
        self._file.close()
        self._ring.close()


def record(run_dir: Path, folder: Path, cameras: list[str]) -> None:
    """Record until SIGTERM."""
    clock = SystemClock()
    with StopFlag() as stop:
        table = PlainTable(run_dir, folder)
        videos = [PlainVideo(run_dir, folder, camera) for camera in cameras]
        group_at = clock.now() + GROUP_NS
        while not stop.wait(0.02):
            table.add_new()
            for video in videos:
                video.add_new()
            if clock.now() > group_at:
                table.group()
                group_at += GROUP_NS
            if all(video.frames_n for video in videos):
                (folder / READY).touch()
        for part in (table, *videos):
            part.close()


class Readable(NamedTuple):
    """What can be read of it afterwards."""

    ticks_n: int
    newest_ns: int
    """Time of its newest tick; 0 where there is none."""
    pictures_n: int


class Reference:
    """That recorder as a process beside a cell."""

    def __init__(self, run_dir: Path, folder: Path, cameras: tuple[str, ...]) -> None:
        """Start it; it takes a moment to begin."""
        folder.mkdir(parents=True)
        self.folder, self._cameras = folder, cameras
        words = ["-m", "tests.faults.reference", str(run_dir), str(folder), *cameras]
        self._process = subprocess.Popen([sys.executable, *words], cwd=CHECKOUT)

    def wait_ready(self) -> None:
        """Wait until it has recorded something of everything."""
        wait_for("the reference recorder", (self.folder / READY).exists)

    def kill(self) -> None:
        """Kill it at once."""
        self._process.kill()

    def end(self) -> None:
        """Ask it to end as it would wish to, and wait."""
        self._process.terminate()
        assert self._process.wait(10.0) == 0

    def held(self) -> Readable:
        """Return what can be read of it once it has ended."""
        self._process.wait()
        newest_ns, rows_n = _rows(self.folder / TABLE)
        pictures_n = sum(_pictures(self.folder / f"{name}.mp4") for name in self._cameras)
        return Readable(ticks_n=rows_n, newest_ns=newest_ns, pictures_n=pictures_n)

    def __enter__(self) -> "Reference":
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()


def _rows(path: Path) -> tuple[int, int]:
    """Return the newest time in a table, and how many rows it has."""
    try:
        t_ns = pq.read_table(path, columns=["t_ns"]).column("t_ns").to_pylist()
    except (OSError, pa.ArrowInvalid):
        return 0, 0
    return max(t_ns, default=0), len(t_ns)


def _pictures(path: Path) -> int:
    try:
        with av.open(str(path)) as file:
            return sum(1 for _ in file.decode(video=0))
    except (OSError, av.FFmpegError):
        return 0


if __name__ == "__main__":
    record(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
