"""What a person sees of a run while it goes on: one line, on stderr."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from robotd.modes.daemon.messages import DaemonStatus

ROOM_WARNING_S = 600.0
"""With less room than for so long, every line says so."""
_EVERY_N = 20
"""Without a terminal, one status in so many is printed."""


class Progress:
    """A context manager; `show` replaces the line, or prints now and then without a terminal."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._shown_n = 0

    def __enter__(self) -> Self:
        """Take the line."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the line back."""
        if self._console.is_terminal:
            self._live.stop()

    def show(self, status: DaemonStatus) -> None:
        """Show how the run is doing."""
        self.show_text(_line(status))

    @property
    def live(self) -> bool:
        """Whether there is a terminal, in which the line changes."""
        return self._console.is_terminal

    def show_text(self, text: str) -> None:
        """Show a line of one's own."""
        if self._console.is_terminal:
            self._live.update(Text(text), refresh=True)
        elif self._shown_n % _EVERY_N == 0:
            sys.stderr.write(text + "\n")
        self._shown_n += 1

    def say(self, sentence: str) -> None:
        """Print a sentence that stays."""
        self._console.print(sentence, markup=False, soft_wrap=True)


def _line(status: DaemonStatus) -> str:
    parts = [status.state]
    if (run := status.run) is not None:
        parts += [f"{run.phase} {run.elapsed_s:4.1f} s", f"chunks {run.chunks_n}"]
        parts += (
            [f"coverage {run.coverage:.2f}", f"score {run.score:.2f}"] if run.score >= 0 else []
        )
        parts += [f"action age {run.action_age_p50_ms:.0f} ms"] if run.chunks_n else []
        parts += [f"refused {run.refused_n}"] if run.refused_n else []
    parts += [room] if (room := room_left(status)) else []
    if (arm := status.arm) is not None:
        parts.append(f"arm {arm.phase} late p99 {arm.late_p99_ms:.2f} ms")
    return " · ".join(parts)


def room_left(status: DaemonStatus) -> str:
    """Return a warning where the disk is full in a few minutes; else empty."""
    recorder = status.recorder
    if recorder is None or not status.recording or recorder.left_s > ROOM_WARNING_S:
        return ""
    return f"disk full in {recorder.left_s / 60:.0f} min"
