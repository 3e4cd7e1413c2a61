"""The RealSense driver: opens one camera by serial, locks it, watches it, dates its frames.

What hangs at the start is tried again a few times, at last after a reset of this camera alone. A
camera that fails while it runs raises; its process ends and is started anew by whoever watches. No
arm moves again because of that: a person resumes.
"""

import logging
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from robotd.core.clock import (
    MS,
    MonoNs,
    SystemClock,
    WallNs,
    ns_to_seconds,
    seconds_to_ns,
    wall_now,
)
from robotd.core.config import CameraConfig
from robotd.core.errors import DeviceError, StaleDataError
from robotd.core.protocols import Clock
from robotd.core.types import Frame
from robotd.hardware import realsense_words as words
from robotd.hardware.camera_device import CameraDevice, Taken
from robotd.hardware.frame_watch import FrameWatch, is_black, is_white
from robotd.hardware.realsense_clock import CaptureClock, Domain, Stamp
from robotd.hardware.realsense_options import Lock, lock, locks_of, told, unlocked
from robotd.hardware.realsense_words import FoundCamera, Mode

logger = logging.getLogger(__name__)

ATTEMPTS_N: Final = 3
"""Starts tried; before the last one the camera is reset."""

FIRST_FRAME_S: Final = 2.5
RESET_S: Final = 6.0
"""A camera that was reset is back on the bus within this."""

SILENT_PERIODS: Final = 1.5
"""After so long without a frame the driver asks whether the camera is still there."""

STOP_S: Final = 1.0
HURRY_S: Final = 0.02
_PAUSE_S: Final = 0.5
_LOOK_S: Final = 0.1
_WHITE_EVERY_N: Final = 32
_BOTH_CLOCKS_NS: Final = MS // 10


