"""Which device is meant, and what a person is told where none can be used."""

import pytest

from robotd.core.errors import AbsentDeviceError, DeviceError
from teleop.spacemouse_found import Found, pick, udev_rule


def found(model="SpaceMouseCompact", path="/dev/hidraw3", serial="", permitted=True):
    return Found(model=model, path=path, serial=serial, vendor_id=0x256F, permitted=permitted)


PRO = found("SpaceMousePro", "/dev/hidraw5", "A7")


def test_the_only_one_is_meant():
    assert pick([found()], "") == 0


@pytest.mark.parametrize("select", ["SpaceMousePro", "/dev/hidraw5", "A7"])
def test_one_of_several_is_meant_by_name(select):
    assert pick([found(), PRO], select) == 1


def test_two_and_no_name_is_refused_with_both():
    with pytest.raises(DeviceError) as error:
        pick([found(), PRO], "")
    assert not isinstance(error.value, AbsentDeviceError)  # waiting does not help
    assert "SpaceMouseCompact at /dev/hidraw3, SpaceMousePro at /dev/hidraw5" in str(error.value)
    assert "teleop.select" in str(error.value)


def test_two_of_one_model_are_told_apart_by_path():
    twins = [found(), found(path="/dev/hidraw4")]
    with pytest.raises(DeviceError, match="2 are connected"):
        pick(twins, "SpaceMouseCompact")
    assert pick(twins, "/dev/hidraw4") == 1


@pytest.mark.parametrize(
    ("connected", "select", "says"),
    [
        ([], "", "spacemouse: no SpaceMouse is connected; plug it in"),
        ([], "A7", "spacemouse: 'A7', as in teleop.select, is not connected; plug it in"),
        ([found()], "A7", "(connected: SpaceMouseCompact at /dev/hidraw3)"),
    ],
)
def test_one_that_is_not_there_is_worth_waiting_for(connected, select, says):
    with pytest.raises(AbsentDeviceError) as error:
        pick(connected, select)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_one_that_may_not_be_opened_comes_with_its_rule():
    with pytest.raises(AbsentDeviceError) as error:
        pick([found(permitted=False)], "")
    assert udev_rule(0x256F) in str(error.value)
    assert "/etc/udev/rules.d/" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_rule_names_the_vendor():
    rule = udev_rule(0x046D)
    assert 'ATTRS{idVendor}=="046d"' in rule
    assert 'SUBSYSTEM=="hidraw"' in rule
    assert 'TAG+="uaccess"' in rule
