"""The sensors of an emulated RealSense camera: what they can stream, their options, their noise.

Ranges are those that a D435's colour sensor reports.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyrealsense2 as rs
from numpy.typing import NDArray

from robotd.core.config import CameraConfig

FIRMWARE: Final = "5.16.0.1"
FORMATS: Final = {"rgb8": rs.format.rgb8, "bgr8": rs.format.bgr8, "yuyv": rs.format.yuyv}
BYTES_PER_PIXEL: Final = {"rgb8": 3, "bgr8": 3, "yuyv": 2}
DEPTH_UNIT_M: Final = 0.001
_RATES_HZ: Final = (6, 15, 30, 60)
_SIZES: Final = ((424, 240), (640, 480), (848, 480), (1280, 720))
_OPTIONS: Final = {
    rs.option.exposure: (1.0, 10000.0, 1.0, 166.0),
    rs.option.gain: (0.0, 128.0, 1.0, 64.0),
    rs.option.white_balance: (2800.0, 6500.0, 10.0, 4600.0),
    rs.option.enable_auto_exposure: (0.0, 1.0, 1.0, 1.0),
    rs.option.enable_auto_white_balance: (0.0, 1.0, 1.0, 1.0),
    rs.option.auto_exposure_priority: (0.0, 1.0, 1.0, 1.0),
    rs.option.global_time_enabled: (0.0, 1.0, 1.0, 1.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltDevice:
    """A software device and where its frames are put in.

    Attributes:
        device: As the driver gets it.
        colour: The sensor with the colour streams.
        colour_profile: The stream that is configured.
        depth: The sensor with the depth stream.
        depth_profile: The depth stream.
    """

    device: rs.software_device
    colour: rs.software_sensor
    colour_profile: rs.video_stream_profile
    depth: rs.software_sensor
    depth_profile: rs.video_stream_profile


def build_device(serial: str, config: CameraConfig, *, usb: str = "3.2") -> BuiltDevice:
    """Return a camera that streams as configured, and in the usual modes besides."""
    device = rs.software_device()
    for info, text in (
        (rs.camera_info.serial_number, serial),
        (rs.camera_info.name, "Emulated RealSense"),
        (rs.camera_info.firmware_version, FIRMWARE),
        (rs.camera_info.usb_type_descriptor, usb),
    ):
        device.register_info(info, text)
    colour = device.add_sensor("RGB Camera")
    for option, (low, high, step, default) in _OPTIONS.items():
        limits = rs.option_range()
        limits.min, limits.max, limits.step, limits.default = low, high, step, default
        colour.add_option(option, limits)
    wanted = config.width_px, config.height_px, config.format, round(config.rate_hz)
    modes = [
        (width, height, name, rate)
        for width, height in sorted({*_SIZES, wanted[:2]})
        for name in FORMATS
        for rate in sorted({*_RATES_HZ, wanted[3]})
    ]
    profiles = {
        mode: colour.add_video_stream(_stream(uid, rs.stream.color, *mode), mode == wanted)
        for uid, mode in enumerate(modes, start=10)
    }
    depth = device.add_sensor("Stereo Module")
    depth.add_read_only_option(rs.option.depth_units, DEPTH_UNIT_M)
    size = config.depth_width_px, config.depth_height_px
    depth_profile = depth.add_video_stream(
        _stream(1, rs.stream.depth, *size, "z16", wanted[3]), True
    )
    beside = rs.extrinsics()
    beside.rotation, beside.translation = [1, 0, 0, 0, 1, 0, 0, 0, 1], [0.015, 0, 0]
    depth_profile.register_extrinsics_to(profiles[wanted], beside)
    device.create_matcher(rs.matchers.dlr_c)
    return BuiltDevice(
        device=device,
        colour=colour,
        colour_profile=profiles[wanted].as_video_stream_profile(),
        depth=depth,
        depth_profile=depth_profile.as_video_stream_profile(),
    )


def _stream(
    uid: int, kind: rs.stream, width_px: int, height_px: int, name: str, rate_hz: int
) -> rs.video_stream:
    stream, lens = rs.video_stream(), rs.intrinsics()
    lens.width, lens.height, lens.ppx, lens.ppy = width_px, height_px, width_px / 2, height_px / 2
    lens.fx = lens.fy = 0.95 * width_px
    lens.model, lens.coeffs = rs.distortion.none, [0.0] * 5
    stream.type, stream.index, stream.uid, stream.intrinsics = kind, 0, uid, lens
    stream.width, stream.height, stream.fps = width_px, height_px, rate_hz
    stream.fmt = FORMATS.get(name, rs.format.z16)
    stream.bpp = BYTES_PER_PIXEL.get(name, 2)
    return stream


class SensorNoise:
    """One grey level of noise on a sixteenth of the pixels, other ones in each picture.

    So no two pictures are the same, and a video of them costs a recorder little more than one
    without noise (2.4 instead of 1.9 ms a frame; with noise everywhere 3.7). Which pixels comes
    from a bank, of which each picture sees another part.
    """

    _SPARE_PX = 37
    _NOISY_SHARE = 1 / 16

    def __init__(self, height_px: int, width_px: int, seed: int) -> None:
        shape = height_px + self._SPARE_PX, width_px + self._SPARE_PX, 1
        noisy = np.random.default_rng(seed).random(shape) < self._NOISY_SHARE
        self._bank = np.repeat(noisy.astype(np.uint8), 3, axis=2)
        self._drawn_n = 0

    def on(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return an (H, W, 3) picture with noise on it."""
        height, width, _ = rgb.shape
        self._drawn_n += 1
        y, x = divmod(11 * self._drawn_n % self._SPARE_PX**2, self._SPARE_PX)
        return np.bitwise_xor(rgb, self._bank[y : y + height, x : x + width])
