"""Recognises the control script that ur_rtde uploads, and reads what varies in it.

Source: ur_rtde 1.6.5, the text that its `RTDEControlInterface` sends.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

_FIRST_LINE: Final = re.compile(r"^\s*def rtde_control\(\):")
_OFFSET: Final = re.compile(r"reg_offset_int\s*=[^\n]*\n\s*(\d+)")
_PATH: Final = re.compile(r"# inject move path\n(.*?)\n\s*end\b", re.DOTALL)
_STEP: Final = re.compile(
    r"signal_async_progress\((?P<n>\d+)\)"
    r"|(?P<move>move[jlp])\((?P<pose>p?)\[(?P<six>[^\]]*)\],\s*"
    r"a=(?P<a>[^,]*),\s*v=(?P<v>[^,]*),\s*r=(?P<r>[^)]*)\)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathMove:
    """One move of an injected path.

    Attributes:
        move: Which.
        values: Six joints, or a pose.
        pose: Whether it is a pose.
        acceleration: In the move's own unit.
        speed: In the move's own unit.
    """

    move: Literal["movej", "movel"]
    values: list[float]
    pose: bool
    acceleration: float
    speed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StockScript:
    """What varies in the text.

    Attributes:
        offset: First general-purpose register: 0 or 24.
        path: Numbers to signal as progress, and moves, in their order.
    """

    offset: int
    path: tuple[int | PathMove, ...]


def recognise(text: str) -> StockScript | None:
    """Return what varies in ur_rtde's own script; None where the text is another one."""
    if not _FIRST_LINE.match(text) or "process_cmd(cmd)" not in text:
        return None
    offset = _OFFSET.search(text)
    path = _PATH.search(text)
    return StockScript(
        offset=int(offset[1]) if offset else 0,
        path=tuple(_steps(path[1])) if path else (),
    )


def _steps(text: str) -> list[int | PathMove]:
    steps: list[int | PathMove] = []
    for found in _STEP.finditer(text):
        if found["n"] is not None:
            steps.append(int(found["n"]))
            continue
        steps.append(
            PathMove(
                move="movej" if found["move"] == "movej" else "movel",
                values=[float(word) for word in found["six"].split(",")],
                pose=found["pose"] == "p",
                acceleration=float(found["a"]),
                speed=float(found["v"]),
            )
        )
    return steps
