"""A statement or block made ready to run, and how it may be left."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import Enum

from robotd.sim.ur.script.frame import Frame


class Flow(Enum):
    """How a block was left before its end."""

    BREAK = "break"
    CONTINUE = "continue"
    RETURN = "return"
    HALT = "halt"


Cycles = Generator[None, None, Flow | None]


@dataclass(frozen=True, slots=True)
class Code:
    """A statement or block made ready: exactly one of the two is there.

    Attributes:
        at_once: Runs it where it takes no time.
        over_time: Runs it where it may take cycles: yields at the end of each.
    """

    at_once: Callable[[Frame], Flow | None] | None = None
    over_time: Callable[[Frame], Cycles] | None = None
