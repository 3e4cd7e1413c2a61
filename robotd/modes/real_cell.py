"""What a real arm asks of a person before it may move; a mock asks for nothing."""

import select
import sys
import termios

from robotd.core.config import CellConfig
from robotd.core.errors import ConfigError
from robotd.core.process import StopFlag


def require_terminal(cell: CellConfig) -> None:
    """Refuse to go on towards a real arm without a person at a terminal; no flag replaces them.

    Raises:
        ConfigError: stdin is no terminal.
    """
    # A process may be started without any stdin.
    if not cell.mock and not (sys.stdin and sys.stdin.isatty()):
        raise ConfigError(
            cell.name,
            "terminal",
            got="none on stdin",
            expected="a terminal",
            hint="a person arms a real arm; no flag does",
        )


def ask(text: str) -> str:
    """Ask the person at the terminal and return what they type from now on, in lower case."""
    termios.tcflush(sys.stdin, termios.TCIFLUSH)  # what was typed before the question is no answer
    sys.stderr.write(text)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower()


class EnterKey:
    """The person's Enter at the terminal, where there is one; never waits."""

    def __init__(self) -> None:
        """Forget what was typed so far: it was meant for something else."""
        self.present = bool(sys.stdin and sys.stdin.isatty())
        if self.present:
            termios.tcflush(sys.stdin, termios.TCIFLUSH)

    def pressed(self) -> bool:
        """Return whether it was pressed since the last look."""
        if not self.present or not select.select([sys.stdin], [], [], 0)[0]:
            return False
        return sys.stdin.readline() != ""


def ask_to_arm(cell: CellConfig, stop: StopFlag) -> bool:
    """Ask the person at the terminal; say whether to arm. Ctrl-C is a no."""
    if cell.mock:
        return True
    termios.tcflush(sys.stdin, termios.TCIFLUSH)  # what was typed before the question is no answer
    sys.stderr.write(
        f"The arm of cell {cell.name} will move. Clear the cell and hold the emergency stop.\n"
        f"Type the cell's name to arm it, anything else to leave: "
    )
    sys.stderr.flush()
    ready, _, _ = select.select([sys.stdin, stop], [], [])
    return sys.stdin in ready and sys.stdin.readline().strip() == cell.name