class RealsenseCamera:
    """Implements the `Camera` protocol.

    Attributes:
        name: As in messages.
        times: How its stamps became instants.
        watch: What was seen of its pictures.
    """

    def __init__(
        self,
        name: str,
        config: CameraConfig,
        device: CameraDevice,
        *,
        serial: str = "",
        patience_s: float = 2.0,
        clock: Clock | None = None,
        wall: Callable[[], WallNs] = wall_now,
    ) -> None:
        """Touch nothing yet.

        Args:
            name: As in messages, for example `camera top`.
            config: Of this camera.
            device: The library; closed with the camera.
            serial: Which device; default: as configured.
            patience_s: How long to wait for one that is not plugged in, or for light.
            clock: Of the robot computer.
            wall: The clock that the library's global time follows.
        """
        self.name = name
        self._config, self._device = config, device
        self._serial = serial or config.serial
        self._patience_s = patience_s
        self._clock: Clock = SystemClock() if clock is None else clock
        self._wall = wall
        self._mode = Mode(
            width_px=config.width_px,
            height_px=config.height_px,
            format=config.format,
            rate_hz=round(config.rate_hz),
        )
        self._forget()

    def _forget(self) -> None:
        config = self._config
        self.times = CaptureClock(period_s=1.0 / config.rate_hz, latency_s=config.latency_s)
        self.watch = FrameWatch(self.name)
        self._newest_ns = self._clock.now()
        self._white_told = False
        self._domain: Domain = "global"

    def __enter__(self) -> Self:
        """Open it and wait for its first frame.

        Raises:
            ConfigError: It has no such mode or option.
            DeviceError: It is not plugged in, busy, or gives no frames.
        """
        try:
            self._open()
        except BaseException:
            self._device.close(STOP_S)
            raise
        return self

    def _open(self) -> None:
        self._await_device(self._patience_s)
        locks = self._begin()
        options = self._device.options()
        if unlocked(options, locks):  # some reset themselves when the stream starts
            lock(self.name, options, locks)
            if wrong := unlocked(options, locks):
                raise DeviceError(f"{self.name}: {', '.join(wrong)}; the camera does not keep it")
        said = told(self._config, options, locks)
        said += f", stamps of the {self._domain} clock"
        logger.info("%s: %s, %s, %s", self.name, self._found(), self._mode, said)

    def _begin(self) -> tuple[Lock, ...]:
        """Stream, after some tries; return what it was locked to."""
        for attempt in range(1, ATTEMPTS_N):
            locks = self._prepare()
            try:
                self._start()
            except DeviceError as error:
                self._device.stop(STOP_S)
                logger.warning("%s; try %d of %d", error, attempt, ATTEMPTS_N)
                self._sleep(_PAUSE_S)
            else:
                return locks
        self._reset()
        locks = self._prepare()
        self._start()
        return locks

    def _await_device(self, patience_s: float) -> None:
        give_up_ns = self._clock.now() + seconds_to_ns(patience_s)
        while not self._device.choose(self._serial):
            if self._clock.now() >= give_up_ns:
                raise words.not_found(self.name, self._serial, self._device.found())
            self._sleep(_LOOK_S)

    def _reset(self) -> None:
        logger.warning("%s: reset (serial %s alone)", self.name, self._serial)
        self._device.reset()
        self._sleep(_PAUSE_S)  # it is still listed for a moment
        self._await_device(RESET_S)

    def _prepare(self) -> tuple[Lock, ...]:
        """Check the mode and lock the options."""
        found = self._found()
        if found.slow_link:
            logger.warning("%s: on USB %s; use a USB 3 port and cable", self.name, found.usb)
        modes = self._device.modes()
        if self._mode not in modes:
            raise words.no_such_mode(self.name, self._mode, modes, found)
        options = self._device.options()
        locks = locks_of(self._config, options.sensor)
        lock(self.name, options, locks)
        return locks

    def _found(self) -> FoundCamera:
        for found in self._device.found():
            if found.serial == self._serial:
                return found
        raise words.gone(self.name, self._serial)

    def _start(self) -> None:
        """Stream, and wait for a frame that is not black."""
        self._forget()
        self._device.start(self._mode)
        started_ns = self._clock.now()
        while (taken := self._device.take(FIRST_FRAME_S)) is not None:
            self._domain = taken.domain
            if not is_black(taken.rgb):
                return
            if self._clock.now() - started_ns > seconds_to_ns(self._patience_s):
                return  # it is no longer the automatic exposure's start: the watch says so
        raise words.silent(self.name, FIRST_FRAME_S)

    def read(self, timeout_s: float) -> Frame:
        """Block for the next frame that is not the one before.

        Raises:
            StaleDataError: None came within `timeout_s`.
            DeviceError: The camera is gone, frozen or black.
        """
        give_up_ns = self._clock.now() + seconds_to_ns(timeout_s)
        slice_s = SILENT_PERIODS / self._config.rate_hz
        while True:
            left_s = ns_to_seconds(give_up_ns - self._clock.now())
            taken = self._device.take(max(0.0, min(slice_s, left_s)))
            if taken is not None:
                now = self._both_clocks()
                if self.watch.is_new(taken.number, taken.rgb):
                    return self._dated(taken, *now)
                continue
            if not self._device.connected():
                raise words.gone(self.name, self._serial)
            if self._clock.now() >= give_up_ns:
                age_s = ns_to_seconds(self._clock.now() - self._newest_ns)
                raise StaleDataError(self.name, age_s=age_s, limit_s=timeout_s)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it, and say what there was to count.

        After a failure whoever watches is to hear of it at once: the end of the process closes
        what does not stop in time.
        """
        self._device.close(STOP_S if kind is None else HURRY_S)
        refused = {**self.times.refused}
        if self.watch.missed_n or self.watch.repeated_n or refused:
            logger.info(
                "%s: %d frames lost before the driver, %d repeated, stamps not believed %s",
                self.name,
                self.watch.missed_n,
                self.watch.repeated_n,
                refused or "none",
            )

    def _dated(self, taken: Taken, arrival_ns: MonoNs, wall_ns: WallNs) -> Frame:
        stamp = Stamp(
            number=taken.number,
            device_ns=taken.device_ns,
            domain=taken.domain,
            arrival_ns=arrival_ns,
            wall_ns=wall_ns,
        )
        self._newest_ns = arrival_ns
        if not self._white_told and taken.number % _WHITE_EVERY_N == 0 and is_white(taken.rgb):
            self._white_told = True
            logger.warning("%s: white pictures; check the light and exposure_s", self.name)
        return Frame(
            t_ns=self.times.capture_ns(stamp),
            rgb=taken.rgb,
            t_arrival_ns=arrival_ns,
            t_device_ns=taken.device_ns,
            frame_number=taken.number,
            depth=taken.depth,
            depth_unit_m=taken.depth_unit_m,
        )

    def _both_clocks(self) -> tuple[MonoNs, WallNs]:
        """Read both at one instant: not with a pause of the process between them."""
        tries = 3
        while True:
            before_ns, wall_ns, after_ns = self._clock.now(), self._wall(), self._clock.now()
            tries -= 1
            if after_ns - before_ns < _BOTH_CLOCKS_NS or not tries:
                return before_ns, wall_ns

    def _sleep(self, duration_s: float) -> None:
        self._clock.sleep_until(MonoNs(self._clock.now() + seconds_to_ns(duration_s)))
