"""librealsense behind the seam that the driver uses: the only file of it that imports the library.

Where the devices come from is a seam too: the USB bus, a recording, or the mock's emulator, whose
devices stream through the library's own pipeline all the same.
"""

from collections.abc import Sequence
from contextlib import suppress
from threading import Thread
from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from robotd.core.config import CameraConfig
from robotd.core.errors import DeviceError
from robotd.hardware import realsense_words as words
from robotd.hardware.camera_device import Taken
from robotd.hardware.realsense_clock import Domain, device_ns
from robotd.hardware.realsense_options import QUEUE_FRAMES, OptionRange
from robotd.hardware.realsense_words import FoundCamera, Mode, refusals

try:
    import pyrealsense2 as rs
except ImportError as error:
    raise words.not_importable(error) from error

_DOMAINS: Final[dict[rs.timestamp_domain, Domain]] = {
    rs.timestamp_domain.global_time: "global",
    rs.timestamp_domain.system_time: "system",
    rs.timestamp_domain.hardware_clock: "hardware",
}
_FORMATS: Final = {"rgb8": rs.format.rgb8, "bgr8": rs.format.bgr8, "yuyv": rs.format.yuyv}
_TO_RGB: Final = {"bgr8": cv2.COLOR_BGR2RGB, "yuyv": cv2.COLOR_YUV2RGB_YUY2}


class DeviceSource(Protocol):
    """Where devices come from; used by one camera."""

    def devices(self) -> Sequence[rs.device]:
        """Return those that are there now."""
        ...

    def pipeline(self, device: rs.device, config: rs.config) -> rs.pipeline:
        """Return a pipeline, not started, that will stream from this device alone."""
        ...

    def connected(self, device: rs.device) -> bool:
        """Whether it is still there. Returns within 1 ms."""
        ...

    def reset(self, device: rs.device) -> None:
        """Reset this device alone, as if it were plugged in anew; returns at once."""
        ...

    def close(self) -> None:
        """Let go of everything; never raises."""
        ...


class ContextSource:
    """Devices of a librealsense context: those on the USB bus, and recordings loaded into it."""

    def __init__(self, context: rs.context | None = None) -> None:
        self._context = rs.context() if context is None else context

    def devices(self) -> Sequence[rs.device]:
        """Return those that are there now."""
        found = self._context.query_devices()
        return [found[index] for index in range(len(found))]

    def pipeline(self, device: rs.device, config: rs.config) -> rs.pipeline:
        """Return a pipeline, not started, that will stream from this device alone."""
        config.enable_device(device.get_info(rs.camera_info.serial_number))
        return rs.pipeline(self._context)

    def connected(self, device: rs.device) -> bool:
        """Whether it is still there."""
        return device.is_connected()

    def reset(self, device: rs.device) -> None:
        """Reset this device alone."""
        device.hardware_reset()

    def close(self) -> None:
        """Nothing to let go of."""


def find_cameras(source: DeviceSource | None = None) -> tuple[FoundCamera, ...]:
    """Return the cameras that are plugged in, in the order of their serials.

    Raises:
        DeviceError: The library cannot look.
    """
    with refusals("cameras: the library cannot look for them"):
        devices = (ContextSource() if source is None else source).devices()
        return tuple(sorted(map(_describe, devices), key=lambda found: found.serial))


def _describe(device: rs.device) -> FoundCamera:
    def said(info: rs.camera_info) -> str:
        return device.get_info(info) if device.supports(info) else ""

    return FoundCamera(
        serial=said(rs.camera_info.serial_number),
        model=said(rs.camera_info.name),
        usb=said(rs.camera_info.usb_type_descriptor),
        firmware=said(rs.camera_info.firmware_version),
        recommended_firmware=said(rs.camera_info.recommended_firmware_version),
    )


