"""The driver with the vendor's parser above a fake handle: raw reports in, samples out."""

import struct
import sys

import numpy as np
import pytest

from robotd.core.clock import MS, FakeClock, MonoNs
from robotd.core.config_teleop import TeleopConfig
from robotd.core.errors import ConfigError, DeviceError
from robotd.core.types import TeleopSample
from robotd.sim.hid_handle import FakeHandle
from robotd.sim.hid_reports import axes_reports, button_report
from teleop.spacemouse import REPORTS_N, SpaceMouse

pytest.importorskip("pyspacemouse")


class Raw:
    """A handle that gives the reports that lie in `waiting`."""

    def __init__(self, product=0xC635, path="/dev/hidraw9"):
        self.vendor_id, self.product_id, self.path = 0x256F, product, path
        self.release_number, self.serial_number = 1, None
        self.manufacturer_string = self.product_string = "test"
        self.waiting, self.error, self.open_error = [], None, None
        self.opened = self.closed = 0

    def open(self):
        if self.open_error is not None:
            raise self.open_error
        self.opened += 1

    def close(self):
        self.closed += 1

    def set_nonblocking(self, on):
        assert on is True

    def read(self, size):
        if self.error is not None:
            raise self.error
        return bytearray(self.waiting.pop(0).ljust(size, b"\0")) if self.waiting else bytearray()


@pytest.fixture
def clock():
    return FakeClock(MonoNs(10**9))


@pytest.fixture
def raw():
    return Raw()


@pytest.fixture
def mouse(raw, clock):
    with SpaceMouse(TeleopConfig(), clock, lambda: raw) as mouse:
        yield mouse


def report(number, *counts):
    return struct.pack(f"<B{len(counts)}h", number, *counts)


@pytest.mark.parametrize(
    ("counts", "axis", "sign"),
    [
        ((1, (350, 0, 0)), 0, 1),  # to the right is +x
        ((1, (0, 350, 0)), 1, -1),  # towards the person is -y
        ((1, (0, 0, 350)), 2, -1),  # down is -z
        ((2, (350, 0, 0)), 3, 1),
        ((2, (0, 350, 0)), 4, -1),
        ((2, (0, 0, 350)), 5, -1),  # clockwise from above turns about -z
    ],
)
def test_axes_are_those_of_a_person_who_looks_along_y(mouse, raw, counts, axis, sign):
    raw.waiting = [report(1, 0, 0, 0), report(2, 0, 0, 0), report(counts[0], *counts[1])]
    expected = np.zeros(6)
    expected[axis] = sign
    assert mouse.read().deflection.tolist() == expected.tolist()


@pytest.mark.parametrize(("layout", "product"), [("split", 0xC635), ("whole", 0xC62E)])
def test_both_layouts_say_the_same(clock, layout, product):
    raw = Raw(product)
    wanted = np.array([0.1, -0.2, 0.3, -0.4, 0.5, -0.6])
    with SpaceMouse(TeleopConfig(), clock, lambda: raw) as mouse:
        raw.waiting = axes_reports(wanted, layout)
        sample = mouse.read()
    assert sample.deflection.tolist() == pytest.approx(wanted.tolist(), abs=1e-12)


def test_the_resolution_is_that_of_a_count(mouse, raw):
    raw.waiting = axes_reports(np.full(6, 0.50118), "split")
    assert mouse.read().deflection.tolist() == pytest.approx([175 / 350] * 6, abs=1e-12)


def test_every_report_that_waits_is_taken_and_the_newest_counts(mouse, raw):
    raw.waiting = [r for x in range(60) for r in axes_reports(np.full(6, x / 100), "split")]
    assert mouse.read().deflection.tolist() == pytest.approx([round(0.59 * 350) / 350] * 6)
    assert raw.waiting == []


def test_a_device_that_never_stops_talking_does_not_hold_up_the_process(mouse, raw):
    raw.waiting = axes_reports(np.full(6, 0.5), "split") * 1000
    mouse.read()
    assert len(raw.waiting) == 2000 - REPORTS_N - 1


def test_buttons_are_said_by_number(mouse, raw):
    raw.waiting = [*axes_reports(np.zeros(6), "split"), button_report(frozenset({0, 1}))]
    assert mouse.read().buttons == {0, 1}
    raw.waiting = [button_report(frozenset({1}))]
    assert mouse.read().buttons == {1}


