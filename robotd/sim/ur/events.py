"""What happened on the controller, with the robot computer's time, for those who judge it."""

from collections import deque
from dataclasses import dataclass
from typing import Final

KEPT_N: Final = 4096


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        n: Its number, counted from the start of the emulator.
        t_ns: When, on the robot computer's monotonic clock.
        what: One of `connected`, `disconnected`, `uploaded`, `refused`, `program_started`, and the
            same with `stopped`, `paused` and `resumed`, `watchdog`, `message`, `log`, `slider`,
            `robot_mode`, `rebooted`, a safety mode in lower case, `cleared`, `unlocked`.
        detail: The rest, in words.
    """

    n: int
    t_ns: int
    what: str
    detail: str = ""


class Events:
    """The newest few thousand."""

    def __init__(self) -> None:
        self._kept: deque[Event] = deque(maxlen=KEPT_N)
        self._n = 0

    def add(self, t_ns: int, what: str, detail: str = "") -> None:
        """Keep one more."""
        self._kept.append(Event(self._n, t_ns, what, detail))
        self._n += 1

    def since(self, n: int) -> list[Event]:
        """Return those with number `n` or higher, oldest first."""
        return [event for event in self._kept if event.n >= n]
