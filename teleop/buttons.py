"""A device's buttons as commands of the session: a press, or a hold of a second. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from robotd.core.clock import MonoNs, seconds_to_ns
from robotd.core.config_teleop import SessionCommand, TeleopConfig
from teleop.session_table import Command

HOLD_S: Final = 1.0
"""A button held for so long says its other command, at once; what is shorter is a press."""
BOUNCE_S: Final = 0.02
"""A button that changed for less than this did not change: contacts bounce."""


@dataclass(slots=True)
class _Button:
    """One button.

    Attributes:
        down: Whether it is pressed, bounces left out.
        seen: Whether it was at the last look.
        seen_ns: Since when that is so.
        pressed_ns: When it went down.
        spent: What it has to say is said, or not to be heard: it waits for its release.
    """

    down: bool
    seen: bool
    seen_ns: MonoNs
    pressed_ns: MonoNs
    spent: bool


class ButtonCommands:
    """Says what presses mean; call `update` with every sample.

    The button that has to be held for a motion never is a command. One that is down when the device
    is first heard, or heard again, says nothing until it was let go.
    """

    def __init__(self, config: TeleopConfig) -> None:
        """Take what the buttons say."""
        self._press = _commands(config.buttons, config.deadman_button)
        self._hold = _commands(config.hold_buttons, config.deadman_button)
        self._buttons: dict[int, _Button] = {}

    def forget(self) -> None:
        """Begin anew: the device was not heard for a while."""
        self._buttons.clear()

    def update(self, now: MonoNs, pressed: frozenset[int]) -> list[Command]:
        """Return what is said at this instant.

        Args:
            now: When the buttons were read.
            pressed: Those that are down, by number.
        """
        said: list[Command] = []
        for number in sorted({*self._press, *self._hold}):
            down = number in pressed
            button = self._buttons.setdefault(number, _Button(down, down, now, now, spent=down))
            if down is not button.seen:
                button.seen, button.seen_ns = down, now
            command = self._heard(number, button, now)
            if command is not None:
                said.append(command)
        return said

    def _heard(self, number: int, button: _Button, now: MonoNs) -> Command | None:
        changed = button.seen is not button.down
        if changed and now - button.seen_ns >= seconds_to_ns(BOUNCE_S):
            button.down = button.seen
            if button.down:
                button.pressed_ns, button.spent = button.seen_ns, False
            elif not button.spent:
                button.spent = True
                return self._press.get(number)
        held_ns = now - button.pressed_ns
        if button.down and button.seen and not button.spent and held_ns >= seconds_to_ns(HOLD_S):
            button.spent = True
            return self._hold.get(number)
        return None


def _commands(names: Mapping[str, SessionCommand], deadman_button: int) -> dict[int, Command]:
    return {int(name): Command(says) for name, says in names.items() if int(name) != deadman_button}
