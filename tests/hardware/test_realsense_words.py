"""Each way in which a camera cannot be had is one line that says what to do."""

import pytest

from robotd.hardware import realsense_words as words
from robotd.hardware.realsense_words import FoundCamera, Mode

FOUND = (
    FoundCamera(serial="111", model="RealSense D435", usb="3.2", firmware="5.16.0.1"),
    FoundCamera(serial="222", model="RealSense D405", usb="2.1", firmware="5.12.0.0"),
)
WANTED = Mode(width_px=640, height_px=480, format="rgb8", rate_hz=31)
MODES = [
    Mode(width_px=width, height_px=height, format=name, rate_hz=rate)
    for width, height in [(1920, 1080), (640, 480), (424, 240)]
    for name in ("rgb8", "yuyv")
    for rate in (30, 6)
]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            ImportError("libusb-1.0.so.0: cannot open shared object file: No such file"),
            "cameras: libusb-1.0 is not installed; run: sudo apt-get install libusb-1.0-0",
        ),
        (
            ModuleNotFoundError("No module named 'pyrealsense2'"),
            "cameras: pyrealsense2 is not installed; run: pip install 'robotd[robot]'",
        ),
        (ImportError("bad\nELF"), "cameras: pyrealsense2 cannot be loaded: bad\\nELF"),
    ],
)
def test_a_library_that_cannot_be_loaded(error, says):
    assert str(words.not_importable(error)) == says


def test_a_serial_that_is_not_there_names_those_that_are():
    message = str(words.not_found("camera top", "333", FOUND))
    assert "camera top: got no camera with serial 333, found RealSense D435 111, USB 3.2" in message
    assert "; RealSense D405 222, USB 2.1" in message
    assert "found none; check its cable" in str(words.not_found("camera top", "333", ()))


def test_a_mode_that_is_not_there_names_the_like_ones_first():
    message = str(words.no_such_mode("camera top", WANTED, MODES, FOUND[0]))
    assert message == (
        "camera top: mode: got 640x480 rgb8 at 31 Hz, expected 640x480 at 6, 30 Hz; "
        "424x240 at 6, 30 Hz; 1920x1080 at 6, 30 Hz"
    )


def test_a_slow_link_explains_a_missing_mode():
    message = str(words.no_such_mode("camera top", WANTED, MODES, FOUND[1]))
    assert message.endswith("; it is on USB 2.1, which has fewer modes")


def test_a_long_list_of_modes_is_cut():
    many = [Mode(width_px=w, height_px=100, format="rgb8", rate_hz=30) for w in range(100, 140)]
    message = str(words.no_such_mode("camera top", WANTED, many, FOUND[0]))
    assert message.endswith("and 32 sizes more")
    assert "expected no rgb8 at all" in str(words.no_such_mode("c", WANTED, [], FOUND[0]))


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (
            "xioctl(VIDIOC_S_FMT) failed, errno=16 Last Error: Device or resource busy",
            "busy (serial",
        ),
        ("failed to open usb interface: 0, error: RS2_USB_STATUS_ACCESS", "no right to open it"),
        ("Cannot open '/dev/video0 Permission denied", "install librealsense's udev rules"),
        ("something\nelse", "the library refused (serial 111): something\\nelse"),
    ],
)
def test_a_refusal_of_the_library_is_read(said, says):
    message = str(words.refused("camera top", "111", RuntimeError(said)))
    assert says in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("usb", "slow"), [("3.2", False), ("3.0", False), ("2.1", True), ("", False)]
)
def test_a_link_below_usb_3_is_slow(usb, slow):
    assert FoundCamera(serial="1", usb=usb).slow_link is slow


@pytest.mark.parametrize(
    ("firmware", "recommended", "old"),
    [
        ("5.12.7.100", "5.16.0.1", True),
        ("5.16.0.1", "5.16.0.1", False),
        ("5.17.0.9", "5.16.0.1", False),
        ("5.9.0.0", "5.16.0.1", True),
        ("5.16.0.1", "", False),
    ],
)
def test_a_firmware_older_than_the_library_wants(firmware, recommended, old):
    found = FoundCamera(serial="1", firmware=firmware, recommended_firmware=recommended)
    assert found.old_firmware is old
