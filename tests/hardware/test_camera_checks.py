"""Cameras that are plugged in, judged by what a cell wants of them."""

import msgspec
import pytest

from robotd.core.config import CameraConfig
from robotd.hardware.camera_checks import check_found
from robotd.hardware.realsense_words import FoundCamera

TOP = FoundCamera(
    serial="111",
    model="Intel RealSense D435",
    usb="3.2",
    firmware="5.16.0.1",
    recommended_firmware="5.16.0.1",
)
WANTED = {"top": CameraConfig(kind="realsense", serial="111")}


def changed(**changes):
    values = {name: getattr(TOP, name) for name in FoundCamera.__dataclass_fields__}
    return FoundCamera(**{**values, **changes})


def test_a_camera_at_usb_3_with_new_firmware_is_ok():
    (found,) = check_found([TOP], WANTED)

    assert found.name == "camera top"
    assert found.status == "ok"
    assert "USB 3.2" in found.found


@pytest.mark.parametrize(
    ("camera", "status", "remedy"),
    [
        (changed(usb="2.1"), "warn", "USB 3 port"),
        (changed(firmware="5.15.9.9"), "warn", "rs-fw-update"),
        (changed(recommended_firmware=""), "ok", ""),
        (changed(usb=""), "unknown", ""),
    ],
)
def test_a_slow_link_and_an_old_firmware_are_warnings(camera, status, remedy):
    (found,) = check_found([camera], WANTED)

    assert found.status == status
    assert remedy in found.fix


def test_a_camera_that_is_not_there_is_a_failure_that_names_those_that_are():
    other = changed(serial="222")

    missing, there = check_found([other], WANTED)

    assert missing.status == "fail"
    assert "plugged in: 222" in missing.found
    assert there.name == "camera 222"


def test_a_simulated_camera_is_nothing_to_look_for():
    simulated = msgspec.structs.replace(WANTED["top"], kind="sim")

    assert check_found([], {"top": simulated}) == []
