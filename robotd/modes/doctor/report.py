"""All that was found, in sections, and the exit code that it comes to."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from robotd.core.finding import Finding, Status, worst

EXIT_CODES: Final[dict[Status, int]] = {"ok": 0, "warn": 3, "fail": 1, "unknown": 0}
"""As the commands that verify have them: 1 refused, 3 usable but not as it should be."""


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was found of one part of the cell."""

    name: str
    findings: tuple[Finding, ...]


class Report(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `--json` gets."""

    cell: str
    """Its name; empty where none was named."""
    status: Status
    """The worst of all findings."""
    counts: dict[Status, int]
    sections: tuple[Section, ...]


def report_of(cell: str, sections: Sequence[Section]) -> Report:
    """Put sections together."""
    everything = [finding for section in sections for finding in section.findings]
    counts: dict[Status, int] = dict.fromkeys(EXIT_CODES, 0)
    for finding in everything:
        counts[finding.status] += 1
    return Report(cell=cell, status=worst(everything), counts=counts, sections=tuple(sections))
