"""Reads a script into its tree; what it does not know it refuses, with line and column."""

from collections.abc import Sequence

from robotd.sim.ur.script import syntax as tree
from robotd.sim.ur.script.errors import URScriptError
from robotd.sim.ur.script.expressions import ExpressionParser
from robotd.sim.ur.script.lexer import Kind, tokens

_DEEPEST = 50


def parse(text: str) -> tree.Program:
    """Read what was sent to a script port: one program, or bare statements.

    A lone `def` without parameters is the program, as on a real controller; a call of it right
    after changes nothing.

    Raises:
        URScriptError: Not URScript, or a part of it that is not emulated.
    """
    parser = _Parser(text)
    try:
        return parser.program()
    except RecursionError as error:
        raise URScriptError("too deep inside each other", line=1, column=1) from error


class _Parser(ExpressionParser):
    """Statements; expressions are in the class below it."""

    def __init__(self, text: str) -> None:
        super().__init__(tokens(text))
        self._depth = 0

    def program(self) -> tree.Program:
        self._skip_newlines()
        if self._at("sec"):
            self._take()
            main = self._function()
            self._skip_newlines()
            self._expect_end()
            return _as_program(main, secondary=True)
        body: list[tree.Statement] = []
        while self._next.kind is not Kind.END:
            body.append(self._statement())
            self._skip_newlines()
        if not body:
            raise self._refuse("an empty script")
        return _program(body)

    def _expect_end(self) -> None:
        if self._next.kind is not Kind.END:
            raise self._refuse("a secondary program is one function, nothing comes after its end")

    def _block(self, *ends: str) -> tree.Block:
        """Statements up to one of the words in `ends`, which is left."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._refuse(f"more than {_DEEPEST} blocks inside each other")
        self._symbol(":")
        body: list[tree.Statement] = []
        self._skip_newlines()
        while not self._at(*ends):
            if self._next.kind is Kind.END:
                raise self._refuse("the script ends inside a block, 'end' is missing")
            body.append(self._statement())
            self._skip_newlines()
        self._depth -= 1
        return tuple(body)

    def _statement(self) -> tree.Statement:
        token = self._next
        if token.kind is Kind.KEYWORD:
            statement = self._keyword_statement()
        elif token.kind is Kind.NAME:
            statement = self._name_statement()
        else:
            raise self._refuse(f"a statement cannot begin with {token}")
        if self._next.kind is not Kind.NEWLINE:
            raise self._refuse(f"expected the end of the line, got {self._next}")
        self._take()
        return statement

    def _keyword_statement(self) -> tree.Statement:
        match self._next.text:
            case "def":
                return self._function_after_def()
            case "if":
                return self._if()
            case "while":
                start = self._take()
                condition = self._expression()
                body = self._block("end")
                self._take()
                return tree.While(start.line, start.column, condition, body)
            case "return" | "break" | "continue" | "halt":
                return self._leave()
            case "local" | "global":
                scope = self._take().text
                return self._assignment(scope)
            case word:
                raise self._refuse(f"{word!r} is not emulated")

    def _name_statement(self) -> tree.Statement:
        call = self._call_or_none()
        if call is not None:
            return tree.Do(call.line, call.column, call)
        return self._assignment("")

    def _assignment(self, scope: str) -> tree.Assign:
        name = self._name()
        index = None
        if self._at("[") and not scope:
            self._take()
            index = self._expression()
            self._symbol("]")
        if not self._at("="):
            raise self._refuse(f"expected '=' after {name.text!r}, got {self._next}")
        self._take()
        value = self._expression()
        return tree.Assign(name.line, name.column, name.text, value, scope, index)

    def _leave(self) -> tree.Leave:
        word = self._take()
        value = None
        if word.text == "return" and self._next.kind is not Kind.NEWLINE:
            value = self._expression()
        return tree.Leave(word.line, word.column, word.text, value)

    def _if(self) -> tree.If:
        start = self._next
        branches: list[tuple[tree.Expression, tree.Block]] = []
        while not branches or self._at("elif"):
            self._take()
            condition = self._expression()
            branches.append((condition, self._block("elif", "else", "end")))
        otherwise: tree.Block = ()
        if self._at("else"):
            self._take()
            otherwise = self._block("end")
        self._take()
        return tree.If(start.line, start.column, tuple(branches), otherwise)

    def _function_after_def(self) -> tree.Function:
        self._take()
        return self._function()

    def _function(self) -> tree.Function:
        name = self._name()
        self._symbol("(")
        parameters: list[tuple[str, tree.Expression | None]] = []
        while not self._at(")"):
            parameter = self._name()
            if parameter.text in (known for known, _ in parameters):
                raise self._refuse(f"parameter {parameter.text!r} is there twice")
            default = None
            if self._at("="):
                self._take()
                default = self._expression()
            parameters.append((parameter.text, default))
            if not self._at(")"):
                self._symbol(",")
        self._take()
        body = self._block("end")
        self._take()
        return tree.Function(name.line, name.column, name.text, tuple(parameters), body)


def _program(body: list[tree.Statement]) -> tree.Program:
    """Find what runs among the definitions and statements of a script."""
    functions = [s for s in body if isinstance(s, tree.Function)]
    others = [s for s in body if not isinstance(s, tree.Function)]
    if len(functions) == 1 and not functions[0].parameters:
        main = functions[0]
        if not others or _only_calls(others, main.name):
            return _as_program(main, secondary=False)
    if not others:
        second = functions[min(1, len(functions) - 1)]
        raise URScriptError(
            "several functions, or one with parameters, and nothing calls them",
            line=second.line,
            column=second.column,
        )
    return tree.Program(name="", body=tuple(body))


def _as_program(main: tree.Function, *, secondary: bool) -> tree.Program:
    if main.parameters:
        raise main.error("a program takes no parameters")
    return tree.Program(name=main.name, body=main.body, secondary=secondary)


def _only_calls(statements: Sequence[tree.Statement], name: str) -> bool:
    """Whether the one statement is a call of `name` without arguments."""
    match statements:
        case [tree.Do(call=tree.Call(name=called, arguments=(), named=()))]:
            return called == name
        case _:
            return False
