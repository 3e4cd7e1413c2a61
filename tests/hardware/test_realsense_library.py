"""The driver above librealsense itself: emulated devices, and recordings made on the spot."""

import time

import numpy as np
import pytest

rs = pytest.importorskip("pyrealsense2", exc_type=ImportError)

from robotd.core.clock import MS  # noqa: E402 (the library may be missing)
from robotd.core.errors import ConfigError, DeviceError  # noqa: E402
from robotd.hardware.realsense import (  # noqa: E402
    ContextSource,
    RealsenseDevice,
    RealsenseOptions,
    find_cameras,
)
from robotd.hardware.realsense_camera import RealsenseCamera  # noqa: E402
from robotd.sim.realsense_faults import CameraFaults  # noqa: E402
from robotd.sim.realsense_sensor import build_device  # noqa: E402
from tests.hardware.realsense_stage import CONFIG, SCENE, Stage  # noqa: E402


def test_pictures_numbers_and_times_come_through_the_pipeline():
    stage = Stage()
    with stage.opened():
        got = [stage.next() for _ in range(10)]
    frames = [frame for frame, _ in got]
    assert [f.frame_number for f in frames] == list(range(2, 12))
    assert max(abs(frame.t_ns - t_ns) for frame, t_ns in got) < 2 * MS
    for frame in frames:
        assert np.abs(frame.rgb.astype(int) - SCENE).max() == 1  # the sensor's noise
        assert 0 < frame.t_arrival_ns - frame.t_ns < 1000 * MS
    assert not stage.camera.times.refused
    assert (stage.camera.watch.missed_n, stage.camera.watch.repeated_n) == (0, 0)


@pytest.mark.parametrize(("name", "off"), [("bgr8", 1), ("yuyv", 40)])
def test_other_formats_come_out_as_rgb(name, off):
    stage = Stage(format=name)
    smooth = np.empty((48, 64, 3), np.uint8)
    smooth[...] = (200, 120, 60)
    with stage.opened():
        frame, _ = stage.next(smooth)
    assert np.abs(frame.rgb.astype(int) - smooth).max() <= off
    assert np.abs(frame.rgb.mean(axis=(0, 1)) - (200, 120, 60)).max() < 3


@pytest.mark.parametrize(("depth", "shape"), [("raw", (60, 80)), ("aligned", (48, 64))])
def test_depth_comes_as_the_camera_sees_it_or_aligned(depth, shape):
    stage = Stage(depth=depth, depth_width_px=80, depth_height_px=60)
    with stage.opened():
        frame, _ = stage.next()
    assert frame.depth.shape == shape
    assert frame.depth.dtype == np.uint16
    assert frame.depth_unit_m == pytest.approx(0.001)
    assert np.median(frame.depth[frame.depth > 0]) == 600


def test_what_is_configured_is_set_in_the_library_and_reads_back():
    stage = Stage(exposure_s=0.0125, gain=20.0, white_balance_k=5000.0)
    sensor = stage.emulated.devices()[0].query_sensors()[0]
    with stage.opened():
        assert sensor.get_option(rs.option.exposure) == 125.0
        assert sensor.get_option(rs.option.gain) == 20.0
        assert sensor.get_option(rs.option.white_balance) == 5000.0
        assert sensor.get_option(rs.option.enable_auto_exposure) == 0.0
        assert sensor.get_option(rs.option.enable_auto_white_balance) == 0.0


def test_an_option_that_the_library_refuses_is_one_line():
    options = RealsenseOptions("camera top", build_device("1", CONFIG).colour)
    with pytest.raises(DeviceError, match=r"camera top: gain = 999 refused: out of range"):
        options.set("gain", 999.0)
    with pytest.raises(DeviceError, match="camera top: saturation cannot be read"):
        options.get("saturation")


def test_a_mode_that_the_library_does_not_list_is_refused_with_those_that_it_has():
    stage = Stage(driver={"width_px": 66})
    wanted = "got 66x48 rgb8 at 30 Hz, expected 64x48 at 6, 15, 30, 60 Hz; 424x240 at"
    with pytest.raises(ConfigError, match=wanted):
        stage.camera.__enter__()


def test_a_busy_camera_is_one_line():
    stage = Stage(faults=CameraFaults(busy=True))
    with pytest.raises(DeviceError, match=r"camera top: busy \(serial 0042\), another program"):
        stage.camera.__enter__()


def test_another_camera_than_wanted_is_not_opened():
    stage = Stage(faults=CameraFaults(serial="0043"))
    with pytest.raises(DeviceError, match=r"no camera with serial 0042, found .* 0043, USB"):
        stage.camera.__enter__()


def test_a_library_that_starts_another_device_is_found_out():
    stage = Stage()
    other = build_device("0099", CONFIG).device
    start = stage.emulated.pipeline
    stage.emulated.pipeline = lambda device, config: start(other, config)
    with pytest.raises(DeviceError, match="got frames of camera 0099, expected 0042"):
        stage.camera.__enter__()


def test_an_unplugged_camera_ends_the_reading_within_three_periods():
    stage = Stage()
    with stage.opened():
        stage.next()
        stage.faults = CameraFaults(unplugged=True)
        begun = time.monotonic()
        with pytest.raises(DeviceError, match=r"camera top: unplugged \(serial 0042\)"):
            stage.camera.read(5.0)
        assert time.monotonic() - begun < 2.0  # 0.1 s, and what a loaded computer adds


