"""What scripts may call: functions that give a value, commands at once, commands that take time."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from robotd.sim.ur.script.machine import PoseValue, ScriptMachine, Six, WatchdogAction
from robotd.sim.ur.script.values import Value, fits, integer, kind, number, six, truth

Arguments = list[Value]
REQUIRED = object()
"""Stands for the missing default of a parameter that must be given."""


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A function of the controller.

    Attributes:
        parameters: Name of each, in order, and its default or `REQUIRED`.
        run: Takes the machine and one value a parameter; gives the result. Raises ValueError.
    """

    parameters: tuple[tuple[str, object], ...]
    run: Callable[[ScriptMachine, Arguments], Value]


def _built_in(signature: str, run: Callable[[ScriptMachine, Arguments], Value]) -> BuiltIn:
    """Parameters from a text such as `q a=1.4`; all defaults are numbers, texts or True."""
    parameters: list[tuple[str, object]] = []
    for word in signature.split():
        name, equals, default = word.partition("=")
        parameters.append((name, _default(default) if equals else REQUIRED))
    return BuiltIn(tuple(parameters), run)


def _default(text: str) -> Value:
    if text == "False":
        return False
    return float(text) if text.replace(".", "", 1).isdigit() else text


def _of_number(run: Callable[[float], float]) -> BuiltIn:
    """A function of one number."""
    return _built_in("f", lambda _, a: run(float(number(a[0]))))


