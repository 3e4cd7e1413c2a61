"""A camera as its driver sees it, in memory: what it has, what it says, how it fails."""

from collections import deque

import numpy as np

from robotd.core.clock import MS, FakeClock, MonoNs, S, WallNs
from robotd.core.config import CameraConfig
from robotd.core.errors import DeviceError
from robotd.hardware.camera_device import Taken
from robotd.hardware.realsense_options import OptionRange
from robotd.hardware.realsense_words import FoundCamera, Mode

PERIOD_NS = S // 30
WALL_NS = 1_763_650_000 * S
CONFIG = CameraConfig(kind="realsense", serial="123", width_px=32, height_px=24, latency_s=0.03)
D435 = {
    "exposure": OptionRange(low=1.0, high=10000.0, step=1.0),
    "gain": OptionRange(low=0.0, high=128.0, step=1.0),
    "white_balance": OptionRange(low=2800.0, high=6500.0, step=10.0),
    "enable_auto_exposure": OptionRange(low=0.0, high=1.0, step=1.0),
    "enable_auto_white_balance": OptionRange(low=0.0, high=1.0, step=1.0),
    "auto_exposure_priority": OptionRange(low=0.0, high=1.0, step=1.0),
    "global_time_enabled": OptionRange(low=0.0, high=1.0, step=1.0),
    "frames_queue_size": OptionRange(low=0.0, high=32.0, step=1.0),
}


class FakeOptions:
    """Implements `SensorOptions` in memory; `stuck` options keep the value that they have."""

    def __init__(self, ranges=None, sensor="RGB Camera", stuck=()):
        self.sensor = sensor
        self.ranges = dict(D435 if ranges is None else ranges)
        self.values = dict.fromkeys(self.ranges, 1.0)
        self.stuck = set(stuck)
        self.order = []

    def supports(self, option):
        return option in self.ranges

    def limits(self, option):
        return self.ranges[option]

    def get(self, option):
        return self.values[option]

    def set(self, option, value):
        limits = self.ranges[option]
        assert limits.low <= value <= limits.high
        self.order.append(option)
        if option not in self.stuck:
            self.values[option] = value


class FakeDevice:
    """Implements `CameraDevice`: a frame each 33 ms of a fake clock, 30 ms late.

    Attributes:
        starts: What each next start does: None, or an error to raise.
        frames: What each next frame is: None is a period of silence, a dict changes the frame.
    """

    def __init__(self, clock):
        self.clock = clock
        self.serials = ["123"]
        self.camera_options = FakeOptions()
        self.starts = deque()
        self.frames = deque()
        self.resets_n = self.starts_n = self.number = 0
        self.streaming = self.closed = self.there = False
        self.back_ns = 0
        self.random = np.random.default_rng(3)
        self.reset_cures = False

    def found(self):
        return tuple(
            FoundCamera(serial=serial, model="D435", usb="3.2", firmware="5.16.0.1")
            for serial in self.serials
        )

    def choose(self, serial):
        self.there = serial in self.serials and self.clock.now() >= self.back_ns
        return self.there

    def modes(self):
        return tuple(
            Mode(width_px=32, height_px=24, format="rgb8", rate_hz=rate) for rate in (15, 30)
        )

    def options(self):
        return self.camera_options

    def start(self, mode):
        self.starts_n += 1
        if self.starts and (error := self.starts.popleft()) is not None:
            raise error
        self.streaming = True

    def take(self, timeout_s):
        change = self.frames.popleft() if self.frames else {}
        if change is None:
            self.clock.advance(round(timeout_s * S))
            return None
        self.clock.advance(PERIOD_NS)
        self.number += 1
        rgb = self.random.integers(90, 160, (24, 32, 3)).astype(np.uint8)
        stamp = {
            "number": self.number,
            "device_ns": WALL_NS + self.clock.now() - 30 * MS,
            "domain": "global",
            "rgb": rgb,
        }
        return Taken(**(stamp | change))

    def connected(self):
        return "123" in self.serials

    def reset(self):
        self.resets_n += 1
        self.back_ns = self.clock.now() + S
        if self.reset_cures:
            self.starts.clear()
            self.frames.clear()

    def stop(self, patience_s):
        self.streaming = False

    def close(self, patience_s):
        self.patience_s = patience_s
        self.stop(patience_s)
        self.closed = True


def fake_site():
    """Return a clock, the wall clock over it, and a device."""
    clock = FakeClock(MonoNs(50 * S))
    return clock, lambda: WallNs(clock.now() + WALL_NS), FakeDevice(clock)


def broken(words="the library refused"):
    return DeviceError(f"camera top: {words}")
