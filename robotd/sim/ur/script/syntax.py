"""The tree of a script that was read: expressions, statements, functions, the program."""

from dataclasses import dataclass

from robotd.sim.ur.script.errors import URScriptError


@dataclass(frozen=True, slots=True)
class Node:
    """Anything in the tree; knows where it stands."""

    line: int
    column: int

    def error(self, message: str) -> URScriptError:
        """An error at this place."""
        return URScriptError(message, line=self.line, column=self.column)


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A number, a string, True or False."""

    value: bool | int | float | str


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A variable."""

    name: str


@dataclass(frozen=True, slots=True)
class ListOf(Node):
    """`[a, b]`, or `p[a, b, c, d, e, f]` where `is_pose`."""

    items: "tuple[Expression, ...]"
    is_pose: bool


@dataclass(frozen=True, slots=True)
class Index(Node):
    """`a[i]`."""

    of: "Expression"
    index: "Expression"


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """`-a` or `not a`."""

    operator: str
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """`a + b` and its like."""

    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`f(a, name=b)`."""

    name: str
    arguments: "tuple[Expression, ...]"
    named: "tuple[tuple[str, Expression], ...]"


Expression = Literal | Name | ListOf | Index | Unary | Binary | Call


@dataclass(frozen=True, slots=True)
class Assign(Node):
    """`scope name[index] = value`; scope and index may be missing."""

    name: str
    value: Expression
    scope: str = ""
    index: Expression | None = None


@dataclass(frozen=True, slots=True)
class Do(Node):
    """A call for its effect."""

    call: Call


@dataclass(frozen=True, slots=True)
class If(Node):
    """`if`, every `elif`, and `else`."""

    branches: "tuple[tuple[Expression, Block], ...]"
    otherwise: "Block"


@dataclass(frozen=True, slots=True)
class While(Node):
    """`while condition:`."""

    condition: Expression
    body: "Block"


@dataclass(frozen=True, slots=True)
class Leave(Node):
    """`break`, `continue`, `halt`, or `return` with or without a value."""

    how: str
    value: Expression | None = None


@dataclass(frozen=True, slots=True)
class Function(Node):
    """`def name(parameters):`, each parameter with its default or None."""

    name: str
    parameters: "tuple[tuple[str, Expression | None], ...]"
    body: "Block"


Statement = Assign | Do | If | While | Leave | Function
Block = tuple[Statement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A script as sent.

    Attributes:
        name: Of the function that runs; empty for bare statements.
        body: What runs, the definitions of functions included.
        secondary: Written as `sec`: runs beside the main program, and may not move the arm.
    """

    name: str
    body: Block
    secondary: bool = False