def test_more_than_full_scale_is_full_scale(mouse, raw):
    raw.waiting = [report(1, 500, -500, -32768), report(2, 0, 0, 0)]
    assert mouse.read().deflection.tolist() == [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("data", [b"\x17\x5f", b"\x00", b"\x01", b"\xfe" * 64, b"\x03\xff\xff"])
def test_other_reports_and_torn_ones_make_no_error(mouse, raw, clock, data):
    raw.waiting = [data]
    mouse.read()
    clock.advance(10 * MS)
    mouse.read()


def test_a_device_that_hangs_while_deflected_is_silent(mouse, raw, clock):
    raw.waiting = axes_reports(np.full(6, 0.5), "split")
    assert mouse.read() is not None
    for _ in range(100):
        clock.advance(10 * MS)
        assert mouse.read() is None


@pytest.mark.parametrize("error", [OSError("gone"), "hid"])
def test_one_that_is_unplugged_lets_go_and_then_is_gone(mouse, raw, error):
    from easyhid import HIDException

    raw.waiting = [*axes_reports(np.full(6, 0.5), "split"), button_report(frozenset({0}))]
    before = mouse.read()
    raw.error = HIDException("Failed to read from HID device: -1") if error == "hid" else error
    last = mouse.read()
    assert before.buttons == {0}
    assert last.number > before.number
    assert not last.deflection.any()
    assert last.buttons == frozenset()
    for _ in range(2):
        with pytest.raises(DeviceError, match="SpaceMouseCompact at /dev/hidraw9 was unplugged"):
            mouse.read()
    assert raw.closed == 1


def test_one_that_cannot_be_opened_is_worth_another_try(raw, clock):
    raw.open_error = OSError("busy")
    with (
        pytest.raises(DeviceError, match=r"SpaceMouseCompact at /dev/hidraw9 cannot be opened"),
        SpaceMouse(TeleopConfig(), clock, lambda: raw),
    ):
        pass


def test_reopened_it_knows_nothing_of_before(raw, clock):
    mouse = SpaceMouse(TeleopConfig(), clock, lambda: raw)
    with mouse:
        raw.waiting = [*axes_reports(np.full(6, 0.5), "split"), button_report(frozenset({0}))]
        mouse.read()
    with mouse:
        assert mouse.read() is None
        clock.advance(300 * MS)
        sample = mouse.read()
    assert (sample.deflection.any(), sample.buttons) == (False, frozenset())


def test_nothing_is_printed_as_it_opens(raw, clock, capsys):
    with SpaceMouse(TeleopConfig(), clock, lambda: raw):
        pass
    assert capsys.readouterr() == ("", "")


def test_without_the_library_one_line_says_how_to_install_it(monkeypatch, clock):
    monkeypatch.setitem(sys.modules, "pyspacemouse", None)
    with (
        pytest.raises(DeviceError, match=r"pip install 'robotd\[robot\]'") as error,
        SpaceMouse(TeleopConfig(), clock),
    ):
        pass
    assert "\n" not in str(error.value)


# The mock's device


class Script:
    """An operator that does what it is told to."""

    def __init__(self, clock):
        self.clock, self.reads, self.inside = clock, 0, 0
        self.deflection, self.buttons = np.zeros(6), frozenset()

    def read(self):
        self.reads += 1
        return TeleopSample(
            t_ns=self.clock.now(),
            deflection=self.deflection,
            buttons=self.buttons,
            number=self.reads,
        )

    def __enter__(self):
        self.inside += 1
        return self

    def __exit__(self, *error):
        self.inside -= 1


@pytest.fixture
def script(clock):
    return Script(clock)


@pytest.mark.parametrize("layout", ["split", "whole"])
def test_an_operator_deflects_the_emulated_device(script, clock, layout):
    handle = FakeHandle(script, clock, layout=layout)
    with SpaceMouse(TeleopConfig(), clock, lambda: handle) as mouse:
        rng = np.random.default_rng(1)
        for _ in range(200):
            clock.advance(10 * MS)
            script.deflection = rng.uniform(-1, 1, 6)
            script.buttons = frozenset(np.flatnonzero(rng.random(2) < 0.5).tolist())
            sample = mouse.read()
            assert np.abs(sample.deflection - script.deflection).max() <= 0.5 / 350 + 1e-9
            assert sample.buttons == script.buttons
        assert script.reads == 200
    assert script.inside == 0


def test_the_emulated_device_says_nothing_at_rest(script, clock):
    handle = FakeHandle(script, clock)
    handle.open()
    reports = []
    for cycle in range(60):
        clock.advance(10 * MS)
        script.deflection = np.full(6, 0.5 if 20 <= cycle < 40 else 0.0)
        while report := handle.read(7):
            reports.append((cycle, report[0]))
    handle.close()
    assert reports == [(cycle, number) for cycle in range(20, 41) for number in (1, 2)]


def test_the_emulated_device_can_be_unplugged(script, clock):
    handle = FakeHandle(script, clock)
    with SpaceMouse(TeleopConfig(), clock, lambda: handle) as mouse:
        script.deflection, script.buttons = np.full(6, 0.5), frozenset({0})
        assert mouse.read().buttons == {0}
        handle.unplug()
        assert mouse.read().buttons == frozenset()
        with pytest.raises(DeviceError, match="was unplugged"):
            mouse.read()
    assert script.inside == 0


def test_a_button_that_the_emulated_device_has_not_is_refused(script, clock):
    with pytest.raises(ConfigError, match="two buttons"):
        FakeHandle(script, clock, buttons=2)
