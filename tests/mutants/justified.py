"""The survivors that are allowed to be, from `tests/mutants.toml`."""

import tomllib
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from tests.mutants.targets import ROOT
from tests.mutants.trial import SURVIVED, Result

FILE: Final = ROOT / "tests/mutants.toml"
MOST_N: Final = 5


class Justified(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change that alters nothing that anybody could see."""

    module: str
    line: str
    """The line that is changed, as it stands in the file."""
    change: str
    reason: str


class _File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    survivor: list[Justified] = []


def read_justified() -> list[Justified]:
    """Read the file.

    Raises:
        ValueError: It is not as it should be, or names too many.
    """
    found = msgspec.convert(tomllib.loads(FILE.read_text()), _File).survivor
    if len(found) > MOST_N:
        raise ValueError(f"{FILE}: {len(found)} survivors are justified, at most {MOST_N} may be")
    return found


def left_over(
    results: Sequence[Result], justified: Sequence[Justified], *, complete: bool
) -> list[str]:
    """Say what the file and the results do not agree on, a sentence each.

    Args:
        results: Of mutants.
        justified: Lines of the file about the modules that were mutated.
        complete: All mutants were tried, so that a line without a survivor is out of date.
    """
    allowed = {(line.module, line.line, line.change) for line in justified}
    lived = {
        (result.target, result.mutant.line, result.mutant.change)
        for result in results
        if result.mutant is not None and result.verdict == SURVIVED
    }
    found = [
        f"no test finds out: {module}: {line}   [{change}]"
        for module, line, change in sorted(lived - allowed)
    ]
    if complete:
        found += [
            f"{FILE.name} justifies what does not survive: {module}: {line}   [{change}]"
            for module, line, change in sorted(allowed - lived)
        ]
    return found
