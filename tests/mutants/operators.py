"""Mutants of a module: its source with one comparison, sign, constant or connective changed.

Annotations, decorators, the class lists of `__slots__` and what only messages say stay as they are.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.MatMult: ast.Sub,
}
_NAMES = {
    "maximum": "minimum",
    "minimum": "maximum",
    "max": "min",
    "min": "max",
    "ceil": "floor",
    "abs": "positive",
    "cos": "sin",
    "sin": "cos",
    "sqrt": "abs",
    "_q_min": "_q_max",
    "_q_max": "_q_min",
    "_box_min": "_box_max",
    "_box_max": "_box_min",
}
_Change = Callable[[ast.AST], None]


@dataclass(frozen=True)
class Mutant:
    """One change of a source.

    Attributes:
        number: Where it stands in the list of the module's mutants.
        line_n: Number of the changed line, from 1.
        line: The line as it was.
        change: The changed expression, and what became of it.
    """

    number: int
    line_n: int
    line: str
    change: str
    _original: ast.Module
    _place: int
    _act: _Change

    @cached_property
    def source(self) -> str:
        """The changed source."""
        tree = copy.deepcopy(self._original)
        self._act(list(_mutable(tree))[self._place])
        return ast.unparse(ast.fix_missing_locations(tree))


def mutants_of(source: str) -> list[Mutant]:
    """Return every mutant of a source, in the order of its lines."""
    tree, lines = ast.parse(source), source.splitlines()
    found: list[Mutant] = []
    for place, node in enumerate(_mutable(tree)):
        for text, act in _changes(node):
            line_n = getattr(node, "lineno", 0)
            change = f"{ast.unparse(node)}: {text}"
            line = lines[line_n - 1].strip()
            found.append(Mutant(len(found), line_n, line, change, tree, place, act))
    return found


def _mutable(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield every node that may be changed, parents first."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        skipped = {id(part) for part in _left_alone(node)}
        children = [child for child in ast.iter_child_nodes(node) if id(child) not in skipped]
        waiting += reversed(children)


def _left_alone(node: ast.AST) -> Iterator[ast.AST]:
    """Yield those children of a node that do nothing."""
    match node:
        case ast.FunctionDef():
            yield from (*node.decorator_list, *filter(None, [node.returns]))
        case ast.ClassDef():
            yield from node.decorator_list
        case ast.AnnAssign(annotation=annotation) | ast.arg(annotation=ast.expr() as annotation):
            yield annotation


def _changes(node: ast.AST) -> Iterator[tuple[str, _Change]]:
    match node:
        case ast.Compare(ops=[op]):
            for other in _COMPARISONS.get(type(op), ()):
                yield other.__name__, lambda n, o=other: n.ops.__setitem__(0, o())
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in _ARITHMETIC:
            other = _ARITHMETIC[type(op)]
            yield other.__name__, lambda n, o=other: setattr(n, "op", o())
        case ast.UnaryOp(op=ast.USub()):
            yield "UAdd", lambda n: setattr(n, "op", ast.UAdd())
        case ast.UnaryOp(op=ast.Not()):
            yield "no not", lambda n: setattr(n, "operand", ast.UnaryOp(ast.Not(), n.operand))
        case ast.BoolOp(op=op):
            other = ast.And if isinstance(op, ast.Or) else ast.Or
            yield other.__name__, lambda n, o=other: setattr(n, "op", o())
            for k in range(len(node.values)):
                yield f"without part {k}", lambda n, k=k: n.values.pop(k)
        case ast.Constant(value=bool(value)):
            yield str(not value), lambda n, v=value: setattr(n, "value", not v)
        case ast.Constant(value=int(value)):
            yield str(value + 1), lambda n, v=value: setattr(n, "value", v + 1)
        case ast.Constant(value=float(value)):
            yield str(value + 0.5), lambda n, v=value: setattr(n, "value", v + 0.5)
        case ast.Attribute(attr=name) if name in _NAMES and isinstance(node.ctx, ast.Load):
            yield _NAMES[name], lambda n, a=_NAMES[name]: setattr(n, "attr", a)
        case ast.Name(id=name) if name in _NAMES and isinstance(node.ctx, ast.Load):
            yield _NAMES[name], lambda n, a=_NAMES[name]: setattr(n, "id", a)
