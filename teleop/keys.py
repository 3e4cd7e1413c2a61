"""What the keys of a terminal mean: one table, from which the help is made as well."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from robotd.core.config_teleop import Axis
from teleop.deflection import AXES
from teleop.session_table import Command

HELP_KEYS: Final = ("?",)
HALT_KEYS: Final = ("space", "esc", "5")
"""They end all motion at once, whatever else they say."""

COMMANDS: Final[dict[str, Command]] = {
    "space": Command.TOGGLE,
    "s": Command.SUCCESS,
    "f": Command.FAILURE,
    "x": Command.DROP,
    "u": Command.UNDO,
    "g": Command.STAGE,
    "h": Command.HOME,
    "r": Command.RESET,
    "q": Command.QUIT,
}

COMMAND_TEXT: Final[dict[Command, str]] = {
    Command.TOGGLE: "begin to record; again: end and keep; on a way: halt",
    Command.SUCCESS: "end: a success",
    Command.FAILURE: "end: a failure",
    Command.DROP: "drop what is recorded, or the last one",
    Command.UNDO: "bring the last dropped one back",
    Command.STAGE: "mark a stage",
    Command.HOME: "go home",
    Command.RESET: "set the scene up again",
    Command.QUIT: "end the session",
}

SPEED_KEYS: Final[dict[str, float]] = {"+": 1.5, "=": 1.5, "-": 1 / 1.5}
"""Factors of the speed."""


@dataclass(frozen=True, slots=True)
class Motion:
    """Axes that a key deflects, each with its sign."""

    pushes: tuple[tuple[Axis, int], ...]
    text: str


def _motion(text: str, *pushes: tuple[Axis, int]) -> Motion:
    return Motion(pushes, text)


_UP: Final = _motion("away", ("y", 1))
_DOWN: Final = _motion("towards you", ("y", -1))
_LEFT: Final = _motion("left", ("x", -1))
_RIGHT: Final = _motion("right", ("x", 1))

MOTIONS: Final[dict[str, Motion]] = {
    "up": _UP,
    "down": _DOWN,
    "left": _LEFT,
    "right": _RIGHT,
    "i": _UP,
    "k": _DOWN,
    "j": _LEFT,
    "l": _RIGHT,
    "8": _UP,
    "2": _DOWN,
    "4": _LEFT,
    "6": _RIGHT,
    "7": _motion("left and away", ("x", -1), ("y", 1)),
    "9": _motion("right and away", ("x", 1), ("y", 1)),
    "1": _motion("left and towards you", ("x", -1), ("y", -1)),
    "3": _motion("right and towards you", ("x", 1), ("y", -1)),
    "page up": _motion("higher", ("z", 1)),
    "page down": _motion("lower", ("z", -1)),
    ",": _motion("turn left", ("rz", 1)),
    ".": _motion("turn right", ("rz", -1)),
    "w": _motion("tilt about x", ("rx", 1)),
    "e": _motion("tilt back about x", ("rx", -1)),
    "o": _motion("tilt about y", ("ry", 1)),
    "p": _motion("tilt back about y", ("ry", -1)),
}
"""The person looks along the device's y; digits lie as on a number pad."""


def motions_of(axes: Collection[Axis]) -> dict[str, Motion]:
    """Return the motion keys of a device that moves these axes."""
    return {
        key: motion
        for key, motion in MOTIONS.items()
        if all(axis in axes for axis, _ in motion.pushes)
    }


def help_lines(axes: Collection[Axis] = AXES) -> tuple[str, ...]:
    """Return the help: what each key means, keys of the same meaning together."""
    meanings: dict[str, list[str]] = {}
    for key, command in COMMANDS.items():
        meanings.setdefault(COMMAND_TEXT[command], []).append(key)
    for key, motion in motions_of(axes).items():
        meanings.setdefault(motion.text, []).append(key)
    meanings["faster, slower"] = ["+", "-"]
    meanings["stop moving"] = [key for key in HALT_KEYS if key not in COMMANDS]
    meanings["this help"] = [*HELP_KEYS]
    width = max(len("  ".join(keys)) for keys in meanings.values())
    return tuple(f"{'  '.join(keys):<{width}}  {text}" for text, keys in meanings.items())
