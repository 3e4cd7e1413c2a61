"""Whole programs out of the stream of text on a script port."""

import re
from typing import Final

MAX_PROGRAM_CHARACTERS: Final = 1_000_000

_OPENS = re.compile(r"^(def|sec|thread|if|while|for)\b.*:$")


class ScriptStream:
    """Collects the text of one connection.

    A program is `def NAME():` to its `end`, at the outermost level; a line outside of one is a
    program by itself (Universal Robots, "Script manual": programs over the script ports).
    """

    def __init__(self) -> None:
        self._rest = ""
        self._lines: list[str] = []
        self._depth = 0

    def feed(self, data: bytes) -> list[str]:
        """Return the programs that are complete now, oldest first."""
        *lines, self._rest = (self._rest + data.decode("utf-8", "replace")).split("\n")
        programs: list[str] = []
        for line in lines:
            bare = line.split("#", 1)[0].strip()
            if not self._lines and not line.strip():
                continue
            self._lines.append(line)
            if not bare:
                continue
            if _OPENS.match(bare):
                self._depth += 1
            elif bare == "end":
                self._depth -= 1
            if self._depth <= 0:
                programs.append("\n".join([*self._lines, ""]))
                self._lines, self._depth = [], 0
        if sum(map(len, self._lines)) + len(self._rest) > MAX_PROGRAM_CHARACTERS:
            self._lines, self._depth, self._rest = [], 0, ""
        return programs
