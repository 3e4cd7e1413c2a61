"""From the bytes of a terminal to names of keys, over any line and however they are cut up. Pure.

Sequences as in ECMA-48 and xterm's control sequences: CSI is ESC [, SS3 is ESC O.
"""

from typing import Final

from robotd.core.clock import MonoNs, seconds_to_ns

ESCAPE_S: Final = 0.1
"""An Esc that nothing followed for so long was the key; over a slow line its sequence comes later
than on the computer itself."""

_LONGEST: Final = 32
_CSI_FINAL: Final = {
    "A": "up",
    "B": "down",
    "C": "right",
    "D": "left",
    "H": "home",
    "F": "end",
}
_CSI_TILDE: Final = {
    "1": "home",
    "4": "end",
    "5": "page up",
    "6": "page down",
    "7": "home",
    "8": "end",
}
_NAMED: Final = {" ": "space", "\r": "enter", "\n": "enter", "\t": "tab", "\x7f": "backspace"}


class KeyDecoder:
    """Turns bytes into keys; keeps what is not complete yet.

    A key is a character, or one of `space enter tab backspace esc up down left right home end
    page up page down`. A sequence that means none of them is left out as a whole: none of its
    letters is taken for a key.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._since_ns = MonoNs(0)

    def feed(self, data: bytes, now: MonoNs) -> list[str]:
        """Return the keys that are complete, oldest first; to be called without bytes as well."""
        if data:
            self._rest += data
            self._since_ns = now
        keys: list[str] = []
        while self._rest:
            length, key = _first(self._rest)
            if length == 0:
                if now - self._since_ns < seconds_to_ns(ESCAPE_S):
                    break
                length, key = 1, "esc" if self._rest[0] == 0x1B else ""
            self._rest = self._rest[length:]
            if key:
                keys.append(key)
        return keys


def _first(data: bytes) -> tuple[int, str]:
    """Return length and name of the first key; length 0 where it is not complete, or may not be."""
    first = data[0]
    if first == 0x1B:
        return _escape(data)
    if first < 0x80:
        character = chr(first)
        if character in _NAMED:
            return 1, _NAMED[character]
        return 1, character if character.isprintable() else ""
    length = 2 if first >> 5 == 0b110 else 3 if first >> 4 == 0b1110 else 4
    if first < 0xC0:
        return 1, ""
    if len(data) < length:
        return 0, ""
    text = data[:length].decode("utf-8", errors="ignore")
    return (length, text) if len(text) == 1 else (1, "")


def _escape(data: bytes) -> tuple[int, str]:
    if len(data) == 1:
        return 0, ""
    if data[1] == ord("["):
        return _csi(data)
    if data[1] == ord("O"):
        if len(data) == 2:
            return 0, ""
        return 3, _CSI_FINAL.get(chr(data[2]), "")
    if data[1] == 0x1B:
        return 1, "esc"
    return 2, ""  # with Alt held


def _csi(data: bytes) -> tuple[int, str]:
    """Parameters, then one final byte from @ to ~ (ECMA-48, 5.4)."""
    for end in range(2, min(len(data), _LONGEST)):
        if 0x40 <= data[end] <= 0x7E:
            final, numbers = chr(data[end]), data[2:end].decode("ascii", errors="ignore")
            if final == "~":
                return end + 1, _CSI_TILDE.get(numbers.split(";")[0], "")
            return end + 1, _CSI_FINAL.get(final, "")
    return (_LONGEST, "") if len(data) >= _LONGEST else (0, "")
