"""An emulated camera on the library's own pipeline, with its driver over it, fed by the test."""

import queue
from contextlib import contextmanager

import msgspec
import numpy as np

from robotd.core.clock import MS, MonoNs, SystemClock
from robotd.core.config import CameraConfig
from robotd.core.errors import StaleDataError
from robotd.core.types import Frame
from robotd.hardware.realsense import RealsenseDevice
from robotd.hardware.realsense_camera import RealsenseCamera
from robotd.sim.realsense_device import EmulatedRealsense
from robotd.sim.realsense_faults import HEALTHY

CONFIG = CameraConfig(
    kind="realsense", serial="0042", width_px=64, height_px=48, rate_hz=30.0, latency_s=0.02
)
SCENE = np.random.default_rng(5).integers(60, 200, (48, 64, 3)).astype(np.uint8)


class HastyClock(SystemClock):
    """Says what time it is and hardly sleeps."""

    def sleep_until(self, t_ns):
        """Sleep 2 ms at most."""
        super().sleep_until(MonoNs(min(t_ns, self.now() + 2 * MS)))


class Feed:
    """The camera protocol over what a test shows."""

    def __init__(self):
        self.frames = queue.Queue()

    def show(self, rgb=SCENE, age_ns=20 * MS):
        """Show a picture that was taken that long ago; return when."""
        t_ns = MonoNs(SystemClock().now() - age_ns)
        self.frames.put(Frame(t_ns=t_ns, t_arrival_ns=t_ns, rgb=rgb.copy()))
        return t_ns

    def read(self, timeout_s):
        """Return the next one shown."""
        try:
            return self.frames.get(timeout=max(timeout_s, 0.001))
        except queue.Empty as error:
            raise StaleDataError("feed", age_s=9.0, limit_s=timeout_s) from error

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


class Stage:
    """Feed, emulated camera and driver; the faults are those of `faults`."""

    def __init__(self, *, faults=HEALTHY, serial="0042", driver=None, **changes):
        self.config = msgspec.structs.replace(CONFIG, **changes)
        self.faults = faults
        self.feed = Feed()
        self.emulated = EmulatedRealsense(
            serial, self.config, self.feed, faults=lambda: self.faults
        )
        wanted = msgspec.structs.replace(self.config, **(driver or {}))
        self.camera = RealsenseCamera(
            "camera top",
            wanted,
            RealsenseDevice("camera top", wanted, self.emulated),
            patience_s=0.01,
            clock=HastyClock(),
        )

    @contextmanager
    def opened(self):
        """Open the driver: its first frame is shown."""
        self.feed.show()
        with self.camera as camera:
            yield camera

    def next(self, rgb=SCENE, **shown):
        """Show a picture and return the frame that comes of it, and when it was taken."""
        t_ns = self.feed.show(rgb, **shown)
        return self.camera.read(1.0), t_ns
