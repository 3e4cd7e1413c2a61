"""How a camera is locked to its configuration, and how it is noticed that it is not."""

import msgspec
import pytest

from robotd.core.errors import ConfigError
from robotd.hardware.realsense_options import OptionRange, lock, locks_of, told, unlocked
from tests.hardware.realsense_fakes import CONFIG, D435, FakeOptions


def config(**changes):
    return msgspec.structs.replace(CONFIG, **changes)


LOCKED = {"exposure_s": 0.0120, "gain": 16.0, "white_balance_k": 4600.0}


def test_everything_that_is_configured_is_set_and_the_automatic_is_switched_off_before():
    options = FakeOptions()
    lock("camera top", options, locks_of(config(**LOCKED), options.sensor))
    assert options.values["exposure"] == 120.0
    assert options.values["gain"] == 16.0
    assert options.values["white_balance"] == 4600.0
    order = options.order
    assert order.index("enable_auto_exposure") < order.index("exposure")
    assert order.index("enable_auto_white_balance") < order.index("white_balance")
    assert options.values["enable_auto_exposure"] == 0.0
    assert options.values["enable_auto_white_balance"] == 0.0


def test_the_stereo_module_counts_microseconds():
    ranges = D435 | {"exposure": OptionRange(low=1.0, high=165000.0, step=1.0)}
    options = FakeOptions(ranges, sensor="Stereo Module")
    lock("camera top", options, locks_of(config(exposure_s=0.012), options.sensor))
    assert options.values["exposure"] == 12000.0


def test_what_is_not_configured_stays_automatic_but_the_rate_is_kept():
    options = FakeOptions()
    lock("camera top", options, locks_of(config(), options.sensor))
    assert options.values["enable_auto_exposure"] == 1.0
    assert options.values["auto_exposure_priority"] == 0.0
    assert options.values["global_time_enabled"] == 1.0
    assert options.values["frames_queue_size"] == 32.0


def test_a_camera_without_the_options_that_are_always_set_is_fine():
    options = FakeOptions({})
    lock("camera top", options, locks_of(config(), options.sensor))
    assert options.order == []


@pytest.mark.parametrize(
    ("key", "inside", "outside", "says"),
    [
        ("exposure_s", 1.0, 1.0001, "camera top: exposure_s: got 1.0001, expected 0.0001 to 1"),
        ("gain", 128, 129, "camera top: gain: got 129, expected 0 to 128"),
        ("white_balance_k", 2800, 2799, "white_balance_k: got 2799, expected 2800 to 6500"),
    ],
)
def test_a_value_that_the_camera_does_not_take_is_refused_with_its_range(
    key, inside, outside, says
):
    options = FakeOptions()
    lock("camera top", options, locks_of(config(**{key: inside}), options.sensor))
    with pytest.raises(ConfigError, match=says):
        lock("camera top", options, locks_of(config(**{key: outside}), options.sensor))


def test_an_option_that_the_camera_lacks_is_refused_by_name():
    options = FakeOptions({})
    wanted = "gain: got 3, expected nothing; its RGB Camera has no option gain"
    with pytest.raises(ConfigError, match=wanted):
        lock("camera top", options, locks_of(config(gain=3.0), options.sensor))


@pytest.mark.parametrize(
    ("option", "value", "off"),
    [
        ("exposure", 122.0, False),  # 2 %
        ("exposure", 123.0, True),
        ("white_balance", 4690.0, False),
        ("white_balance", 4700.0, True),
        ("enable_auto_exposure", 1.0, True),
    ],
)
def test_what_reads_back_otherwise_is_told(option, value, off):
    options = FakeOptions()
    locks = locks_of(config(**LOCKED), options.sensor)
    lock("camera top", options, locks)
    assert unlocked(options, locks) == ()
    options.values[option] = value
    assert bool(unlocked(options, locks)) is off


def test_the_log_says_what_the_camera_said():
    options = FakeOptions()
    locks = locks_of(config(exposure_s=0.012), options.sensor)
    lock("camera top", options, locks)
    assert told(config(exposure_s=0.012), options, locks) == (
        "exposure_s 0.012, white balance automatic"
    )
