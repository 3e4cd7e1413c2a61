"""Cuts the text of a script into tokens."""

import re
from dataclasses import dataclass
from enum import Enum

from robotd.sim.ur.script.errors import URScriptError


class Kind(Enum):
    """What a token is."""

    NEWLINE = "end of line"
    INTEGER = "integer"
    FLOAT = "number"
    STRING = "string"
    NAME = "name"
    KEYWORD = "keyword"
    SYMBOL = "symbol"
    END = "end of the script"


KEYWORDS = frozenset(
    {
        *("def", "sec", "thread", "end", "local", "global", "struct"),
        *("if", "elif", "else", "while", "for", "switch", "case", "default"),
        *("return", "break", "continue", "halt", "pass", "run", "join", "kill"),
        *("enter_critical", "exit_critical", "and", "or", "xor", "not", "True", "False"),
    }
)
"""Reserved words of URScript; the parser refuses those that it does not know how to run."""

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+)
    |(?P<comment>\#[^\n]*)
    |(?P<newline>\n)
    |(?P<float>(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)
    |(?P<integer>\d+)
    |(?P<string>"[^"\n]*"|'[^'\n]*')
    |(?P<name>[A-Za-z_][A-Za-z_0-9]*)
    |(?P<symbol>==|!=|<=|>=|[-+*/%<>=()\[\],:])""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a script and where it stands, from line 1, column 1."""

    kind: Kind
    text: str
    line: int
    column: int

    def __str__(self) -> str:
        """The token as a message shows it."""
        named = self.kind in (Kind.NEWLINE, Kind.END)
        return self.kind.value if named else f"{self.text!r}"


def tokens(text: str) -> list[Token]:
    """Cut `text`; line breaks inside brackets do not count.

    Raises:
        URScriptError: A character that no token of the language begins with.
    """
    found: list[Token] = []
    line, line_start, at, depth = 1, 0, 0, 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        column = at - line_start + 1
        if match is None:
            raise URScriptError(f"unexpected {text[at]!r}", line=line, column=column)
        kind, piece = match.lastgroup, match.group()
        at = match.end()
        if kind == "newline":
            if depth == 0:
                found.append(Token(Kind.NEWLINE, piece, line, column))
            line, line_start = line + 1, at
        elif kind not in ("space", "comment"):
            depth += (piece in ("(", "[")) - (piece in (")", "]"))
            depth = max(depth, 0)
            found.append(Token(_kind(str(kind), piece), piece, line, column))
    column = at - line_start + 1
    found.append(Token(Kind.NEWLINE, "\n", line, column))
    found.append(Token(Kind.END, "", line, column))
    return found


def _kind(group: str, piece: str) -> Kind:
    if group == "name" and piece in KEYWORDS:
        return Kind.KEYWORD
    return Kind[group.upper()]
