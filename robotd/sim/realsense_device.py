"""An emulated RealSense camera: the library's own software device, fed with the rendered world.

Its frames go through the true pipeline and matcher of librealsense into the true driver. Emulated
is the camera before them: sensors and options, noise, stamps, delays and faults. It lives in a
thread of the camera's process, and implements the driver's `DeviceSource`.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Final

import cv2
import numpy as np
import pyrealsense2 as rs
from numpy.typing import NDArray

from robotd.core.clock import MS, MonoNs, S, SystemClock, WallNs, seconds_to_ns, wall_now
from robotd.core.config import CameraConfig
from robotd.core.errors import RobotdError, StaleDataError
from robotd.core.protocols import Camera, Clock
from robotd.core.types import Frame
from robotd.sim.realsense_faults import HEALTHY, CameraFaults
from robotd.sim.realsense_sensor import BYTES_PER_PIXEL, BuiltDevice, SensorNoise, build_device

logger = logging.getLogger(__name__)

WRAP_NS: Final = 2**32 * 1000
"""The device's own clock counts microseconds in 32 bits."""

_BEFORE_WRAP_NS: Final = 5 * S
_LONGEST_WAIT_S: Final = 0.02
_NOT_STREAMING_S: Final = 0.002
_JOIN_S: Final = 2.0
_ABSENT_NS: Final = 200 * MS
"""A device that is reset is off the bus for so long."""

