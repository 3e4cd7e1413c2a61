"""Turns expressions into Python functions of a frame, once, so that running them is fast."""

from collections.abc import Callable
from operator import add, eq, ge, gt, le, lt, mul, ne, sub
from typing import Protocol, TypeVar

from robotd.sim.ur.script import functions as built_in
from robotd.sim.ur.script import syntax as tree
from robotd.sim.ur.script import values
from robotd.sim.ur.script.frame import Frame
from robotd.sim.ur.script.machine import PoseValue
from robotd.sim.ur.script.values import Value

Default = TypeVar("Default")
Evaluate = Callable[[Frame], Value]
Truth = Callable[[Frame], bool]


class UserFunctions(Protocol):
    """The functions that a script defines."""

    def untimed(self, call: tree.Call) -> Evaluate | None:
        """The call of a defined function that takes no time; None where it is not defined.

        Raises:
            URScriptError: It takes time, or the arguments do not fit.
        """
        ...


def evaluation(node: tree.Expression, known: UserFunctions) -> Evaluate:
    """The function that gives the value of `node`.

    Raises:
        URScriptError: An unknown function, arguments that do not fit, or a call that takes time.
    """
    match node:
        case tree.Literal(value=value):
            return lambda _: value
        case tree.Name(name=name):
            return _name(node, name)
        case tree.ListOf():
            return _list(node, known)
        case tree.Index():
            return _index(node, known)
        case tree.Unary():
            return _unary(node, known)
        case tree.Binary(operator="and" | "or" | "xor"):
            return _logic(node, known)
        case tree.Binary(operator="+" | "-" | "*" | "/" | "%"):
            return _arithmetic(node, known)
        case tree.Binary():
            return _comparison(node, known)
        case tree.Call():
            return _call(node, known)


def condition(node: tree.Expression, known: UserFunctions) -> Truth:
    """The function that gives the truth of `node`, which must be True or False."""
    match node:
        case tree.Unary(operator="not"):
            return _not(node, known)
        case tree.Binary(operator="and" | "or" | "xor"):
            return _logic(node, known)
        case tree.Binary(operator="==" | "!=" | "<" | "<=" | ">" | ">="):
            return _comparison(node, known)
        case _:
            return _checked_truth(node, known)


def _checked_truth(node: tree.Expression, known: UserFunctions) -> Truth:
    """Of an expression that may give anything."""
    value = evaluation(node, known)

    def run(frame: Frame) -> bool:
        found = value(frame)
        if found is True or found is False:
            return found
        raise node.error(f"expected True or False, got {values.kind(found)}")

    return run


def bind(
    call: tree.Call,
    parameters: tuple[tuple[str, Default], ...],
    known: UserFunctions,
    default: Callable[[Default], Evaluate | None],
) -> list[Evaluate]:
    """One function a parameter: from the call's arguments, else from the defaults.

    Raises:
        URScriptError: Too many, too few, unknown or twice given.
    """
    names = [name for name, _ in parameters]
    if len(call.arguments) > len(names):
        most = f"{len(names)} argument{'s' * (len(names) != 1)}"
        raise call.error(f"{call.name} takes {most}, got {len(call.arguments)}")
    given = dict(zip(names, call.arguments, strict=False))
    for name, argument in call.named:
        if name not in names:
            raise call.error(f"{call.name} has no parameter {name!r}")
        if name in given:
            raise call.error(f"{call.name}: {name!r} is given twice")
        given[name] = argument
    bound: list[Evaluate] = []
    for name, otherwise in parameters:
        found = evaluation(given[name], known) if name in given else default(otherwise)
        if found is None:
            raise call.error(f"{call.name} needs {name!r}")
        bound.append(found)
    return bound


def call_built_in(call: tree.Call, function: built_in.BuiltIn, known: UserFunctions) -> Evaluate:
    """The function that calls one of the controller's own."""
    bound = bind(call, function.parameters, known, _built_in_default)
    run_it = function.run
    first = bound[0] if len(bound) == 1 else None

    def run(frame: Frame) -> Value:
        arguments = [argument(frame) for argument in bound] if first is None else [first(frame)]
        try:
            return run_it(frame.runtime.machine, arguments)
        except (ValueError, OverflowError) as error:
            raise call.error(f"{call.name}: {error}") from error

    return run


