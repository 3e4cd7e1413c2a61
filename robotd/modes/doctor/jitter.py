"""`python -m robotd.modes.doctor.jitter`: how late a loop at the arm's rate wakes up here.

A process of its own, with the rights that the arm's process would get, and nothing beside it: a
busy thread in the same process would be measured instead of the computer.
"""

import argparse
import sys
from collections.abc import Sequence
from math import ceil

import msgspec
from msgspec import Struct

from robotd.core.clock import MonoNs, S, SystemClock, ns_to_seconds, seconds_to_ns
from robotd.core.protocols import Clock
from robotd.servo.realtime import obtain, stop_collecting


class JitterFigures(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a loop of empty cycles kept its deadlines."""

    rate_hz: float
    seconds: float
    fifo: bool
    locked: bool
    refusal: str
    """The rights that were refused, in words."""
    cycles_n: int
    missed_n: int
    """Periods skipped because the loop woke up after them."""
    late_p50_s: float
    late_p99_s: float
    late_p999_s: float
    late_max_s: float

    @property
    def gap_s(self) -> float:
        """The longest time between two cycles [s]."""
        return 1.0 / self.rate_hz + self.late_max_s


def measure(
    clock: Clock, *, rate_hz: float, seconds: float, fifo: bool, locked: bool, refusal: str
) -> JitterFigures:
    """Run empty cycles at absolute deadlines, late ones skipped, as the arm's loop does."""
    period_ns = seconds_to_ns(1.0 / rate_hz)
    wanted = ceil(seconds * rate_hz)
    late_ns: list[int] = []
    missed_n = 0
    begun_ns = clock.now()
    due_ns = MonoNs(begun_ns + period_ns)
    while len(late_ns) + missed_n < wanted:
        clock.sleep_until(due_ns)
        late = max(0, clock.now() - due_ns)
        late_ns.append(late)
        missed_n += late // period_ns
        due_ns = MonoNs(due_ns + (1 + late // period_ns) * period_ns)
    late_ns.sort()
    return JitterFigures(
        rate_hz=rate_hz,
        seconds=ns_to_seconds(clock.now() - begun_ns),
        fifo=fifo,
        locked=locked,
        refusal=refusal,
        cycles_n=len(late_ns),
        missed_n=missed_n,
        late_p50_s=_quantile_s(late_ns, 0.5),
        late_p99_s=_quantile_s(late_ns, 0.99),
        late_p999_s=_quantile_s(late_ns, 0.999),
        late_max_s=late_ns[-1] / S,
    )


def _quantile_s(late_ns: Sequence[int], q: float) -> float:
    return late_ns[ceil(q * len(late_ns)) - 1] / S


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m robotd.modes.doctor.jitter")
    parser.add_argument("--rate-hz", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    words = parser.parse_args(argv)
    rights = obtain()
    stop_collecting()
    figures = measure(
        SystemClock(),
        rate_hz=words.rate_hz,
        seconds=words.seconds,
        fifo=rights.fifo,
        locked=rights.locked,
        refusal=rights.refusal,
    )
    sys.stdout.buffer.write(msgspec.json.encode(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
