"""The driver above a device in memory: opening, trying again, dating and refusing frames."""

import logging
from contextlib import suppress

import msgspec
import numpy as np
import pytest

from robotd.core.clock import MS, S
from robotd.core.errors import ConfigError, DeviceError, StaleDataError
from robotd.hardware.realsense_camera import RealsenseCamera
from tests.hardware.realsense_fakes import CONFIG, PERIOD_NS, FakeOptions, broken, fake_site


def site(**changes):
    """Return the clock, the device and a camera over it, not yet open."""
    clock, wall, device = fake_site()
    config = msgspec.structs.replace(CONFIG, **changes)
    camera = RealsenseCamera("camera top", config, device, clock=clock, wall=wall)
    return clock, device, camera


def test_frames_carry_number_and_all_three_times():
    clock, device, camera = site()
    with camera:
        frames = [camera.read(1.0) for _ in range(10)]
    assert [f.frame_number for f in frames] == list(range(2, 12))
    assert {f.t_arrival_ns - f.t_ns for f in frames} == {30 * MS}
    assert frames[-1].t_device_ns - frames[0].t_device_ns == 9 * PERIOD_NS
    assert frames[-1].t_arrival_ns == clock.now()
    assert device.closed


def test_depth_is_handed_on_with_its_unit():
    _, device, camera = site(depth="raw")
    depth = np.full((24, 32), 600, np.uint16)
    device.frames += [{}, {"depth": depth, "depth_unit_m": 0.001}]
    with camera:
        frame = camera.read(1.0)
    assert frame.depth is depth
    assert frame.depth_unit_m == 0.001


def test_a_serial_that_is_not_plugged_in_is_waited_for_a_little_then_named():
    clock, device, camera = site()
    device.serials = ["9", "8"]
    start_ns = clock.now()
    with pytest.raises(DeviceError, match=r"no camera with serial 123, found D435 9, .*; D435 8"):
        camera.__enter__()
    assert 2 * S <= clock.now() - start_ns < 3 * S
    assert device.closed


def test_a_camera_that_comes_back_in_time_is_opened():
    clock, device, camera = site()
    device.back_ns = clock.now() + S
    with camera:
        assert camera.read(1.0).frame_number == 2


def test_a_mode_that_the_camera_lacks_is_refused_at_once():
    _, device, camera = site(rate_hz=60.0)
    wanted = "camera top: mode: got 32x24 rgb8 at 60 Hz, expected 32x24 at 15, 30 Hz"
    with pytest.raises(ConfigError, match=wanted):
        camera.__enter__()
    assert (device.starts_n, device.resets_n, device.closed) == (0, 0, True)


def test_an_exposure_that_the_camera_does_not_take_is_refused_at_once():
    _, device, camera = site(gain=1000.0)
    with pytest.raises(ConfigError, match="gain: got 1000, expected 0 to 128"):
        camera.__enter__()
    assert (device.starts_n, device.resets_n) == (0, 0)


def test_a_start_that_fails_once_is_tried_again_without_a_reset(caplog):
    _, device, camera = site()
    device.starts += [broken()]
    with camera:
        camera.read(1.0)
    assert (device.starts_n, device.resets_n) == (2, 0)
    assert "try 1 of 3" in caplog.text


def test_the_third_start_follows_a_reset_of_this_camera():
    _, device, camera = site()
    device.starts += [broken(), broken(), broken()]
    device.reset_cures = True
    with camera:
        camera.read(1.0)
    assert (device.starts_n, device.resets_n) == (3, 1)


def test_after_the_third_start_the_tries_end():
    _, device, camera = site()
    device.starts += [broken("busy")] * 9
    with pytest.raises(DeviceError, match="camera top: busy"):
        camera.__enter__()
    assert (device.starts_n, device.resets_n, device.closed) == (3, 1, True)


def test_a_camera_that_starts_and_gives_nothing_is_reset_too():
    clock, device, camera = site()
    device.frames += [None] * 9
    device.reset_cures = True
    start_ns = clock.now()
    with camera:
        camera.read(1.0)
    assert device.resets_n == 1
    assert clock.now() - start_ns < 9 * S


def test_a_camera_that_never_gives_a_frame_fails_within_the_time_to_be_ready():
    clock, device, camera = site()
    device.frames += [None] * 99
    start_ns = clock.now()
    with pytest.raises(DeviceError, match=r"started, but gave no frame in 2\.5 s"):
        camera.__enter__()
    assert clock.now() - start_ns < 15 * S


def test_a_camera_that_is_gone_after_its_reset_is_named():
    _, device, camera = site()
    device.starts += [broken()] * 2
    device.reset = device.serials.clear
    with pytest.raises(DeviceError, match="no camera with serial 123, found none"):
        camera.__enter__()


