"""What a person sees while jogging: one line that changes, and what the keys mean."""

from typing import Final

from robotd.modes.daemon.messages import DaemonStatus
from robotd.modes.daemon.supervisor import State
from robotd.modes.jog.messages import JogStatus
from teleop.deflection import AXES
from teleop.keys import motions_of

KEYS_LINE: Final = "hold a motion key · space axes or joints · + - speed · q quit · ? help"


def live_line(status: DaemonStatus, jog: JogStatus) -> str:
    """Return the line that shows how jogging is doing."""
    runs = status.state == State.RUNNING
    parts = [f"jog {jog.frame}" if runs else status.state]
    parts += [status.reason] if status.reason and not runs else []
    parts.append("moving" if jog.moving else "holds")
    if jog.frame == "joints":
        parts.append(" ".join(f"{angle:+.3f}" for angle in jog.q_rad) + " rad")
    else:
        parts.append(" ".join(f"{place * 1e3:+.0f}" for place in jog.p_tool_m) + " mm")
    parts.append(f"OUTSIDE: {', '.join(jog.outside)}" if jog.outside else "inside")
    parts += [f"refused: {jog.refused}"] if jog.refused else []
    parts += ["no device"] if not jog.teleop else []
    parts += ["let the device go"] if jog.neutral and jog.teleop else []
    return " · ".join(parts)


def help_lines() -> tuple[str, ...]:
    """Return what the keys mean: along or about an axis of the base frame, or one joint."""
    meanings: dict[str, list[str]] = {}
    for key, motion in motions_of(AXES).items():
        if len(motion.pushes) != 1:
            continue
        ((axis, sign),) = motion.pushes
        joint = AXES.index(axis) + 1
        way = "+" if sign > 0 else "-"
        meanings.setdefault(f"{axis} {way}, or joint {joint} {way}", []).append(key)
    meanings["axes of the base frame, or joints"] = ["space"]
    meanings["faster, slower (at most 20 mm/s)"] = ["+", "-"]
    meanings["stop moving"] = ["esc", "5"]
    meanings["quit"] = ["q"]
    width = max(len("  ".join(keys)) for keys in meanings.values())
    return tuple(f"{'  '.join(keys):<{width}}  {text}" for text, keys in meanings.items())
