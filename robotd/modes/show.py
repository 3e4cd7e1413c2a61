"""What a person sees of a run while it goes on: one line, on stderr."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from robotd.modes.messages import DaemonStatus

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
        text = _line(status)
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
    if (arm := status.arm) is not None:
        parts.append(f"arm {arm.phase} late p99 {arm.late_p99_ms:.2f} ms")
    return " · ".join(parts)
