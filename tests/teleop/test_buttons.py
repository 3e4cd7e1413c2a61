"""Presses and holds of a device's buttons, on a fake clock."""

import pytest

from robotd.core.clock import MS, MonoNs
from robotd.core.config_teleop import TeleopConfig
from teleop.buttons import ButtonCommands
from teleop.session_table import Command

CONFIG = TeleopConfig(
    deadman_button=0,
    buttons={"1": "toggle", "2": "success", "0": "quit"},
    hold_buttons={"1": "drop", "3": "home", "0": "quit"},
)


def played(*phases, config=CONFIG, step_ms=10):
    """Everything said while buttons are pressed: phases of (milliseconds, buttons)."""
    commands, now, said = ButtonCommands(config), 0, []
    for duration_ms, buttons in phases:
        for _ in range(duration_ms // step_ms):
            now += step_ms * MS
            said += [
                (now // MS, command) for command in commands.update(MonoNs(now), frozenset(buttons))
            ]
    return said


def words(said):
    return [command for _, command in said]


@pytest.mark.parametrize("held_ms", [40, 500, 990])
def test_a_press_is_said_when_the_button_comes_up(held_ms):
    said = played((100, ()), (held_ms, {1}), (100, ()))
    assert words(said) == [Command.TOGGLE]
    assert said[0][0] == 100 + held_ms + 30  # 20 ms for the bounce, seen at the sample after


def test_a_hold_is_said_after_a_second_and_its_release_says_nothing():
    said = played((100, ()), (1500, {1}), (500, ()))
    assert said == [(1110, Command.DROP)]


def test_a_button_without_a_hold_says_nothing_when_held_long():
    assert played((100, ()), (1500, {2}), (500, ())) == []


def test_a_button_with_a_hold_alone_says_nothing_when_pressed():
    assert played((100, ()), (300, {3}), (500, ())) == []
    assert words(played((100, ()), (1300, {3}), (500, ()))) == [Command.HOME]


def test_the_button_held_for_motion_is_never_a_command():
    assert played((100, ()), (300, {0}), (100, ()), (1500, {0}), (100, ())) == []


def test_contacts_that_bounce_are_one_press():
    bounce = [(10, {1}), (10, ())] * 3
    said = played((100, ()), *bounce, (300, {1}), *bounce, (300, ()))
    assert words(said) == [Command.TOGGLE]


def test_a_blip_is_no_press():
    assert played((100, ()), (10, {1}), (300, ())) == []


def test_a_gap_in_a_hold_that_is_a_bounce_does_not_end_it():
    said = played((100, ()), (600, {1}), (10, ()), (600, {1}), (100, ()))
    assert words(said) == [Command.DROP]


def test_a_button_down_from_the_beginning_says_nothing():
    assert played((2000, {1}), (100, ())) == []
    assert words(played((2000, {1}), (100, ()), (100, {1}), (100, ()))) == [Command.TOGGLE]


def test_after_a_gap_of_the_device_a_button_that_is_down_says_nothing():
    commands = ButtonCommands(CONFIG)
    for now in range(0, 500, 10):
        commands.update(MonoNs(now * MS), frozenset({1}) if now > 100 else frozenset())
    commands.forget()
    said = []
    for now in range(1000, 3000, 10):
        said += commands.update(MonoNs(now * MS), frozenset({1}) if now < 2500 else frozenset())
    assert said == []


def test_two_buttons_do_not_disturb_each_other():
    said = played((100, ()), (200, {1, 2}), (100, {2}), (100, ()))
    assert words(said) == [Command.TOGGLE, Command.SUCCESS]
