"""An emulated controller as a judge sees it: what it is ordered to suffer, and what it noticed."""

import socket
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from robotd.sim.ur.injection import Injection

DASHBOARD: Final = 29999
PATIENCE_S: Final = 10.0
START_S: Final = 30.0
STILL_S: Final = 0.25
"""Longer than anything that is still on its way moves the arm."""


class Event(NamedTuple):
    """Something that happened on the controller."""

    n: int
    t_ns: int
    what: str
    detail: str


class Emulator(Injection):
    """One connection; used by one thread. A context manager."""

    def __init__(self, host: str) -> None:
        """Connect to the controller of that address."""
        super().__init__(host, timeout_s=START_S)
        self.host = host

    def happened(self, since: int = 0) -> list[Event]:
        """Return what happened from that number on."""
        return [Event(**event) for event in self.events(since)]

    def next_n(self) -> int:
        """Return the number that the next event gets."""
        return max((event.n for event in self.happened()), default=-1) + 1

    def until(
        self, what: str, look: Callable[[dict[str, Any]], bool], limit_s: float = PATIENCE_S
    ) -> dict[str, Any]:
        """Wait until the controller's state meets a condition; return it."""
        deadline = time.monotonic() + limit_s
        while not look(state := self.state()):
            assert time.monotonic() < deadline, f"waited {limit_s} s for {what}: {state}"
            time.sleep(0.005)
        return state

    def travel_rad(self, seconds: float = STILL_S) -> float:
        """Return how far the joints go within a while, to and fro added up."""
        self.do("mark")
        time.sleep(seconds)
        return float(self.state()["travel_rad"])

    def pendant(self, *lines: str) -> list[str]:
        """Say these to the dashboard, as a person does on the pendant; return the answers."""
        with socket.create_connection((self.host, DASHBOARD), PATIENCE_S) as sock:
            answers = sock.makefile("r", encoding="utf-8")
            answers.readline()
            found = []
            for line in lines:
                sock.sendall(f"{line}\n".encode())
                found.append(answers.readline().strip())
            return found
