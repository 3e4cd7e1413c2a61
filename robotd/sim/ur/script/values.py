"""The values of URScript and what may be done with them.

Lists are tuples and poses are frozen: assigning a list copies it. Numbers are doubles and 32-bit
integers; where documentation leaves the result open (dividing two integers, mixing types), the
operation is refused rather than guessed.
"""

from math import inf, isfinite, nan
from typing import cast

from robotd.sim.ur.script.machine import PoseValue, Six

Value = bool | int | float | str | tuple["Value", ...] | PoseValue | None
"""None is what a call gives that returns nothing."""

_SMALLEST, _LARGEST = -(2**31), 2**31 - 1


def kind(value: Value) -> str:
    """The type of a value in words."""
    match value:
        case bool():
            return "a truth value"
        case int():
            return "an integer"
        case float():
            return "a number"
        case str():
            return "a string"
        case tuple():
            return f"a list of {len(value)}"
        case PoseValue():
            return "a pose"
        case None:
            return "nothing"


def is_number(value: Value) -> bool:
    """Whether it is an integer or a float."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(value: Value) -> float:
    """The number that it is.

    Raises:
        ValueError: It is none.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise ValueError(f"expected a number, got {kind(value)}")


def integer(value: Value) -> int:
    """The integer that it is.

    Raises:
        ValueError: It is none.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"expected an integer, got {kind(value)}")


def truth(value: Value) -> bool:
    """The truth value that it is; numbers are none.

    Raises:
        ValueError: It is none.
    """
    if isinstance(value, bool):
        return value
    raise ValueError(f"expected True or False, got {kind(value)}")


def six(value: Value) -> Six:
    """Six finite numbers out of a list.

    Raises:
        ValueError: It is no list of six, or one of them is not finite.
    """
    if not isinstance(value, tuple) or len(value) != 6:
        raise ValueError(f"expected a list of 6 numbers, got {kind(value)}")
    numbers = tuple(float(number(item)) for item in value)
    if not all(isfinite(x) for x in numbers):
        raise ValueError(f"expected 6 finite numbers, got {list(numbers)}")
    return cast(Six, numbers)


def fits(value: int) -> int:
    """An integer of 32 bits.

    Raises:
        ValueError: It does not fit.
    """
    if not _SMALLEST <= value <= _LARGEST:
        raise ValueError(f"integer {value} does not fit 32 bits")
    return value


def arithmetic(operator: str, a: Value, b: Value) -> Value:
    """`+ - * / %` of two numbers, or `+` of two strings.

    Raises:
        ValueError: Other types, or a result that is open.
    """
    if operator == "+" and isinstance(a, str) and isinstance(b, str):
        return a + b
    if not is_number(a) or not is_number(b):
        raise ValueError(f"'{operator}' of {kind(a)} and {kind(b)} is not emulated")
    x, y = number(a), number(b)
    whole = isinstance(x, int) and isinstance(y, int)
    match operator:
        case "+":
            result = x + y
        case "-":
            result = x - y
        case "*":
            result = x * y
        case "/":
            if whole:
                raise ValueError("'/' of two integers is not emulated, write one as 1.0")
            return _quotient(float(x), float(y))
        case _:
            if not isinstance(x, int) or not isinstance(y, int) or x < 0 or y <= 0:
                raise ValueError("'%' is emulated for a positive integer and one above 0 alone")
            return x % y
    return fits(result) if isinstance(result, int) else result


def _quotient(x: float, y: float) -> float:
    """IEEE 754 division."""
    if y != 0.0:
        return x / y
    return nan if x == 0.0 or x != x else inf if x > 0.0 else -inf


def compare(operator: str, a: Value, b: Value) -> bool:
    """`== != < <= > >=`; NaN equals nothing and is neither above nor below.

    Raises:
        ValueError: Values that cannot be compared so.
    """
    if is_number(a) and is_number(b):
        return _compare_numbers(operator, number(a), number(b))
    if operator in ("==", "!=") and kind(a) == kind(b) and a is not None:
        return (a == b) == (operator == "==")
    raise ValueError(f"'{operator}' of {kind(a)} and {kind(b)} is not emulated")


def _compare_numbers(operator: str, x: float, y: float) -> bool:
    match operator:
        case "==":
            return x == y
        case "!=":
            return x != y
        case "<":
            return x < y
        case "<=":
            return x <= y
        case ">":
            return x > y
        case _:
            return x >= y


def element(of: Value, index: Value) -> Value:
    """`of[index]`.

    Raises:
        ValueError: No list or pose, or no such element.
    """
    items = _items(of)
    return items[_checked_index(items, index)]


def with_element(of: Value, index: Value, value: Value) -> Value:
    """A copy of `of` with another element.

    Raises:
        ValueError: No list or pose, no such element, or a value of another type.
    """
    items = _items(of)
    at = _checked_index(items, index)
    if not same_type(items[at], value):
        raise ValueError(f"an element that is {kind(items[at])} cannot become {kind(value)}")
    changed = (*items[:at], value, *items[at + 1 :])
    return PoseValue(six(changed)) if isinstance(of, PoseValue) else changed


def _items(of: Value) -> tuple[Value, ...]:
    if isinstance(of, PoseValue):
        return of.values
    if isinstance(of, tuple):
        return of
    raise ValueError(f"{kind(of)} has no elements")


def _checked_index(items: tuple[Value, ...], index: Value) -> int:
    at = integer(index)
    if not 0 <= at < len(items):
        raise ValueError(f"index {at} is outside a list of {len(items)}")
    return at


def same_type(old: Value, new: Value) -> bool:
    """Whether a variable that holds `old` may hold `new`: integers and floats mix."""
    if is_number(old) and is_number(new):
        return True
    if isinstance(old, tuple) and isinstance(new, tuple):
        return len(old) == len(new)
    return type(old) is type(new)