def test_dark_pictures_at_the_start_are_left_to_the_automatic_exposure():
    _, device, camera = site()
    random = np.random.default_rng(1)
    dark = [{"rgb": random.integers(0, 9, (24, 32, 3)).astype(np.uint8)} for _ in range(80)]
    device.frames += dark[:55]
    with camera:
        assert camera.read(1.0).frame_number == 57
    device.frames += dark
    with camera, pytest.raises(DeviceError, match="black pictures, 3 in a row"):
        list(iter(lambda: camera.read(1.0), None))


def test_what_is_locked_is_read_back_after_the_start():
    _, device, camera = site(exposure_s=0.01)

    def forget(mode, start=device.start):
        start(mode)
        device.camera_options.values["exposure"] = 166.0

    device.start = forget
    with camera:
        assert device.camera_options.values["exposure"] == 100.0


def test_a_camera_that_does_not_keep_its_exposure_is_refused():
    _, device, camera = site(exposure_s=0.01)
    device.camera_options = FakeOptions(stuck=["exposure"])
    wanted = "camera top: exposure_s 0.01 reads 0.0001; the camera does not keep it"
    with pytest.raises(DeviceError, match=wanted):
        camera.__enter__()
    assert device.closed


def test_a_silent_camera_is_waited_for_and_then_stale():
    clock, device, camera = site()
    with camera:
        camera.read(1.0)
        device.frames += [None] * 20
        start_ns = clock.now()
        with pytest.raises(StaleDataError, match="camera top: newest sample is 1000 ms old"):
            camera.read(1.0)
        assert clock.now() - start_ns == S


def test_a_hiccup_is_no_fault():
    _, device, camera = site()
    with camera:
        camera.read(1.0)
        device.frames += [None] * 5
        assert camera.read(1.0).frame_number == 3


def test_an_unplugged_camera_is_noticed_before_the_second_missing_frame():
    clock, device, camera = site()
    with camera:
        camera.read(1.0)
        device.frames += [None] * 20
        device.serials = []
        start_ns = clock.now()
        with pytest.raises(DeviceError, match=r"camera top: unplugged \(serial 123\)"):
            camera.read(1.0)
        assert clock.now() - start_ns == pytest.approx(1.5 * PERIOD_NS, abs=MS)


def test_a_repeated_frame_is_left_out():
    _, device, camera = site()
    device.frames += [{}, {"number": 5}, {"number": 5}, {"number": 6}]
    with camera:
        assert [camera.read(1.0).frame_number for _ in range(2)] == [5, 6]
    assert camera.watch.repeated_n == 1


@pytest.mark.parametrize("frozen", [{"number": 7}, {"rgb": np.full((24, 32, 3), 99, np.uint8)}])
def test_a_frozen_camera_is_a_fault_within_two_periods(frozen):
    clock, device, camera = site()
    with camera:
        device.frames += [frozen] * 9
        camera.read(1.0)
        start_ns = clock.now()
        with pytest.raises(DeviceError, match="camera top: frozen, got the same"):
            camera.read(1.0)
        assert clock.now() - start_ns <= 2 * PERIOD_NS


def test_an_error_of_the_library_goes_through():
    _, device, camera = site()
    with camera:

        def fail(timeout_s):
            raise broken("the library cannot wait")

        device.take = fail
        with pytest.raises(DeviceError, match="cannot wait"):
            camera.read(1.0)
    assert device.closed


@pytest.mark.parametrize(("fails", "patience_s"), [(False, 1.0), (True, 0.02)])
def test_a_failed_camera_is_left_in_a_hurry(fails, patience_s):
    _, device, camera = site()
    with suppress(DeviceError), camera:
        device.frames += [{"number": 1}] * 9 if fails else []
        camera.read(1.0)
        camera.read(1.0)
    assert device.patience_s == patience_s


def test_a_glitch_of_the_stamps_is_counted_and_told_at_the_end(caplog):
    caplog.set_level(logging.INFO)
    _, device, camera = site()
    with camera:
        camera.read(1.0)
        device.frames += [{"device_ns": 0}]
        frame = camera.read(1.0)
    assert frame.t_arrival_ns - frame.t_ns == 30 * MS
    assert "stamps not believed {'backward': 1}" in caplog.text


def test_the_log_says_which_camera_on_which_link_in_which_mode(caplog):
    caplog.set_level(logging.INFO)
    _, _, camera = site(exposure_s=0.01)
    with camera:
        pass
    assert "camera top: D435 123, USB 3.2, firmware 5.16.0.1, 32x24 rgb8 at 30 Hz, " in caplog.text
    assert "exposure_s 0.01, white balance automatic, stamps of the global clock" in caplog.text


def test_white_pictures_are_told_once(caplog):
    _, device, camera = site()
    random = np.random.default_rng(1)
    device.frames += [
        {"rgb": random.integers(251, 256, (24, 32, 3)).astype(np.uint8)} for _ in range(99)
    ]
    with camera:
        for _ in range(98):
            camera.read(1.0)
    assert caplog.text.count("white pictures") == 1
