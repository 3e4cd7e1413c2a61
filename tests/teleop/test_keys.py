"""Bytes of a terminal, the table of keys, and the keyboard as a device; all on a fake clock."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robotd.core.clock import MS, MonoNs
from robotd.core.config_teleop import TeleopConfig
from teleop.key_codes import KeyDecoder
from teleop.keyboard import KeyPresses
from teleop.keys import (
    COMMAND_TEXT,
    COMMANDS,
    HALT_KEYS,
    HELP_KEYS,
    MOTIONS,
    SPEED_KEYS,
    help_lines,
)
from teleop.session_table import Command


def at(ms) -> MonoNs:
    return MonoNs(round(ms * MS))


def decoded(*pieces, wait_ms=1.0):
    """Keys of pieces that come one after another, and of the silence after them."""
    decoder, keys, now = KeyDecoder(), [], 0.0
    for piece in pieces:
        now += wait_ms
        keys += decoder.feed(piece, at(now))
    return keys + decoder.feed(b"", at(now + 500))


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"s", ["s"]),
        (b" ", ["space"]),
        (b"\r\n", ["enter", "enter"]),
        (b"\x1b[A\x1b[B\x1b[C\x1b[D", ["up", "down", "right", "left"]),
        (b"\x1bOA", ["up"]),  # application mode
        (b"\x1b[1;2C", ["right"]),  # with Shift held
        (b"\x1b[5~\x1b[6~", ["page up", "page down"]),
        (b"\x1b[H\x1b[F\x1b[1~\x1b[4~", ["home", "end", "home", "end"]),
        (b"\x1bx", []),  # Alt and x is not x
        (b"\x1b[15~q", ["q"]),  # F5
        (b"\x1b[<0;10;20Mq", ["q"]),  # a mouse
        (b"\xc3\xa4s", ["\u00e4", "s"]),
        (b"\xff\xfes", ["s"]),
        (b"\x00\x01s", ["s"]),
        (b"\x1b", ["esc"]),
        (b"\x1b\x1b", ["esc", "esc"]),
        (b"\x1b\x1b[A", ["esc", "up"]),
    ],
)
def test_bytes_are_keys(data, keys):
    assert decoded(data) == keys
    assert decoded(*[data[i : i + 1] for i in range(len(data))]) == keys


def test_a_lone_escape_is_known_after_a_tenth_of_a_second():
    decoder = KeyDecoder()
    assert decoder.feed(b"\x1b", at(0)) == []
    assert decoder.feed(b"", at(99)) == []
    assert decoder.feed(b"", at(101)) == ["esc"]


def test_a_sequence_that_a_slow_line_cuts_up_is_still_one_key():
    assert decoded(b"\x1b", b"[", b"A", wait_ms=80) == ["up"]


def test_a_sequence_without_an_end_is_given_up():
    assert decoded(b"\x1b[" + b"1" * 40 + b"A")[-1] == "A"


@given(st.lists(st.binary(max_size=8), max_size=8))
def test_any_bytes_end_in_an_empty_decoder(pieces):
    decoder = KeyDecoder()
    for piece in pieces:
        decoder.feed(piece, at(0))
    for wait in range(1, 80):
        decoder.feed(b"", at(wait * 200))
    assert decoder.feed(b"s", at(20000)) == ["s"]


# The table


def test_no_key_means_two_things():
    halts = set(HALT_KEYS) - set(COMMANDS)
    groups = [set(COMMANDS), set(MOTIONS), set(SPEED_KEYS), set(HELP_KEYS), halts]
    assert sum(map(len, groups)) == len(set().union(*groups))


def test_every_command_of_a_key_is_explained():
    assert set(COMMANDS.values()) == set(COMMAND_TEXT)
    assert set(Command) - set(COMMAND_TEXT) == {Command.START, Command.STOP}  # `toggle` says them


def test_the_help_names_every_key_that_does_something_and_no_other():
    lines = help_lines(("x", "y"))
    shown = {key for line in lines for key in re.split(" {2,}", line)[:-1]}
    planar = {k for k, m in MOTIONS.items() if {a for a, _ in m.pushes} <= {"x", "y"}}
    expected = set(COMMANDS) | planar | {"+", "-", "?", "esc", "5"}
    assert shown == expected
    assert max(map(len, lines)) < 80
    assert len(help_lines()) > len(lines)


# The keyboard as a device

SIX = TeleopConfig(axes=("x", "y", "z", "rx", "ry", "rz"), deadzone=0.0)


def speeds(presses, ms):
    return presses.sample(at(ms)).deflection.tolist()


def test_a_key_deflects_until_a_moment_after_its_last_repeat():
    presses = KeyPresses(SIX)
    presses.press(["right"], at(0))
    presses.press(["right"], at(100))
    assert speeds(presses, 249)[0] == 0.5
    assert presses.sample(at(249)).buttons == {0}
    assert speeds(presses, 251) == [0.0] * 6
    assert presses.sample(at(251)).buttons == frozenset()


def test_two_axes_at_once():
    presses = KeyPresses(SIX)
    presses.press(["right", "up"], at(0))
    presses.press(["up"], at(100))
    assert speeds(presses, 120) == [0.5, 0.5, 0, 0, 0, 0]
    assert speeds(presses, 200) == [0, 0.5, 0, 0, 0, 0]


def test_the_other_direction_takes_over_at_once():
    presses = KeyPresses(SIX)
    presses.press(["right"], at(0))
    presses.press(["left"], at(50))
    assert speeds(presses, 60)[0] == -0.5


@pytest.mark.parametrize("key", HALT_KEYS)
def test_a_halt_key_ends_all_motion(key):
    presses = KeyPresses(SIX)
    said = presses.press(["right", "up", key], at(0))
    assert speeds(presses, 1) == [0.0] * 6
    assert said == ([Command.TOGGLE] if key == "space" else [])


@pytest.mark.parametrize("wait_ms", [250, 660])
def test_a_command_key_that_is_held_is_said_once(wait_ms):
    """Held by mistake, `x` would drop one episode after the other."""
    presses = KeyPresses(SIX)
    said = presses.press(["x"], at(0))
    for ms in range(wait_ms, 3000, 33):
        said += presses.press(["x"], at(ms))
    assert said == [Command.DROP]
    assert presses.press(["x"], at(4000)) == [Command.DROP]


def test_a_halt_key_that_is_held_keeps_halting():
    presses = KeyPresses(SIX)
    presses.press(["space"], at(0))
    presses.press(["right", "space"], at(400))
    assert speeds(presses, 401) == [0.0] * 6


def test_axes_that_the_cell_does_not_move_have_no_keys():
    presses = KeyPresses(TeleopConfig())
    presses.press(["page up", ","], at(0))
    assert presses.sample(at(1)).buttons == frozenset()


def test_the_speed_has_a_floor_and_a_ceiling_and_no_dead_zone():
    presses = KeyPresses(TeleopConfig(deadzone=0.2))
    for key, speed in (("+", 1.0), ("-", 0.1)):
        presses.press([key] * 20 + ["right"], at(0))
        assert presses.speed == pytest.approx(speed)
        shaped = (speeds(presses, 1)[0] - 0.2) / 0.8
        assert shaped == pytest.approx(speed)


def test_keys_that_mean_nothing_do_nothing():
    presses = KeyPresses(SIX)
    assert presses.press(["z", "\u00e4", "tab"], at(0)) == []
    np.testing.assert_array_equal(presses.sample(at(1)).deflection, np.zeros(6))


def test_commands_come_in_order_and_help_is_asked_for():
    presses = KeyPresses(SIX)
    assert presses.press(["space", "g", "s", "?"], at(0)) == [
        Command.TOGGLE,
        Command.STAGE,
        Command.SUCCESS,
    ]
    assert presses.help_wanted
