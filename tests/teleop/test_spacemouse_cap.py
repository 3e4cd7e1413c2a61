"""What the reports of a SpaceMouse amount to, told by a clock that stands still in between."""

import numpy as np
import pytest

from robotd.core.clock import MS, FakeClock, MonoNs
from teleop.cap import Cap

SPLIT, WHOLE = (1, 1, 1, 2, 2, 2), (1,) * 6
REST, BOTH = np.zeros(6), np.array([0.5, 0.0, 0.0, 0.0, 0.0, 0.5])
ALONG = np.array([0.5, 0.0, 0.0, 0.0, 0.0, 0.0])
HELD = frozenset({0})


class Device:
    """A cap and its clock; `say` is a cycle with reports, `keep_silent` one without."""

    def __init__(self, layout=SPLIT):
        self.clock = FakeClock(MonoNs(10**9))
        self.cap = Cap(layout, deadzone=0.05, deadman_button=0, now=self.clock.now())
        self.deflection, self.buttons = REST, frozenset()

    def say(self, deflection=None, *reports, buttons=None, ms=10):
        self.deflection = self.deflection if deflection is None else deflection
        self.buttons = self.buttons if buttons is None else buttons
        self.clock.advance(ms * MS)
        for report in reports:
            self.cap.hear(report, self.clock.now())
        return self.cap.sample(self.clock.now(), self.deflection, self.buttons)

    def keep_silent(self, ms=10):
        return self.say(ms=ms)


@pytest.fixture
def device():
    return Device()


def test_a_cap_at_rest_speaks_by_being_read(device):
    first = device.say(REST, 1, 2)
    samples = [device.keep_silent() for _ in range(500)]
    assert [s.number for s in samples] == list(range(first.number + 1, first.number + 501))
    assert [s.t_ns for s in samples] == [first.t_ns + (i + 1) * 10 * MS for i in range(500)]
    assert not any(s.deflection.any() or s.buttons for s in samples)


def test_a_deflected_cap_speaks_by_its_reports_alone(device):
    device.say(REST, 1, 2)
    assert device.say(BOTH, 1, 2).number == 2
    assert [device.keep_silent() for _ in range(300)] == [None] * 300
    assert device.say(BOTH, 1, 2).number == 3


@pytest.mark.parametrize(("silent", "speaks"), [(1, 2), (2, 1)])
def test_half_of_a_deflection_that_is_not_heard_any_more_silences_the_rest(silent, speaks):
    device = Device()
    device.say(BOTH, 1, 2)
    assert device.say(BOTH, speaks) is not None
    assert device.say(BOTH, speaks, ms=20) is not None  # 30 ms since the other
    assert device.say(BOTH, speaks) is None
    assert device.say(BOTH, silent) is not None


def test_an_axis_that_rests_need_not_be_heard(device):
    device.say(ALONG, 1, 2)
    assert all(device.say(ALONG, 1) is not None for _ in range(100))


def test_one_report_for_all_axes_is_enough():
    device = Device(WHOLE)
    assert all(device.say(BOTH, 1) is not None for _ in range(10))
    assert device.keep_silent() is None


def test_other_reports_do_not_keep_a_deflection_alive(device):
    """A button's report, or that of a battery, says nothing about the cap."""
    device.say(ALONG, 1, 2)
    said = [device.say(ALONG, 3) is not None for _ in range(10)]
    assert said == [True] * 3 + [False] * 7


@pytest.mark.parametrize(("size", "is_rest"), [(0.05, True), (0.0501, False)])
def test_within_the_dead_zone_it_rests(device, size, is_rest):
    device.say(REST, 1, 2)
    device.say(np.full(6, size), 1, 2)
    assert (device.keep_silent() is not None) is is_rest


def test_a_device_that_was_just_opened_is_not_taken_to_be_at_rest(device):
    assert [device.keep_silent() for _ in range(19)] == [None] * 19
    assert device.keep_silent().number == 1


def test_one_that_is_held_deflected_as_it_is_opened_says_so_at_once(device):
    assert device.say(BOTH, 1, 2).deflection.any()


def test_a_deflection_beyond_full_scale_is_full_scale(device):
    assert device.say(np.full(6, -1.3), 1, 2).deflection.tolist() == [-1.0] * 6


def test_buttons_go_along(device):
    device.say(REST, 1, 2)
    assert device.say(REST, 3, buttons=frozenset({0, 1})).buttons == {0, 1}
    assert device.say(REST, 3, buttons=frozenset()).buttons == frozenset()


def test_a_button_held_over_a_long_silence_is_to_be_pressed_anew(device):
    """A wireless device may be out of reach, and its button up long since."""
    device.say(REST, 1, 2, 3, buttons=frozenset({0, 1}))
    assert all(device.keep_silent().buttons == {0, 1} for _ in range(300))
    assert device.keep_silent().buttons == {1}
    assert device.say(ALONG, 1, 2).buttons == {1}  # in reach again, and never let go
    assert device.say(ALONG, 1, 2, 3, buttons=frozenset({1})).buttons == {1}
    assert device.say(ALONG, 1, 2, 3, buttons=frozenset({0, 1})).buttons == {0, 1}


def test_a_button_held_with_a_cap_that_speaks_stays_held(device):
    device.say(ALONG, 1, 2, 3, buttons=HELD)
    assert all(device.say(ALONG, 1, 2).buttons == HELD for _ in range(1000))


def test_the_last_word_lets_go(device):
    before = device.say(BOTH, 1, 2, 3, buttons=HELD)
    last = device.cap.let_go(device.clock.now())
    assert last.number > before.number
    assert not last.deflection.any()
    assert last.buttons == frozenset()
