"""What a person sees of a report: drawn in a terminal, one line a finding elsewhere."""

import contextlib
import sys
from collections.abc import Generator
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from robotd.core.errors import one_line
from robotd.core.finding import Finding, Status
from robotd.modes.doctor.report import Report, Section

_STYLES: Final[dict[Status, str]] = {
    "ok": "green",
    "warn": "yellow",
    "fail": "bold red",
    "unknown": "cyan",
}
_JUDGE: Final = " (for you to judge)"


class Show:
    """Prints sections as they are found out."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)

    @contextlib.contextmanager
    def busy(self, what: str) -> Generator[None]:
        """Say what takes so long, while it does; nothing where the output is no terminal."""
        if self._console.is_terminal:
            with self._console.status(what):
                yield
        else:
            yield

    def section(self, section: Section) -> None:
        """Print a section."""
        if not self._console.is_terminal:
            for finding in section.findings:
                sys.stdout.write(f"{plain_line(section.name, finding)}\n")
            sys.stdout.flush()
            return
        table = Table.grid(padding=(0, 2))
        table.add_column(width=max(map(len, _STYLES)))
        table.add_column(min_width=22)
        table.add_column()
        for finding in section.findings:
            style = _STYLES[finding.status]
            table.add_row(Text(finding.status, style=style), finding.name, _told(finding))
        self._console.print(Text(f"\n{section.name}", style="bold"))
        self._console.print(table)

    def total(self, report: Report) -> None:
        """Print the last line."""
        counts = ", ".join(f"{n} {status}" for status, n in report.counts.items() if n)
        judge = _JUDGE if report.counts["unknown"] else ""
        gap = "\n" if self._console.is_terminal else ""
        self._console.print(f"{gap}{counts}{judge}", soft_wrap=True)


def _told(finding: Finding) -> Text:
    told = Text(finding.found)
    if finding.expected:
        told.append(f"\nexpected {finding.expected}", style="dim")
    if finding.fix:
        told.append(f"\n→ {finding.fix}", style=_STYLES[finding.status])
    return told


def plain_line(section: str, finding: Finding) -> str:
    """Return a finding as one line, without anything that a terminal would obey."""
    parts = [f"{finding.status:<8}{section}: {finding.name}: {finding.found}"]
    parts += [f"expected {finding.expected}"] if finding.expected else []
    parts += [f"to do: {finding.fix}"] if finding.fix else []
    return one_line("; ".join(parts))
