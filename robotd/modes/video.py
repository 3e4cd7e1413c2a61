"""An mp4 of what a camera saw during a run, written beside the control path."""

import contextlib
import logging
import threading
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from robotd.core.clock import MS, MonoNs, SystemClock
from robotd.core.errors import CorruptRecordError
from robotd.core.records import unpack_frame
from robotd.core.ring import RingReader
from robotd.core.types import Frame

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

POLL_NS = 10 * MS
log = logging.getLogger(__name__)


class RingVideo:
    """Copies the frames of a camera's ring into an mp4 until it is stopped. One thread.

    Frames keep their capture times; what the ring overwrote before it was read is simply not there.
    """

    def __init__(self, ring: Path, path: Path) -> None:
        self._reader, self._path = RingReader(ring), path
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.frames_n = 0
        self.failure = ""

    def start(self) -> None:
        """Begin to copy what comes from now on.

        Raises:
            CorruptRecordError: The ring is not one of this version.
        """
        newest = self._reader.newest()
        self._thread = threading.Thread(
            target=self._copy, args=(newest.index if newest else -1,), name="video", daemon=True
        )
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Complete the file."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _copy(self, index: int) -> None:
        clock = SystemClock()
        try:
            with contextlib.closing(Mp4(self._path)) as writer, self._reader as ring:
                ending = False
                while not ending:
                    ending = self._stop.is_set()  # before the look: what came until then is in it
                    for record in ring.since(index).records:
                        index = record.index
                        writer.add(unpack_frame(record.payload))
                        self.frames_n += 1
                    clock.sleep_until(MonoNs(clock.now() + POLL_NS))
        except (OSError, CorruptRecordError, ImportError) as error:
            self.failure = f"{self._path}: no video ({error})"
            log.warning("%s", self.failure)


class Mp4:
    """An H.264 file whose frames keep their capture times; opened by the first frame."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._t0_ns = 0
        self._last_ms = -1

    def add(self, frame: Frame) -> None:
        """Append a frame; one that is not newer than the last is left out.

        Raises:
            ImportError: PyAV is not installed.
            OSError: The disk is full or the folder is gone.
        """
        import av

        if self._stream is None or self._container is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._container = av.open(str(self._path), "w")
            self._stream = self._container.add_stream("libx264", rate=30)
            self._stream.height, self._stream.width = frame.rgb.shape[0], frame.rgb.shape[1]
            self._stream.pix_fmt = "yuv420p"
            self._stream.codec_context.thread_count = 1
            self._stream.codec_context.time_base = Fraction(1, 1000)
            self._stream.options = {"preset": "superfast", "crf": "23"}
            self._t0_ns = frame.t_ns
        t_ms = (frame.t_ns - self._t0_ns) // MS
        if t_ms <= self._last_ms:
            return
        self._last_ms = t_ms
        picture = av.VideoFrame.from_ndarray(frame.rgb, format="rgb24")
        picture.pts, picture.time_base = t_ms, Fraction(1, 1000)
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        """Complete the file; without frames there is none.

        Raises:
            OSError: The disk is full or the folder is gone.
        """
        container, stream = self._container, self._stream
        self._container = self._stream = None
        if container is None or stream is None:
            return
        with contextlib.closing(container):
            container.mux(stream.encode(None))
