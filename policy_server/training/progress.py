"""How a run shows itself in the terminal: a bar where rich and a terminal are there, else lines."""

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    import rich.progress

LINE_EVERY_S = 10.0


class Progress(Protocol):
    """What the training loop tells."""

    def update(self, step: int, *, loss: float, samples_per_s: float) -> None:
        """Report the step reached, the mean loss since the last report, and the mean rate."""
        ...

    def note(self, step: int, figures: Mapping[str, float]) -> None:
        """Report the figures of a validation."""
        ...


class SilentProgress:
    """Shows nothing; for tests and for callers that read the log."""

    def update(self, step: int, *, loss: float, samples_per_s: float) -> None:
        """Do nothing."""

    def note(self, step: int, figures: Mapping[str, float]) -> None:
        """Do nothing."""


class LineProgress:
    """Plain lines, at most one each ten seconds, besides validations."""

    def __init__(self, total: int, *, batch: int, stream: TextIO) -> None:
        self._total, self._batch, self._stream = total, batch, stream
        self._last_s = -LINE_EVERY_S

    def update(self, step: int, *, loss: float, samples_per_s: float) -> None:
        """Write a line where the last one is old enough."""
        if monotonic() - self._last_s < LINE_EVERY_S and step != self._total:
            return
        self._last_s = monotonic()
        left_s = (self._total - step) * self._batch / max(samples_per_s, 1e-9)
        self._stream.write(
            f"step {step}/{self._total}  loss {loss:.5f}  "
            f"{samples_per_s:.0f} samples/s  {left_s / 60:.1f} min to go\n"
        )
        self._stream.flush()

    def note(self, step: int, figures: Mapping[str, float]) -> None:
        """Write the figures."""
        self._stream.write(f"step {step}  {_text(figures)}\n")
        self._stream.flush()


class BarProgress:
    """A bar of rich, with validations printed above it."""

    def __init__(self, bar: "rich.progress.Progress", total: int, *, batch: int) -> None:
        self._bar, self._total, self._batch = bar, total, batch
        self._task = bar.add_task("train", total=total, text="")

    def update(self, step: int, *, loss: float, samples_per_s: float) -> None:
        """Move the bar."""
        left_s = (self._total - step) * self._batch / max(samples_per_s, 1e-9)
        text = f"loss {loss:.5f}  {samples_per_s:.0f} samples/s  {left_s / 60:.1f} min to go"
        self._bar.update(self._task, completed=step, text=text)

    def note(self, step: int, figures: Mapping[str, float]) -> None:
        """Print the figures."""
        self._bar.console.print(f"step {step}  {_text(figures)}")


@contextmanager
def show_progress(total: int, *, batch: int) -> Generator[Progress]:
    """Choose and open the display for a run of `total` steps."""
    try:
        from rich import progress
    except ImportError:
        progress = None
    if progress is None or not sys.stderr.isatty():
        yield LineProgress(total, batch=batch, stream=sys.stderr)
        return
    columns = (
        progress.MofNCompleteColumn(),
        progress.BarColumn(),
        progress.TimeElapsedColumn(),
        progress.TextColumn("{task.fields[text]}"),
    )
    with progress.Progress(*columns) as bar:
        yield BarProgress(bar, total, batch=batch)


def _text(figures: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
