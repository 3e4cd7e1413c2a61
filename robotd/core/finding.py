"""What a check found out about a device or a computer: one line, with what to do about it."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

Status = Literal["ok", "warn", "fail", "unknown"]
"""`fail`: the arm is refused with it. `unknown`: only a person can tell, or nothing depends on it.
"""

_SEVERITY: dict[Status, int] = {"ok": 0, "unknown": 1, "warn": 2, "fail": 3}


class Finding(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a check. It travels as JSON: a check of a device has a process of its own."""

    name: str
    """What was looked at, as the operator calls it."""
    found: str
    status: Status
    expected: str = ""
    fix: str = ""
    """What to do, one sentence; empty where all is well."""


def worst(findings: Iterable[Finding]) -> Status:
    """Return the most severe status; `ok` of none."""
    gravest: Status = "ok"
    for each in findings:
        if _SEVERITY[each.status] > _SEVERITY[gravest]:
            gravest = each.status
    return gravest
