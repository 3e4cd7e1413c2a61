"""The keyboard as a hand-held device: keys deflect for as long as they repeat.

A terminal says that a key went down and that it repeats, never that it came up: so a deflection
ends by itself a moment after the last repeat. The button held for motion is a motion key being
alive; nothing else moves the arm.
"""

from collections import deque
from types import TracebackType
from typing import Final, Self

import numpy as np

from robotd.core.clock import MonoNs, seconds_to_ns
from robotd.core.config_teleop import TeleopConfig
from robotd.core.protocols import Clock
from robotd.core.types import TeleopSample
from teleop.deflection import AXES
from teleop.keys import COMMANDS, HALT_KEYS, HELP_KEYS, SPEED_KEYS, motions_of
from teleop.session_table import Command
from teleop.terminal import TerminalKeys

KEY_ALIVE_S: Final = 0.15
"""A key deflects for so long after its last repeat: terminals repeat 20 to 30 times a second."""
HELD_S: Final = 0.7
"""A command is said anew once its key was up for so long: longer than keys wait before they repeat,
so that a key that is held says it once."""
FIRST_SPEED: Final = 0.5
SLOWEST: Final = 0.1


class KeyPresses:
    """Keys in, deflection and commands out. Pure: the caller brings time and keys.

    Attributes:
        speed: Deflection of a key, up to 1: full scale.
        help_wanted: Somebody asked for the help; whoever shows it sets it back.
    """

    def __init__(self, config: TeleopConfig) -> None:
        """Take the axes that the device moves."""
        self._motions = motions_of(config.axes)
        self._deadman_button = config.deadman_button
        self._deadzone = config.deadzone
        self._until_ns = np.zeros(6, dtype=np.int64)
        self._signs = np.zeros(6)
        self._pressed_ns: dict[str, MonoNs] = {}
        self._number = 0
        self.speed = FIRST_SPEED
        self.help_wanted = False

    def press(self, keys: list[str], now: MonoNs) -> list[Command]:
        """Take keys, oldest first; return what they say to the session."""
        said: list[Command] = []
        for key in keys:
            if key in HALT_KEYS:
                self._until_ns[:] = 0
            if key in COMMANDS:
                said += [] if self._held(key, now) else [COMMANDS[key]]
            elif key in self._motions:
                self._push(key, now)
            elif key in SPEED_KEYS:
                self.speed = float(np.clip(self.speed * SPEED_KEYS[key], SLOWEST, 1.0))
            elif key in HELP_KEYS:
                self.help_wanted = True
        return said

    def sample(self, now: MonoNs) -> TeleopSample:
        """Return the device's state now."""
        alive = self._until_ns > now
        size = self._deadzone + (1.0 - self._deadzone) * self.speed  # the dead zone is no speed
        held = frozenset({self._deadman_button}) if alive.any() else frozenset[int]()
        self._number += 1
        return TeleopSample(
            t_ns=now,
            deflection=np.where(alive, self._signs * size, 0.0),
            buttons=held,
            number=self._number,
        )

    def _held(self, key: str, now: MonoNs) -> bool:
        """Whether a key is only down still."""
        before_ns, self._pressed_ns[key] = self._pressed_ns.get(key), now
        return before_ns is not None and now - before_ns < seconds_to_ns(HELD_S)

    def _push(self, key: str, now: MonoNs) -> None:
        for axis, sign in self._motions[key].pushes:
            number = AXES.index(axis)
            self._signs[number] = sign
            self._until_ns[number] = now + seconds_to_ns(KEY_ALIVE_S)


class Keyboard:
    """The terminal's keys as a `TeleopDevice`, with the commands that they say.

    Attributes:
        presses: Speed, and whether the help is wanted.
    """

    def __init__(self, config: TeleopConfig, keys: TerminalKeys, clock: Clock) -> None:
        """Take a terminal; it is taken into use on entry."""
        self.presses = KeyPresses(config)
        self._keys, self._clock = keys, clock
        self._said: deque[Command] = deque()  # one thread may read while another one asks

    def read(self) -> TeleopSample:
        """Return the state now. Never blocks.

        Raises:
            DeviceError: The terminal is gone.
        """
        now = self._clock.now()
        self._said.extend(self.presses.press(self._keys.read(now), now))
        return self.presses.sample(now)

    def commands(self) -> list[Command]:
        """Return what was said since the last call, oldest first."""
        return [self._said.popleft() for _ in range(len(self._said))]

    def __enter__(self) -> Self:
        """Take the terminal.

        Raises:
            DeviceError: There is none.
        """
        self._keys.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the terminal back."""
        self._keys.__exit__(kind, error, trace)
