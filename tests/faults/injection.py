"""One fault done to a cell: what was measured of it, and what went wrong. A row of them is a table.

Figures are judged twice: a hard limit, which a loaded computer has a stated factor more of, and the
bound itself, against which the exact figure is reported.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct

HOST_FACTOR: Final = 2.0
"""Motion bounds are asserted with so much more: two cells share two cores in the tests."""


class Bound(Struct, frozen=True, kw_only=True):
    """How much of something is allowed."""

    measure: str
    """Name of the figure, its unit at its end."""
    limit: float
    factor: float = HOST_FACTOR


class Row(Struct, frozen=True, kw_only=True):
    """One row of the fault matrix."""

    id: str
    matrix: str
    """Its number there; empty for what only stands beside it."""
    fault: str
    how: str
    """How it is injected, one sentence."""
    promise: str
    """What is to hold beside the bounds; every breach is a failure."""
    bounds: tuple[Bound, ...] = ()


class Injection(Struct, frozen=True, kw_only=True):
    """What came of one fault."""

    row: str
    number: int
    seed: int
    measures: dict[str, float] = {}
    failures: tuple[str, ...] = ()
    """Each a sentence; empty where all held."""


class Figure(Struct, frozen=True, kw_only=True):
    """One measure over all injections of a row."""

    measure: str
    bound: float | None
    count: int
    p50: float
    max: float
    over_n: int
    """Injections over the bound itself."""


class Outcome(Struct, frozen=True, kw_only=True):
    """A row with what came of it."""

    row: Row
    injections: int
    failures: tuple[str, ...]
    figures: tuple[Figure, ...]


def judged(row: Row, injection: Injection) -> Injection:
    """Return it with a failure more for every figure over its bound and the host's factor."""
    over = [
        f"{bound.measure}: {injection.measures[bound.measure]:.3g}, bound {bound.limit:g} "
        f"with a factor {bound.factor:g}"
        for bound in row.bounds
        if injection.measures.get(bound.measure, 0.0) > bound.limit * bound.factor
    ]
    return Injection(
        row=injection.row,
        number=injection.number,
        seed=injection.seed,
        measures=injection.measures,
        failures=(*injection.failures, *over),
    )


def summarise(row: Row, injections: Sequence[Injection]) -> Outcome:
    """Reduce a row's injections to its line in the table."""
    own = [injection for injection in injections if injection.row == row.id]
    limits = {bound.measure: bound.limit for bound in row.bounds}
    names = dict.fromkeys([*limits, *(name for i in own for name in i.measures)])
    figures = []
    for name in names:
        values = [i.measures[name] for i in own if name in i.measures]
        if values:
            limit = limits.get(name)
            figures.append(
                Figure(
                    measure=name,
                    bound=limit,
                    count=len(values),
                    p50=round(float(np.median(values)), 3),
                    max=round(max(values), 3),
                    over_n=0 if limit is None else sum(value > limit for value in values),
                )
            )
    failures = tuple(
        f"{row.id} #{i.number} (seed {i.seed}): {sentence}" for i in own for sentence in i.failures
    )
    return Outcome(row=row, injections=len(own), failures=failures, figures=tuple(figures))
