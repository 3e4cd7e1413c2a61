"""Mutants of the gate: its source with one comparison, sign, constant or connective changed."""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import robotd.servo.gate as original

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
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
    "_q_min": "_q_max",
    "_q_max": "_q_min",
    "_box_min": "_box_max",
    "_box_max": "_box_min",
    "sqrt": "abs",
}


@dataclass(frozen=True)
class Mutant:
    """One change of the source."""

    line: str
    change: str
    tree: ast.Module

    def load(self) -> type:
        """Run the changed source as a module of its own; return its gate."""
        module = ModuleType("mutant")
        source = ast.unparse(ast.fix_missing_locations(self.tree))
        exec(compile(source, "mutant", "exec"), module.__dict__)
        return module.Gate


def mutants() -> Iterator[Mutant]:
    """Every mutant of the gate's functions."""
    source = Path(original.__file__).read_text()
    tree, lines = ast.parse(source), source.splitlines()
    wholes = list(ast.walk(tree))
    for index, node in enumerate(wholes):
        for text, change in _changes(node):
            mutated = copy.deepcopy(tree)
            target = list(ast.walk(mutated))[index]
            change(target)
            yield Mutant(lines[node.lineno - 1].strip(), f"{ast.unparse(node)}: {text}", mutated)


def survives(gate_class: type, checks: list[Callable[[type], None]]) -> bool:
    """Say whether no check finds the mutant out."""
    for check in checks:
        try:
            check(gate_class)
        except Exception:  # noqa: BLE001 - a mutant may do anything
            return False
    return True


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[ast.AST], None]]]:
    match node:
        case ast.Compare(ops=[op]):
            for other in _COMPARISONS.get(type(op), ()):
                yield other.__name__, lambda n, o=other: n.ops.__setitem__(0, o())
        case ast.BinOp(op=op) if type(op) in _ARITHMETIC:
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