class RealsenseDevice:
    """Implements the driver's `CameraDevice` for one camera."""

    def __init__(self, name: str, config: CameraConfig, source: DeviceSource) -> None:
        """Touch nothing yet.

        Args:
            name: As in messages, for example `camera top`.
            config: Of this camera.
            source: Where its device comes from; closed with it.
        """
        self._name, self._config, self._source = name, config, source
        self._align = rs.align(rs.stream.color) if config.depth == "aligned" else None
        self._device: rs.device | None = None
        self._serial = ""
        self._pipeline: rs.pipeline | None = None
        self._queue = rs.frame_queue(QUEUE_FRAMES, True)

    def found(self) -> tuple[FoundCamera, ...]:
        """Return the cameras that are plugged in."""
        return find_cameras(self._source)

    def choose(self, serial: str) -> bool:
        """Take the device of that serial; False where it is not plugged in."""
        self._device = None
        with refusals(f"{self._name}: the library cannot look for it"):
            for device in self._source.devices():
                if device.get_info(rs.camera_info.serial_number) == serial:
                    self._device, self._serial = device, serial
        return self._device is not None

    def modes(self) -> tuple[Mode, ...]:
        """Return how its colour can be streamed."""
        names = {value: name for name, value in _FORMATS.items()}
        with refusals(f"{self._name}: its modes cannot be read"):
            return tuple(
                Mode(
                    width_px=profile.width(),
                    height_px=profile.height(),
                    format=names[profile.format()],
                    rate_hz=profile.fps(),
                )
                for profile in _colours(self._colour_sensor())
                if profile.format() in names
            )

    def options(self) -> "RealsenseOptions":
        """Return the options of the sensor that its colour comes from."""
        with refusals(f"{self._name}: its options cannot be read"):
            return RealsenseOptions(self._name, self._colour_sensor())

    def start(self, mode: Mode) -> None:
        """Stream, until `stop`."""
        device, config, serial = self._chosen(), rs.config(), self._serial
        colour = mode.width_px, mode.height_px, _FORMATS[mode.format], mode.rate_hz
        config.enable_stream(rs.stream.color, *colour)
        if self._config.depth != "off":
            size = self._config.depth_width_px, self._config.depth_height_px
            config.enable_stream(rs.stream.depth, *size, rs.format.z16, mode.rate_hz)
        self._queue = rs.frame_queue(QUEUE_FRAMES, True)
        try:
            pipeline = self._source.pipeline(device, config)
            profile = pipeline.start(config, self._queue)
        except RuntimeError as error:
            raise words.refused(self._name, serial, error) from error
        self._pipeline = pipeline
        got = profile.get_device().get_info(rs.camera_info.serial_number)
        if got != serial:
            raise DeviceError(f"{self._name}: got frames of camera {got}, expected {serial}")

    def take(self, timeout_s: float) -> Taken | None:
        """Return the next frame, or None where none comes in time."""
        with refusals(f"{self._name}: the library gives no frames"):
            came, frame = self._queue.try_wait_for_frame(max(1, round(timeout_s * 1e3)))
            if not came or not frame.is_frameset():
                return None
            frames = frame.as_frameset()
            if self._align is not None:
                frames = self._align.process(frames)
            colour, depth = frames.get_color_frame(), frames.get_depth_frame()
            return self._taken(colour, depth) if colour else None

    def _taken(self, colour: rs.video_frame, depth: rs.depth_frame) -> Taken:
        """Copy a frame out of the library's memory; its depth may be none."""
        return Taken(
            number=colour.get_frame_number(),
            device_ns=device_ns(colour.get_timestamp()),
            domain=_DOMAINS[colour.get_frame_timestamp_domain()],
            rgb=self._rgb(colour),
            depth=np.array(depth.get_data(), np.uint16) if depth else None,
            depth_unit_m=depth.get_units() if depth else 0.0,
        )

    def _rgb(self, frame: rs.video_frame) -> NDArray[np.uint8]:
        """Copy a picture out of the library's memory, as RGB."""
        shape = self._config.height_px, self._config.width_px, -1
        pixels = np.asanyarray(frame.get_data()).view(np.uint8).reshape(shape)
        code = _TO_RGB.get(self._config.format)
        return pixels.copy() if code is None else np.asarray(cv2.cvtColor(pixels, code), np.uint8)

    def connected(self) -> bool:
        """Whether the device is still there."""
        return self._device is not None and self._source.connected(self._device)

    def reset(self) -> None:
        """Reset this device alone; it vanishes and comes back."""
        with refusals(f"{self._name}: cannot be reset"):
            self._source.reset(self._chosen())

    def stop(self, patience_s: float) -> None:
        """Stop streaming; never raises, and leaves behind what takes longer."""
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is None:
            return
        thread = Thread(target=_stop_quietly, args=[pipeline], daemon=True)
        thread.start()
        thread.join(patience_s)

    def close(self, patience_s: float) -> None:
        """Stop, and let go of the device."""
        self.stop(patience_s)
        self._device = None
        self._source.close()

    def _chosen(self) -> rs.device:
        if self._device is None:
            raise DeviceError(f"{self._name}: not plugged in")
        return self._device

    def _colour_sensor(self) -> rs.sensor:
        """Return the sensor with colour streams: on a D405 it is the stereo module."""
        for sensor in self._chosen().query_sensors():
            if _colours(sensor):
                return sensor
        raise DeviceError(f"{self._name}: this camera has no colour")


def _colours(sensor: rs.sensor) -> list[rs.video_stream_profile]:
    """Return the colour streams of a sensor."""
    return [
        profile.as_video_stream_profile()
        for profile in sensor.get_stream_profiles()
        if profile.stream_type() == rs.stream.color
    ]


def _stop_quietly(pipeline: rs.pipeline) -> None:
    with suppress(RuntimeError):
        pipeline.stop()


class RealsenseOptions:
    """Implements `SensorOptions` over a sensor of the library."""

    def __init__(self, camera: str, sensor: rs.sensor) -> None:
        self._camera, self._sensor = camera, sensor

    @property
    def sensor(self) -> str:
        """The sensor's name."""
        return self._sensor.get_info(rs.camera_info.name)

    def supports(self, option: str) -> bool:
        """Whether the sensor has it and lets it be set; a recording's are read-only."""
        found = _option(option)
        return self._sensor.supports(found) and not self._sensor.is_option_read_only(found)

    def limits(self, option: str) -> OptionRange:
        """Return what it takes."""
        found = self._sensor.get_option_range(_option(option))
        return OptionRange(low=found.min, high=found.max, step=found.step)

    def get(self, option: str) -> float:
        """Read it."""
        with refusals(f"{self._camera}: {option} cannot be read"):
            return self._sensor.get_option(_option(option))

    def set(self, option: str, value: float) -> None:
        """Write it."""
        with refusals(f"{self._camera}: {option} = {value:g} refused"):
            self._sensor.set_option(_option(option), value)


def _option(name: str) -> rs.option:
    found: rs.option = getattr(rs.option, name)
    return found
