"""Columns of the arm's ticks straight from their messages: a third of the time of an item each.

At 500 Hz ticks are nearly all that an episode holds beside its pictures.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from itertools import chain
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import ArmFault, ArmPhase, Limit, PauseCause, Source
from robotd.episodes.streams import Ticks

ARM_TICK: Final = "robotd.ArmTick"
"""The schema of these messages."""

_ARRAYS: Final[Mapping[str, tuple[int, ...]]] = {
    "q_rad": (6,),
    "qd_rad_s": (6,),
    "T_base_tcp": (4, 4),
    "q_cmd_rad": (6,),
    "T_base_cmd": (4, 4),
    "speed_scaling": (),
    "force_n": (6,),
    "current_a": (6,),
}
_NOT_ALWAYS: Final[Mapping[str, Sequence[float]]] = dict.fromkeys(
    ("force_n", "current_a"), (0.0,) * 6
)
"""Fields that older episodes lack, and what stands for them."""
_CODES: Final[Mapping[str, type[IntEnum]]] = {
    "source": Source,
    "phase": ArmPhase,
    "fault": ArmFault,
    "limit": Limit,
    "hold": PauseCause,
}
_FLAGS: Final = ("accepted", "braking")
_INTS: Final = tuple(name for name in Ticks.__slots__ if name not in (*_ARRAYS, *_FLAGS))


def columns_of(messages: Sequence[Any]) -> Ticks:
    """Return the columns of parsed `robotd.ArmTick` messages, as `Ticks.of` would of their items.

    Raises:
        ValueError: A size, a code or a number that no tick has.
    """
    columns: dict[str, NDArray[Any]] = {
        name: _array(messages, name, shape) for name, shape in _ARRAYS.items()
    }
    for names, dtype in ((_INTS, np.int64), (_FLAGS, np.bool_)):
        for name in names:
            columns[name] = np.fromiter((getattr(m, name) for m in messages), dtype)
    for name, codes in _CODES.items():
        if unknown := set(np.unique(columns[name]).tolist()) - {int(code) for code in codes}:
            raise ValueError(f"{name}: got the code {min(unknown)}, which means nothing")
    for column in columns.values():
        column.setflags(write=False)
    return Ticks(**columns)


def _array(messages: Sequence[Any], name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return a field of all messages as (N, *shape)."""
    fields: list[Any] = [getattr(message, name) for message in messages]
    if (stand_in := _NOT_ALWAYS.get(name)) is not None:
        fields = [each or stand_in for each in fields]
    values: Iterable[float] = fields
    if shape:
        size = prod(shape)
        if any(len(field) != size for field in fields):
            raise ValueError(f"{name}: expected {size} numbers")
        values = chain.from_iterable(fields)
    array = np.fromiter(values, np.float64).reshape(len(messages), *shape)
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: a value that is not finite")
    return array
