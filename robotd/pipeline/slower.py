"""Running a policy slower than it was trained: all that it counts in its own time, stretched.

Its rows are due, and what it sees is taken, so much further apart; a command filter's dynamics take
as much longer. The tool goes nearly the same way. What the policy sees is not what it was trained
on all the same: blocks that were pushed slide, and speeds that it infers from two pictures are its
own, but the world around it is not slower.
"""

from dataclasses import replace
from typing import Final

from msgspec import structs

from robotd.core.clock import S
from robotd.core.config import CellConfig
from robotd.core.errors import SpecMismatchError
from robotd.core.spec import PolicySpec
from robotd.core.types import ActionChunk
from robotd.pipeline.recent import KEPT_NS

FULL: Final = 1.0
NOTICE: Final = (
    "speed {speed:g}: rows and observations lie {factor:g} times as far apart as in training; this "
    "is outside the policy's training distribution, and its score is not comparable"
)


def slowed(spec: PolicySpec, speed: float) -> PolicySpec:
    """Return the spec with its rows and observations so much further apart."""
    return spec if speed == FULL else structs.replace(spec, dt_s=spec.dt_s / speed)


def slowed_chunk(chunk: ActionChunk, speed: float) -> ActionChunk:
    """Return a chunk whose rows are due so much further apart."""
    return chunk if speed == FULL else replace(chunk, dt_s=chunk.dt_s / speed)


def check_speed(spec: PolicySpec, speed: float, cell: CellConfig) -> None:
    """Refuse a speed at which the policy looks back further than streams are kept.

    Raises:
        SpecMismatchError: It does; says the slowest speed.
    """
    back_s = (spec.n_obs_steps - 1) * spec.dt_s
    kept_s = KEPT_NS / S - cell.observe.max_age_s
    if back_s / speed > kept_s:
        raise SpecMismatchError(
            f"speed: got {speed:g}, policy {spec.name} looks back {back_s / speed:.2f} s then and "
            f"the cell keeps {kept_s:.2f} s; slowest {back_s / kept_s:.2f}"
        )