@pytest.mark.parametrize("frozen", ["number", "content"])
def test_a_frozen_camera_is_found_out(frozen):
    stage = Stage()
    with stage.opened():
        stage.next()
        stage.faults = CameraFaults(frozen=frozen)
        for _ in range(4):
            stage.feed.show()
        with pytest.raises(DeviceError, match="camera top: frozen, got the same"):
            list(iter(lambda: stage.camera.read(1.0), None))


def test_a_covered_lens_is_found_out_though_its_noise_remains():
    stage = Stage()
    with stage.opened():
        stage.next()
        stage.faults = CameraFaults(black=True)
        for _ in range(4):
            stage.feed.show()
        with pytest.raises(DeviceError, match="camera top: black pictures"):
            list(iter(lambda: stage.camera.read(1.0), None))


def test_lost_frames_are_counted():
    stage = Stage(faults=CameraFaults(drop_every_n=5))
    with stage.opened():
        for _ in range(20):
            stage.feed.show()
        for _ in range(16):
            stage.camera.read(1.0)
    assert stage.camera.watch.missed_n == 4


@pytest.mark.parametrize("domain", ["system", "hardware"])
@pytest.mark.parametrize("error_s", [0.0, 5.0, -5.0])
def test_other_clocks_and_wrong_stamps_do_not_move_the_capture_time(domain, error_s):
    stage = Stage(faults=CameraFaults(domain=domain))
    with stage.opened():
        for _ in range(5):
            stage.next()
        stage.faults = CameraFaults(domain=domain, stamp_error_s=error_s)
        off = [frame.t_ns - t_ns for frame, t_ns in (stage.next() for _ in range(8))]
    assert max(map(abs, off)) < 35 * MS


def test_frames_wait_in_the_library_while_the_driver_is_held_up():
    stage = Stage()
    with stage.opened():
        shown = [stage.feed.show() for _ in range(25)]
        while stage.emulated.given_n < 26:
            time.sleep(0.002)
        frames = [stage.camera.read(1.0) for _ in range(25)]
    assert [f.frame_number for f in frames] == list(range(2, 27))
    assert max(abs(f.t_ns - t) for f, t in zip(frames, shown, strict=True)) < 20 * MS


def test_it_is_opened_and_closed_again_and_again():
    for n in range(8):
        stage = Stage()
        for _ in range(n):
            stage.feed.show()
        with stage.opened():
            stage.next()


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Two cameras, each recorded by the library: serial 111 and 222, four seconds each."""
    folder = tmp_path_factory.mktemp("recordings")
    for serial, level in (("111", 80), ("222", 160)):
        built = build_device(serial, CONFIG)
        config, pipeline, frames = rs.config(), rs.pipeline(), rs.frame_queue(32, True)
        config.enable_device(serial)
        config.enable_stream(rs.stream.color, 64, 48, rs.format.rgb8, 30)
        config.enable_record_to_file(str(folder / f"{serial}.db3"))
        pipeline.set_device(built.device)
        pipeline.start(config, frames)
        random = np.random.default_rng(1)
        for number in range(120):
            frame = rs.software_video_frame()
            frame.pixels = random.integers(level - 9, level + 9, (48, 64, 3)).astype(np.uint8)
            frame.stride, frame.bpp, frame.profile = 192, 3, built.colour_profile
            frame.timestamp, frame.domain = number * 1000 / 30, rs.timestamp_domain.hardware_clock
            frame.frame_number = number
            built.colour.on_video_frame(frame)
            frames.try_wait_for_frame(500)
        pipeline.stop()
        del pipeline, config
    return folder


@pytest.fixture
def bus(recordings):
    """A context with both recordings, in which they look like cameras that are plugged in."""
    context = rs.context()
    plugged_in = [context.load_device(str(recordings / f"{n}.db3")) for n in ("222", "111")]
    yield ContextSource(context)
    plugged_in.clear()


def test_cameras_are_listed_by_serial_with_link_and_firmware(bus):
    found = find_cameras(bus)
    assert [camera.serial for camera in found] == ["111", "222"]
    assert {(camera.usb, camera.firmware) for camera in found} == {("3.2", "5.16.0.1")}
    assert str(found[0]) == "Emulated RealSense 111, USB 3.2, firmware 5.16.0.1"


@pytest.mark.parametrize(("serial", "level"), [("111", 80), ("222", 160)])
def test_a_camera_is_opened_by_its_serial_among_others(bus, serial, level):
    device = RealsenseDevice("camera top", CONFIG, bus)
    camera = RealsenseCamera("camera top", CONFIG, device, serial=serial)
    with camera:
        frame = camera.read(2.0)
    assert abs(float(frame.rgb.mean()) - level) < 2
    assert frame.t_ns < frame.t_arrival_ns


def test_a_serial_that_is_not_on_the_bus_names_those_that_are(bus):
    device = RealsenseDevice("camera top", CONFIG, bus)
    camera = RealsenseCamera("camera top", CONFIG, device, serial="333", patience_s=0.0)
    with pytest.raises(DeviceError, match=r"serial 333, found .* 111, .* 222, USB 3.2"):
        camera.__enter__()


def test_a_computer_without_a_camera_has_none():
    assert all(camera.serial for camera in find_cameras())
