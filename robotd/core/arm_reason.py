"""Why the arm process stopped last, in words: ticks carry numbers alone."""

import contextlib
from pathlib import Path

from robotd.core.errors import one_line
from robotd.core.run_files import ARM_REASON
from robotd.core.whole_file import whole_file


def write_reason(run: Path, session: int, words: str) -> None:
    """Say why a session ended by a fault; before the tick that says so. Never raises.

    The arm may be braking meanwhile: no disk is waited for.

    Args:
        run: The run directory.
        session: The arming that ended.
        words: What a driver or a check said, one sentence; may be empty.
    """
    with contextlib.suppress(OSError), whole_file(run / ARM_REASON, durable=False) as partial:
        partial.write_text(f"{session} {one_line(words)}", encoding="utf-8")


def read_reason(run: Path, session: int) -> str:
    """Return why that session ended by a fault; empty where nothing was said about it."""
    try:
        text = (run / ARM_REASON).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    number, _, words = text.partition(" ")
    return words if number == str(session) else ""
