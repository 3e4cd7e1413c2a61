"""The person's keys while collecting, if there is a person: as commands, or as the device too."""

import contextlib
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Protocol

import msgspec

from robotd.core.clock import SystemClock
from robotd.core.config_teleop import TeleopConfig
from teleop.keyboard import Keyboard
from teleop.publisher import PublisherThread, TeleopPublisher
from teleop.session_table import Command
from teleop.terminal import TerminalKeys


class Keys(Protocol):
    """What was typed."""

    def commands(self) -> list[Command]:
        """Return what was said since the last call, oldest first. Never blocks.

        Raises:
            DeviceError: The terminal is gone.
        """
        ...

    def help_wanted(self) -> bool:
        """Return whether somebody asked for the help since the last call."""
        ...


class NoKeys:
    """Nobody is there."""

    def commands(self) -> list[Command]:
        """Return nothing."""
        return []

    def help_wanted(self) -> bool:
        """Return no."""
        return False


class CommandKeys:
    """A terminal whose keys say commands, whoever operates."""

    def __init__(self, keyboard: Keyboard) -> None:
        self._keyboard = keyboard

    def commands(self) -> list[Command]:
        """Read the terminal."""
        self._keyboard.read()
        return self._keyboard.commands()

    def help_wanted(self) -> bool:
        """Return whether somebody asked for the help since the last call."""
        presses = self._keyboard.presses
        wanted, presses.help_wanted = presses.help_wanted, False
        return wanted


class OperatingKeys(CommandKeys):
    """A terminal that is the device: its thread reads the keys."""

    def __init__(self, keyboard: Keyboard, thread: PublisherThread) -> None:
        super().__init__(keyboard)
        self._thread = thread

    def commands(self) -> list[Command]:
        """Return what the thread has read."""
        self._thread.check()
        return self._keyboard.commands()


@contextlib.contextmanager
def keys_of(config: TeleopConfig, run_dir: Path, *, operates: bool) -> Generator[Keys]:
    """Take the terminal, where there is one.

    Args:
        config: The device's; with a keyboard that operates, how it moves the tool.
        run_dir: Of the daemon, for a keyboard that operates.
        operates: Whether the keyboard moves the arm.

    Raises:
        DeviceError: It is to operate and there is no terminal.
    """
    if not operates and not (sys.stdin and sys.stdin.isatty()):
        yield NoKeys()
        return
    clock = SystemClock()
    axes = config.axes if operates else ()
    mine = msgspec.structs.replace(config, axes=axes)
    with Keyboard(mine, TerminalKeys(), clock) as keyboard:
        if not operates:
            yield CommandKeys(keyboard)
            return
        with (
            TeleopPublisher(run_dir, keyboard) as publisher,
            PublisherThread(publisher, clock) as thread,
        ):
            yield OperatingKeys(keyboard, thread)