def _norm(_: ScriptMachine, a: Arguments) -> Value:
    value = a[0]
    if type(value) is float:
        return abs(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return fits(abs(value))
    if isinstance(value, PoseValue):
        return math.hypot(*value.values)
    if isinstance(value, tuple):
        return math.hypot(*(number(item) for item in value))
    raise ValueError(f"norm of {kind(value)}")


def _register(value: Value, below: int) -> int:
    index = integer(value)
    if not 0 <= index < below:
        raise ValueError(f"register {index}: there are 0 to {below - 1}")
    return index


def _length(_: ScriptMachine, a: Arguments) -> Value:
    if isinstance(a[0], tuple | str):
        return len(a[0])
    raise ValueError(f"length of {kind(a[0])}")


VALUES: Mapping[str, BuiltIn] = MappingProxyType(
    {
        "norm": _built_in("a", _norm),
        "length": _built_in("v", _length),
        "sqrt": _of_number(math.sqrt),
        "sin": _of_number(math.sin),
        "cos": _of_number(math.cos),
        "tan": _of_number(math.tan),
        "asin": _of_number(math.asin),
        "acos": _of_number(math.acos),
        "atan": _of_number(math.atan),
        "d2r": _of_number(math.radians),
        "r2d": _of_number(math.degrees),
        "atan2": _built_in(
            "x y", lambda _, a: math.atan2(float(number(a[0])), float(number(a[1])))
        ),
        "floor": _built_in("f", lambda _, a: fits(math.floor(number(a[0])))),
        "ceil": _built_in("f", lambda _, a: fits(math.ceil(number(a[0])))),
        "get_steptime": _built_in("", lambda m, _: m.period_s),
        "read_input_integer_register": _built_in(
            "address", lambda m, a: m.read_input_integer_register(_register(a[0], 48))
        ),
        "read_input_float_register": _built_in(
            "address", lambda m, a: m.read_input_float_register(_register(a[0], 48))
        ),
        "read_input_boolean_register": _built_in(
            "address", lambda m, a: m.read_input_boolean_register(_register(a[0], 128))
        ),
        "get_actual_joint_positions": _built_in("", lambda m, _: m.get_actual_joint_positions()),
        "get_target_joint_positions": _built_in("", lambda m, _: m.get_target_joint_positions()),
        "get_actual_joint_speeds": _built_in("", lambda m, _: m.get_actual_joint_speeds()),
        "get_actual_tcp_pose": _built_in("", lambda m, _: m.get_actual_tcp_pose()),
    }
)
"""Functions that give a value and take no time."""


def _write_integer(m: ScriptMachine, a: Arguments) -> Value:
    m.write_output_integer_register(_register(a[0], 48), fits(integer(a[1])))
    return None


def _write_float(m: ScriptMachine, a: Arguments) -> Value:
    m.write_output_float_register(_register(a[0], 48), float(number(a[1])))
    return None


def _write_boolean(m: ScriptMachine, a: Arguments) -> Value:
    m.write_output_boolean_register(_register(a[0], 128), value=truth(a[1]))
    return None


_ACTIONS: dict[str, WatchdogAction] = {"ignore": "ignore", "pause": "pause", "stop": "stop"}


def _watchdog(m: ScriptMachine, a: Arguments) -> Value:
    variable, action = a[0], a[2]
    if not isinstance(variable, str):
        raise ValueError(f"the name of an RTDE input is a string, got {kind(variable)}")
    if not isinstance(action, str) or action not in _ACTIONS:
        raise ValueError(f"action {action!r}, valid: {', '.join(_ACTIONS)}")
    m.rtde_set_watchdog(variable, float(number(a[1])), _ACTIONS[action])
    return None


def _textmsg(m: ScriptMachine, a: Arguments) -> Value:
    m.textmsg("".join(str(part) for part in a))
    return None


def _popup(m: ScriptMachine, a: Arguments) -> Value:
    if a[4] is not False:
        raise ValueError("a popup that blocks is not emulated")
    m.popup(str(a[0]))
    return None


def _set_tcp(m: ScriptMachine, a: Arguments) -> Value:
    if not isinstance(a[0], PoseValue):
        raise ValueError(f"expected a pose, got {kind(a[0])}")
    m.set_tcp(a[0])
    return None


def _set_payload(m: ScriptMachine, a: Arguments) -> Value:
    centre = a[1]
    if not isinstance(centre, tuple) or len(centre) != 3:
        raise ValueError(f"expected the centre of gravity as a list of 3, got {kind(centre)}")
    x, y, z = (float(number(item)) for item in centre)
    m.set_payload(float(number(a[0])), (x, y, z))
    return None


def _output(first: int, count: int) -> BuiltIn:
    """A command that sets one of `count` outputs, of which the machine's `first` is number 0."""

    def run(m: ScriptMachine, a: Arguments) -> Value:
        index = integer(a[0])
        if not 0 <= index < count:
            raise ValueError(f"output {index}: there are 0 to {count - 1}")
        m.set_digital_output(first + index, value=truth(a[1]))
        return None

    return _built_in("n b", run)


COMMANDS: Mapping[str, BuiltIn] = MappingProxyType(
    {
        "write_output_integer_register": _built_in("address value", _write_integer),
        "write_output_float_register": _built_in("address value", _write_float),
        "write_output_boolean_register": _built_in("address value", _write_boolean),
        "rtde_set_watchdog": _built_in("variable_name min_frequency action=pause", _watchdog),
        "textmsg": _built_in("s1 s2=", _textmsg),
        "popup": _built_in("s title=Popup warning=False error=False blocking=False", _popup),
        "set_tcp": _built_in("pose", _set_tcp),
        "set_payload": _built_in("m cog", _set_payload),
        "set_digital_out": _output(0, 10),
        "set_standard_digital_out": _output(0, 8),
        "set_configurable_digital_out": _output(8, 8),
        "set_tool_digital_out": _output(16, 2),
    }
)
"""Commands that take no time."""


def _target(value: Value) -> Six | PoseValue:
    return value if isinstance(value, PoseValue) else six(value)


def _above_0(value: Value, name: str) -> float:
    x = float(number(value))
    if not 0.0 < x < math.inf:
        raise ValueError(f"{name} is {x}, must be above 0")
    return x


def _within(value: Value, name: str, low: float, high: float) -> float:
    x = float(number(value))
    if not low <= x <= high:
        raise ValueError(f"{name} is {x}, must be {low} to {high}")
    return x


def _no_blend(value: Value) -> None:
    if number(value) != 0:
        raise ValueError("a blend radius is not emulated")


def _servoj(m: ScriptMachine, a: Arguments) -> Value:
    t_s = _above_0(a[3], "t")
    m.servoj(
        six(a[0]),
        t_s=t_s,
        lookahead_s=_within(a[4], "lookahead_time", 0.03, 0.2),
        gain=_within(a[5], "gain", 100.0, 2000.0),
    )
    return t_s


def _movej(m: ScriptMachine, a: Arguments) -> Value:
    _no_blend(a[4])
    m.movej(
        _target(a[0]),
        acceleration_rad_s2=_above_0(a[1], "a"),
        speed_rad_s=_above_0(a[2], "v"),
        t_s=_within(a[3], "t", 0.0, math.inf),
    )
    return None


def _movel(m: ScriptMachine, a: Arguments) -> Value:
    _no_blend(a[4])
    m.movel(
        _target(a[0]),
        acceleration_m_s2=_above_0(a[1], "a"),
        speed_m_s=_above_0(a[2], "v"),
        t_s=_within(a[3], "t", 0.0, math.inf),
    )
    return None


def _speedj(m: ScriptMachine, a: Arguments) -> Value:
    m.speedj(six(a[0]), acceleration_rad_s2=_above_0(a[1], "a"))
    return _lasting(a[2])


def _speedl(m: ScriptMachine, a: Arguments) -> Value:
    m.speedl(six(a[0]), acceleration_m_s2=_above_0(a[1], "a"))
    return _lasting(a[2])


def _lasting(t: Value) -> Value:
    """A time above 0 as it is; 0: until the speed is reached."""
    t_s = _within(t, "t", 0.0, math.inf)
    return t_s if t_s > 0 else None


def _stopj(m: ScriptMachine, a: Arguments) -> Value:
    m.stopj(_above_0(a[0], "a"))
    return None


def _stopl(m: ScriptMachine, a: Arguments) -> Value:
    m.stopl(_above_0(a[0], "a"))
    return None


TIMED: Mapping[str, BuiltIn] = MappingProxyType(
    {
        "sync": _built_in("", lambda m, _: m.period_s),
        "sleep": _built_in("t", lambda _, a: _within(a[0], "t", 0.0, 1e6)),
        "servoj": _built_in("q a=0 v=0 t=0.002 lookahead_time=0.1 gain=300", _servoj),
        "stopj": _built_in("a", _stopj),
        "stopl": _built_in("a", _stopl),
        "movej": _built_in("q a=1.4 v=1.05 t=0 r=0", _movej),
        "movel": _built_in("pose a=1.2 v=0.25 t=0 r=0", _movel),
        "speedj": _built_in("qd a t=0", _speedj),
        "speedl": _built_in("xd a t=0", _speedl),
    }
)
"""Commands that take time: the result is how long [s], or None for until the motion is done."""