_TABLE_MM: Final = 600
_DOMAINS: Final = {
    "global": rs.timestamp_domain.global_time,
    "system": rs.timestamp_domain.system_time,
    "hardware": rs.timestamp_domain.hardware_clock,
}
_FROM_RGB: Final = {"bgr8": cv2.COLOR_RGB2BGR, "yuyv": cv2.COLOR_RGB2YUV_YUY2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposed:
    """A picture on its way from the sensor to the library.

    Attributes:
        due_ns: When it is there.
        number: The device's count.
        t_ns: When it was taken.
        pixels: In the configured format.
    """

    due_ns: MonoNs
    number: int
    t_ns: MonoNs
    pixels: NDArray[np.uint8]


class Tap:
    """Whether frames may be handed to the library; whoever hands some over holds the lock.

    The library crashes where a software device is given a frame while its stream stops (2.59.1).
    """

    def __init__(self) -> None:
        self.lock = Lock()
        self.open = False


class TappedPipeline(rs.pipeline):
    """The library's pipeline on one device, its tap open only while it streams."""

    def __init__(self, device: rs.device, tap: Tap) -> None:
        super().__init__()
        self.set_device(device)
        self._tap = tap

    def start(self, config: rs.config, queue: rs.frame_queue) -> rs.pipeline_profile:
        """Stream into the queue."""
        with self._tap.lock:
            profile = super().start(config, queue)
            self._tap.open = True
        return profile

    def stop(self) -> None:
        """Stop streaming."""
        with self._tap.lock:
            self._tap.open = False
            super().stop()


class EmulatedRealsense:
    """Implements `DeviceSource` with one device.

    Attributes:
        given_n: Frames handed to the library.
        resets_n: How often it was reset.
    """

    def __init__(
        self,
        serial: str,
        config: CameraConfig,
        feed: Camera,
        *,
        faults: Callable[[], CameraFaults] = lambda: HEALTHY,
        clock: Clock | None = None,
        wall: Callable[[], WallNs] = wall_now,
        seed: int = 0,
    ) -> None:
        """Build it; it sees nothing before it streams.

        Args:
            serial: Its number.
            config: What it streams, and how late.
            feed: Pictures of the world, each as late as a camera's are.
            faults: What is wrong with it now.
            clock: Of the robot computer.
            wall: The clock of its global stamps.
            seed: Of its noise.
        """
        self.given_n = self.resets_n = 0
        self._config, self._feed, self._faults = config, feed, faults
        self._clock: Clock = SystemClock() if clock is None else clock
        self._wall = wall
        self._tap = Tap()
        self._built: BuiltDevice = build_device(faults().serial or serial, config)
        self._noise = SensorNoise(config.height_px, config.width_px, seed)
        self._number = 0
        self._frozen: tuple[int, NDArray[np.uint8]] | None = None
        self._waiting: deque[Exposed] = deque()
        self._boot_ns = self._clock.now() - WRAP_NS + _BEFORE_WRAP_NS
        self._absent_until_ns = MonoNs(0)
        self._stopped = Event()
        self._thread: Thread | None = None

    def devices(self) -> Sequence[rs.device]:
        """Return the device, where it is plugged in."""
        there = not self._faults().unplugged and self._clock.now() >= self._absent_until_ns
        return [self._built.device] if there else []

    def pipeline(self, device: rs.device, config: rs.config) -> "TappedPipeline":
        """Return a pipeline, not started, on the device, which begins to see.

        Raises:
            RuntimeError: It is busy; in the library's own words.
            DeviceError: The world is not there.
        """
        if self._faults().busy:
            raise RuntimeError("xioctl(VIDIOC_S_FMT) failed, errno=16: Device or resource busy")
        if self._thread is None:
            self._feed.__enter__()
            self._thread = Thread(target=self._see, name="emulated-camera", daemon=True)
            self._thread.start()
        config.enable_device(device.get_info(rs.camera_info.serial_number))
        return TappedPipeline(device, self._tap)

    def connected(self, device: rs.device) -> bool:
        """Whether it is plugged in."""
        return device is self._built.device and not self._faults().unplugged

    def reset(self, device: rs.device) -> None:
        """Vanish for a moment; what hung no longer does."""
        del device
        self.resets_n += 1
        self._absent_until_ns = MonoNs(self._clock.now() + _ABSENT_NS)

    def close(self) -> None:
        """Stop seeing."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopped.set()
            thread.join(_JOIN_S)
            self._feed.__exit__(None, None, None)

    def _see(self) -> None:
        """Take what the feed shows and hand it on, until closed."""
        while not self._stopped.is_set():
            if not self._tap.open:
                self._waiting.clear()
                self._stopped.wait(_NOT_STREAMING_S)
                continue
            self._hand_over()
            wait_s = _LONGEST_WAIT_S
            if self._waiting:
                wait_s = min(wait_s, max(0, self._waiting[0].due_ns - self._clock.now()) / S)
            try:
                frame = self._feed.read(wait_s)
            except StaleDataError:  # the world stands still
                continue
            except RobotdError as error:
                logger.error("emulated camera: sees nothing any more: %s", error)
                return
            self._expose(frame, self._faults())

    def _expose(self, frame: Frame, faults: CameraFaults) -> None:
        """Make a picture of what the feed shows, with what is wrong with the camera."""
        self._number += 1
        number, pixels = self._number, self._pixels(frame.rgb, faults)
        if faults.frozen == "no":
            self._frozen = None
        elif self._frozen is None:
            self._frozen = number, pixels
        else:
            number = self._frozen[0] if faults.frozen == "number" else number
            pixels = self._frozen[1]
        dumb = faults.unplugged or faults.silent
        dumb = dumb or (faults.hangs_until_reset and not self.resets_n)
        if dumb or (faults.drop_every_n and number % faults.drop_every_n == 0):
            return
        due_ns = MonoNs(self._clock.now() + seconds_to_ns(faults.delay_s))
        self._waiting.append(Exposed(due_ns=due_ns, number=number, t_ns=frame.t_ns, pixels=pixels))
        self._hand_over()

    def _pixels(self, rgb: NDArray[np.uint8], faults: CameraFaults) -> NDArray[np.uint8]:
        if faults.black:
            rgb = np.zeros_like(rgb)
        elif faults.brightness != 1.0:
            rgb = np.asarray(cv2.convertScaleAbs(rgb, alpha=faults.brightness), np.uint8)
        noisy = self._noise.on(rgb)
        code = _FROM_RGB.get(self._config.format)
        return noisy if code is None else np.asarray(cv2.cvtColor(noisy, code), np.uint8)

    def _hand_over(self) -> None:
        """Give the library what is there by now."""
        with self._tap.lock:
            while self._tap.open and self._waiting and self._is_due(self._waiting[0]):
                self._give(self._waiting.popleft())

    def _is_due(self, exposed: Exposed) -> bool:
        return exposed.due_ns <= self._clock.now()

    def _give(self, exposed: Exposed) -> None:
        if self._config.depth != "off":
            self._give_depth(exposed)
        frame = self._stamped(exposed)
        frame.pixels = exposed.pixels
        frame.bpp = BYTES_PER_PIXEL[self._config.format]
        frame.stride = frame.bpp * self._config.width_px
        frame.profile = self._built.colour_profile
        self._built.colour.on_video_frame(frame)
        self.given_n += 1

    def _give_depth(self, exposed: Exposed) -> None:
        """Give the distance of a flat table."""
        shape = self._config.depth_height_px, self._config.depth_width_px
        frame = self._stamped(exposed)
        frame.pixels = np.full(shape, _TABLE_MM, np.uint16)
        frame.bpp, frame.stride = 2, 2 * shape[1]
        frame.profile = self._built.depth_profile
        self._built.depth.on_video_frame(frame)

    def _stamped(self, exposed: Exposed) -> rs.software_video_frame:
        """Return a frame with number and stamp, but without a picture."""
        faults = self._faults()
        now_ns = self._clock.now()
        if faults.domain == "hardware":
            stamp_ns = (exposed.t_ns - self._boot_ns) % WRAP_NS
        else:
            age_ns = now_ns - exposed.t_ns if faults.domain == "global" else 0
            stamp_ns = self._wall() - age_ns
        stamp_ns += seconds_to_ns(faults.stamp_error_s)
        frame = rs.software_video_frame()
        frame.timestamp = stamp_ns / MS
        frame.domain = _DOMAINS[faults.domain]
        frame.frame_number = exposed.number
        return frame