def _built_in_default(default: object) -> Evaluate | None:
    if isinstance(default, bool | int | float | str):
        return lambda _: default
    return None


def _call(call: tree.Call, known: UserFunctions) -> Evaluate:
    defined = known.untimed(call)
    if defined is not None:
        return defined
    if call.name in built_in.VALUES:
        return call_built_in(call, built_in.VALUES[call.name], known)
    if call.name in built_in.COMMANDS or call.name in built_in.TIMED:
        raise call.error(f"{call.name} gives no value")
    raise call.error(f"function {call.name!r} is not known, or not emulated")


def _name(node: tree.Name, name: str) -> Evaluate:
    def run(frame: Frame) -> Value:
        found = frame.variables.get(name)
        return frame.get(name, node) if found is None else found

    return run


def _list(node: tree.ListOf, known: UserFunctions) -> Evaluate:
    items = [evaluation(item, known) for item in node.items]
    if not node.is_pose:
        return lambda frame: tuple(item(frame) for item in items)

    def run(frame: Frame) -> Value:
        try:
            return PoseValue(values.six(tuple(item(frame) for item in items)))
        except ValueError as error:
            raise node.error(str(error)) from error

    return run


def _index(node: tree.Index, known: UserFunctions) -> Evaluate:
    of, index = evaluation(node.of, known), evaluation(node.index, known)

    def run(frame: Frame) -> Value:
        items, at = of(frame), index(frame)
        if type(items) is tuple and type(at) is int and 0 <= at < len(items):
            return items[at]
        try:
            return values.element(items, at)
        except ValueError as error:
            raise node.error(str(error)) from error

    return run


def _unary(node: tree.Unary, known: UserFunctions) -> Evaluate:
    if node.operator == "not":
        return _not(node, known)
    operand = evaluation(node.operand, known)

    def run(frame: Frame) -> Value:
        try:
            value = values.number(operand(frame))
            return values.fits(-value) if isinstance(value, int) else -value
        except ValueError as error:
            raise node.error(str(error)) from error

    return run


def _not(node: tree.Unary, known: UserFunctions) -> Truth:
    truth = condition(node.operand, known)
    return lambda frame: not truth(frame)


def _logic(node: tree.Binary, known: UserFunctions) -> Truth:
    """`and`, `or`, `xor`; both sides are always evaluated, whatever a controller may skip."""
    left, right = condition(node.left, known), condition(node.right, known)
    match node.operator:
        case "and":
            return lambda frame: left(frame) & right(frame)
        case "or":
            return lambda frame: left(frame) | right(frame)
        case _:
            return lambda frame: left(frame) ^ right(frame)


_ARITHMETIC: dict[str, Callable[[float, float], float]] = {"+": add, "-": sub, "*": mul}
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    **{"==": eq, "!=": ne, "<": lt},
    **{"<=": le, ">": gt, ">=": ge},
}


def _arithmetic(node: tree.Binary, known: UserFunctions) -> Evaluate:
    left, right = evaluation(node.left, known), evaluation(node.right, known)
    operator, fast = node.operator, _ARITHMETIC.get(node.operator)

    def run(frame: Frame) -> Value:
        a, b = left(frame), right(frame)
        if fast is not None and type(a) is float and type(b) is float:
            return fast(a, b)
        try:
            return values.arithmetic(operator, a, b)
        except ValueError as error:
            raise node.error(str(error)) from error

    return run


def _comparison(node: tree.Binary, known: UserFunctions) -> Truth:
    left, right = evaluation(node.left, known), evaluation(node.right, known)
    operator, fast = node.operator, _COMPARISONS[node.operator]

    def run(frame: Frame) -> bool:
        a, b = left(frame), right(frame)
        if (type(a) is float or type(a) is int) and (type(b) is float or type(b) is int):
            return fast(a, b)
        try:
            return values.compare(operator, a, b)
        except ValueError as error:
            raise node.error(str(error)) from error

    return run
