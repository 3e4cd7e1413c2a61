"""One camera's process: reads frames, publishes them, and with them what trackers see in them."""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from math import ceil
from pathlib import Path
from typing import Final, Self

import numpy as np

from robotd.core.clock import MonoNs, seconds_to_ns
from robotd.core.config import CameraConfig
from robotd.core.errors import DeviceError
from robotd.core.process import StopFlag, announce_ready, die_with_parent
from robotd.core.process_names import camera_process
from robotd.core.protocols import Camera, Tracker
from robotd.core.ring import RingWriter
from robotd.core.run_files import camera_ring, signal_ring
from robotd.core.sample_records import frame_bytes, pack_frame, pack_signal, signal_bytes
from robotd.core.types import Frame, Signal

logger = logging.getLogger(__name__)

READ_TIMEOUT_S: Final = 1.0
"""A camera that gives no frame for so long is restarted."""

KEPT_S: Final = 1.0
"""Frames of so many seconds stay in the ring: a busy computer may hold the recorder up so long."""

_SIGNAL_SLOTS: Final = 256


class CameraPublisher:
    """The rings of one camera: its frames, and a signal for each of its trackers.

    A context manager; leaving it unmaps the rings.

    Attributes:
        frames_n: Frames published.
        dropped_n: Frames that should have come between two that came.
        unseen_n: Samples that a tracker could not take.
    """

    def __init__(
        self, run_dir: Path, name: str, config: CameraConfig, trackers: Sequence[Tracker]
    ) -> None:
        """Make the rings in a run directory.

        Raises:
            OSError: No room or no right to make them.
        """
        self.name = name
        self.frames_n = self.dropped_n = self.unseen_n = 0
        self._shape = (config.height_px, config.width_px, 3)
        self._period_ns = seconds_to_ns(1.0 / config.rate_hz)
        self._newest: tuple[MonoNs, int] | None = None
        self._trackers = tuple(trackers)
        self._open = ExitStack()
        slots = ceil(KEPT_S * config.rate_hz) + 2
        slot_bytes = frame_bytes(config.height_px, config.width_px)
        with ExitStack() as undo:
            undo.push(self._open)
            self._frames = self._ring(run_dir / camera_ring(name), slot_bytes, slots)
            self._signals = [
                self._ring(run_dir / signal_ring(t.key), signal_bytes(1, t.width), _SIGNAL_SLOTS)
                for t in self._trackers
            ]
            undo.pop_all()

    def _ring(self, path: Path, slot_bytes: int, slots: int) -> RingWriter:
        return self._open.enter_context(RingWriter.create(path, slot_bytes, slots))

    def publish(self, frame: Frame) -> None:
        """Write one frame and what the trackers see in it, both under its capture time.

        Raises:
            DeviceError: Another size than configured, or a capture time that does not grow.
        """
        if frame.rgb.shape != self._shape:
            height, width = self._shape[:2]
            got = "x".join(str(size) for size in frame.rgb.shape[1::-1])
            raise DeviceError(
                f"camera {self.name}: got a frame of {got} px, expected {width}x{height}; "
                f"check cameras.{self.name}.width_px and height_px"
            )
        self._count_drops(frame)
        self._frames.write(*pack_frame(frame))
        self._frames.beat(frame.t_arrival_ns)
        self.frames_n += 1
        for tracker, ring in zip(self._trackers, self._signals, strict=True):
            sample = tracker.measure(frame)
            if sample is None:
                self.unseen_n += 1
                continue
            t_ns = np.array([frame.t_ns], dtype=np.int64)
            ring.write(pack_signal(Signal(t_ns=t_ns, value=sample[None])))

    def _count_drops(self, frame: Frame) -> None:
        before = self._newest
        self._newest = frame.t_ns, frame.frame_number
        if before is None:
            return
        t_ns, number = before
        if frame.t_ns <= t_ns:
            raise DeviceError(
                f"camera {self.name}: got a frame {(t_ns - frame.t_ns) * 1e-6:.1f} ms older than "
                f"the one before it, expected capture times that grow; restart the camera"
            )
        # By number, and by time: without metadata a library counts only what it got.
        skipped = frame.frame_number - number - 1 if number >= 0 else 0
        missing = max(0, skipped, round((frame.t_ns - t_ns) / self._period_ns) - 1)
        if missing:
            self.dropped_n += missing
            logger.warning("camera %s: %d frames dropped", self.name, missing)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()


def publish_frames(camera: Camera, publisher: CameraPublisher, stopped: Callable[[], bool]) -> None:
    """Publish the frames of an open camera until `stopped`.

    Raises:
        DeviceError: The camera is gone, silent for `READ_TIMEOUT_S`, or talks nonsense.
    """
    while not stopped():
        publisher.publish(camera.read(READ_TIMEOUT_S))


def main(
    run_dir: Path,
    name: str,
    config: CameraConfig,
    camera: Camera,
    trackers: Sequence[Tracker] = (),
) -> None:
    """Be the process of camera `name` until SIGTERM, SIGINT or the parent's end.

    It says that it is ready once its first frame is published.

    Raises:
        DeviceError: The camera cannot be opened, or fails; whoever watches starts it again.
    """
    with StopFlag() as stop:
        die_with_parent()
        with camera, CameraPublisher(run_dir, name, config, trackers) as publisher:
            publish_frames(camera, publisher, lambda: stop.requested or publisher.frames_n > 0)
            announce_ready(run_dir, camera_process(name))
            publish_frames(camera, publisher, lambda: stop.requested)
        if publisher.dropped_n or publisher.unseen_n:
            logger.info(
                "camera %s: %d frames, %d dropped, %d samples not seen",
                name,
                publisher.frames_n,
                publisher.dropped_n,
                publisher.unseen_n,
            )
