"""The one error that scripts raise: refused when read, or failed while running."""

from robotd.core.errors import RobotdError, one_line


class URScriptError(RobotdError):
    """A script cannot be read or run on; a real controller would show a pop-up and stop it.

    Attributes:
        line: Where, from 1.
        column: Where in the line, from 1.
    """

    def __init__(self, message: str, *, line: int, column: int) -> None:
        self.line, self.column = line, column
        super().__init__(one_line(f"URScript line {line}, column {column}: {message}"))
