"""Reads the expressions of a script."""

from robotd.sim.ur.script import syntax as tree
from robotd.sim.ur.script.errors import URScriptError
from robotd.sim.ur.script.lexer import Kind, Token

_LEVELS = (
    ("or", "xor"),
    ("and",),
    ("==", "!=", "<", "<=", ">", ">="),
    ("+", "-"),
    ("*", "/", "%"),
)
"""Binary operators from the weakest on; `not` stands between `and` and the comparisons."""

_COMPARISONS = 2
_DEEPEST = 50
_LARGEST_INTEGER = 2**31 - 1


class ExpressionParser:
    """A cursor over tokens that reads expressions."""

    def __init__(self, tokens: list[Token]) -> None:
        """Stand at the first token."""
        self._tokens = tokens
        self._at_n = 0
        self._nested = 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._at_n]

    def _take(self) -> Token:
        token = self._next
        self._at_n = min(self._at_n + 1, len(self._tokens) - 1)
        return token

    def _at(self, *texts: str) -> bool:
        """Whether the next token is one of these symbols or keywords."""
        return self._next.kind in (Kind.SYMBOL, Kind.KEYWORD) and self._next.text in texts

    def _skip_newlines(self) -> None:
        while self._next.kind is Kind.NEWLINE:
            self._take()

    def _refuse(self, message: str) -> URScriptError:
        return URScriptError(message, line=self._next.line, column=self._next.column)

    def _symbol(self, text: str) -> Token:
        if not self._at(text):
            raise self._refuse(f"expected {text!r}, got {self._next}")
        return self._take()

    def _name(self) -> Token:
        if self._next.kind is not Kind.NAME:
            raise self._refuse(f"expected a name, got {self._next}")
        return self._take()

    def _expression(self) -> tree.Expression:
        self._nested += 1
        if self._nested > _DEEPEST:
            raise self._refuse(f"more than {_DEEPEST} expressions inside each other")
        found = self._binary(0)
        self._nested -= 1
        return found

    def _binary(self, level: int) -> tree.Expression:
        if level == _COMPARISONS and self._at("not"):
            sign = self._take()
            return tree.Unary(sign.line, sign.column, "not", self._deeper(level))
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while self._at(*_LEVELS[level]):
            sign = self._take()
            right = self._binary(level + 1)
            left = tree.Binary(sign.line, sign.column, sign.text, left, right)
            if level == _COMPARISONS and self._at(*_LEVELS[level]):
                raise self._refuse("comparisons do not chain, use 'and'")
        return left

    def _unary(self) -> tree.Expression:
        if self._at("-"):
            sign = self._take()
            return tree.Unary(sign.line, sign.column, "-", self._deeper(len(_LEVELS)))
        return self._indexed()

    def _deeper(self, level: int) -> tree.Expression:
        """An operand of a sign that may repeat: counted, so that no text recurses without end."""
        self._nested += 1
        if self._nested > _DEEPEST:
            raise self._refuse(f"more than {_DEEPEST} expressions inside each other")
        found = self._binary(level)
        self._nested -= 1
        return found

    def _indexed(self) -> tree.Expression:
        found = self._atom()
        while self._at("["):
            bracket = self._take()
            found = tree.Index(bracket.line, bracket.column, found, self._expression())
            self._symbol("]")
        return found

    def _atom(self) -> tree.Expression:
        token = self._next
        match token.kind:
            case Kind.INTEGER:
                return self._integer()
            case Kind.FLOAT:
                self._take()
                return tree.Literal(token.line, token.column, float(token.text))
            case Kind.STRING:
                self._take()
                return tree.Literal(token.line, token.column, token.text[1:-1])
            case Kind.NAME:
                return self._named()
            case _ if self._at("True", "False"):
                self._take()
                return tree.Literal(token.line, token.column, token.text == "True")
            case _ if self._at("("):
                self._take()
                inside = self._expression()
                self._symbol(")")
                return inside
            case _ if self._at("["):
                return self._list(is_pose=False)
            case _:
                raise self._refuse(f"expected a value, got {token}")

    def _integer(self) -> tree.Literal:
        token = self._next
        if len(token.text) > 10 or int(token.text) > _LARGEST_INTEGER:
            raise self._refuse(f"integer {token.text[:20]} does not fit 32 bits")
        self._take()
        return tree.Literal(token.line, token.column, int(token.text))

    def _named(self) -> tree.Expression:
        call = self._call_or_none()
        if call is not None:
            return call
        name = self._take()
        if name.text == "p" and self._at("["):
            return self._list(is_pose=True)
        return tree.Name(name.line, name.column, name.text)

    def _list(self, *, is_pose: bool) -> tree.ListOf:
        start = self._symbol("[")
        items: list[tree.Expression] = []
        while not self._at("]"):
            items.append(self._expression())
            if not self._at("]"):
                self._symbol(",")
        self._take()
        if is_pose and len(items) != 6:
            message = f"a pose has 6 numbers, got {len(items)}"
            raise URScriptError(message, line=start.line, column=start.column)
        return tree.ListOf(start.line, start.column, tuple(items), is_pose)

    def _call_or_none(self) -> tree.Call | None:
        """The call that begins at the next token, or None where a mere name stands there."""
        after = self._tokens[self._at_n + 1]
        if after.kind is not Kind.SYMBOL or after.text != "(":
            return None
        name = self._name()
        self._take()
        arguments: list[tree.Expression] = []
        named: list[tuple[str, tree.Expression]] = []
        while not self._at(")"):
            equals = self._tokens[self._at_n + 1]
            if self._next.kind is Kind.NAME and equals.text == "=":
                word = self._take().text
                self._take()
                named.append((word, self._expression()))
            elif named:
                raise self._refuse("an argument without a name after one with a name")
            else:
                arguments.append(self._expression())
            if not self._at(")"):
                self._symbol(",")
        self._take()
        return tree.Call(name.line, name.column, name.text, tuple(arguments), tuple(named))
