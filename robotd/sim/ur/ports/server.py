"""The ports of one emulated controller, and the loop that drives it."""

import contextlib
import logging
import select
import socket
import time
from collections.abc import Iterator
from typing import Final

from robotd.core.errors import BusyError, WireError
from robotd.core.process import StopFlag
from robotd.sim.ur.controller import Controller
from robotd.sim.ur.faults import Faults
from robotd.sim.ur.launcher import launch
from robotd.sim.ur.ports.dashboard import GREETING, Dashboard
from robotd.sim.ur.ports.link import Link
from robotd.sim.ur.ports.outputs import Outputs
from robotd.sim.ur.ports.rtde import RtdeSession
from robotd.sim.ur.ports.rtde_wire import Level
from robotd.sim.ur.ports.uploads import ScriptStream

_log = logging.getLogger(__name__)

PORTS: Final = {
    29999: "dashboard",
    30001: "script",
    30002: "script",
    30003: "script",
    30004: "rtde",
    30999: "control",
}
"""Port to what is spoken there; the last one is ours, for faults (`injection.py`)."""

_CATCH_UP: Final = 50
_WAITING: Final = 16
_SAY_AGAIN_NS: Final = 1_000_000_000


class Server:
    """One controller on one address.

    Attributes:
        faults: What a test does to it.
    """

    def __init__(self, controller: Controller, host: str) -> None:
        """Bind all ports.

        Raises:
            BusyError: One of them is taken, or the address is not one of this computer.
        """
        self.controller = controller
        self.host = host
        self.faults = Faults(controller)
        self._dashboard = Dashboard(controller)
        self._outputs = Outputs(controller)
        self._sessions: dict[Link, RtdeSession] = {}
        self._streams: dict[Link, ScriptStream] = {}
        self._lines: dict[Link, bytes] = {}
        self._links: list[Link] = []
        self._listeners: dict[int, socket.socket] = {}
        self._clients_n = 0
        self._said, self._said_ns = "", 0
        self._period_ns = round(controller.period_s * 1e9)
        self._began_ns = self._done = 0
        controller.say = self._broadcast
        try:
            self._open(set(PORTS))
        except OSError as error:
            self.close()
            raise BusyError(f"{host}: {error}; is another controller there?") from error

    def run(self, stop: StopFlag) -> None:
        """Serve until `stop`, at the controller's rate; late cycles never burst."""
        self._began_ns = time.monotonic_ns() - self._done * self._period_ns
        while not stop.requested:
            due_ns = self._began_ns + (self._done + 1) * self._period_ns
            wait_s = max(0, due_ns - time.monotonic_ns()) * 1e-9
            self.serve(stop, wait_s)
            now_ns = time.monotonic_ns()
            cycles = (now_ns - self._began_ns) // self._period_ns - self._done
            if cycles > 0:
                self._done += cycles
                self.cycle(now_ns, cycles)

    def serve(self, stop: StopFlag, wait_s: float) -> None:
        """Take what comes between two cycles, waiting for it at most so long."""
        ready = select.select(self._watched(stop), [], [], wait_s)[0]
        now_ns = time.monotonic_ns()
        for source in ready:
            if isinstance(source, Link):
                self._read(source, now_ns)
            elif isinstance(source, socket.socket):
                self._accept(source, now_ns)
        self._sweep()

    def cycle(self, now_ns: int, cycles: int) -> None:
        """Let `cycles` controller cycles pass.

        Where some were missed, packages that came meanwhile are taken one a cycle, as they would
        have been in time; cycles for which there is none are passed over at once.
        """
        for order in self.faults.due(now_ns):
            self._obey(order, now_ns)
        if self.faults.frozen(now_ns):
            self.controller.cycles += cycles
            return
        sessions = self._sessions
        for link in list(sessions):
            if sessions[link].started:
                self._read(link, now_ns)
        queued = max((session.waiting for session in sessions.values()), default=0)
        steps = max(1, min(cycles, queued, _CATCH_UP))
        for _ in range(steps - 1):
            for session in sessions.values():
                session.apply(1)
            self.controller.cycle(now_ns)
        self.controller.now_ns = now_ns
        for session in sessions.values():
            session.apply(session.waiting)
        self.controller.cycle(now_ns, cycles - steps + 1)
        for link, session in sessions.items():
            if not link.crowded:
                session.emit()
            if session.out:
                link.write(session.out, now_ns)
                session.out.clear()
            else:
                link.flush(now_ns)
        self._sweep()

    def close(self) -> None:
        """Close everything."""
        for link in list(self._links):
            link.close()
        for listener in self._listeners.values():
            listener.close()
        self._links, self._listeners = [], {}

    def _watched(self, stop: StopFlag) -> Iterator[StopFlag | socket.socket | Link]:
        """What wakes the loop between two cycles: not the streams of RTDE clients."""
        yield stop
        frozen = self.faults.is_frozen
        for port, listener in self._listeners.items():
            if not frozen or PORTS[port] == "control":
                yield listener
        for link in self._links:
            if frozen and link.kind != "control":
                continue
            session = self._sessions.get(link)
            if session is None or not session.started:
                yield link

    def _accept(self, listener: socket.socket, now_ns: int) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
            sock, _ = listener.accept()
            kind = PORTS[listener.getsockname()[1]]
            link = Link(kind, sock, self.faults.trouble[kind])
            self._links.append(link)
            self._clients_n += 1
            if kind == "rtde":
                self._sessions[link] = RtdeSession(self._outputs, self._clients_n)
            elif kind == "script":
                self._streams[link] = ScriptStream()
            else:
                self._lines[link] = b""
            if kind != "control":
                self.controller.events.add(now_ns, "connected", kind)
            if kind == "dashboard":
                link.write(f"{GREETING}\n".encode(), now_ns)

    def _read(self, link: Link, now_ns: int) -> None:
        data = link.read(now_ns)
        if not data:
            return
        if (session := self._sessions.get(link)) is not None:
            try:
                session.receive(data)
            except WireError as error:
                self.controller.message(str(error), Level.ERROR)
                link.close()
            if session.out and not link.gone:
                link.write(session.out, now_ns)
                session.out.clear()
        elif (stream := self._streams.get(link)) is not None:
            self.controller.now_ns = now_ns
            for text in stream.feed(data):
                launch(self.controller, text)
        else:
            self._read_lines(link, data, now_ns)

    def _read_lines(self, link: Link, data: bytes, now_ns: int) -> None:
        *lines, rest = (self._lines[link] + data).split(b"\n")
        self._lines[link] = rest[-65536:]
        self.controller.now_ns = now_ns
        for raw in lines:
            line = raw.decode("utf-8", "replace")
            if link.kind == "control":
                answer, order = self.faults.hear(line, now_ns)
                if order is not None:
                    self._obey(order, now_ns)
            else:
                answer = self._dashboard.answer(line)
            link.write(f"{answer}\n".encode(), now_ns)
            if link.kind == "dashboard" and line.strip().lower() == "quit":
                link.close()
                return

    def _obey(self, order: "tuple[str, frozenset[str], bool]", now_ns: int) -> None:
        """Do to the sockets what only their owner can."""
        what, kinds, reset = order
        if what in ("cut", "reboot"):
            for link in self._links:
                if link.kind in kinds:
                    link.close(reset=reset)
        ports = {port for port, kind in PORTS.items() if kind in kinds}
        if what in ("refuse", "reboot"):
            for port in ports & self._listeners.keys():
                self._listeners.pop(port).close()
        elif what == "accept":
            self._open(ports - self._listeners.keys())
        elif what == "garbage":
            for link in self._links:
                if link.kind in kinds:
                    link.write(self.faults.garbage, now_ns)
        self._sweep()

    def _open(self, ports: set[int]) -> None:
        for port in sorted(ports):
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._listeners[port] = listener
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setblocking(False)
            listener.bind((self.host, port))
            listener.listen(_WAITING)

    def _sweep(self) -> None:
        """Forget links that are gone."""
        gone = [link for link in self._links if link.gone]
        for link in gone:
            link.close()
            self._links.remove(link)
            if (session := self._sessions.pop(link, None)) is not None:
                session.close()
            self._streams.pop(link, None)
            self._lines.pop(link, None)
            if link.kind != "control":
                self.controller.events.add(self.controller.now_ns, "disconnected", link.kind)

    def _broadcast(self, text: str, level: Level) -> None:
        now_ns = self.controller.now_ns
        if text != self._said or now_ns - self._said_ns > _SAY_AGAIN_NS:
            self._said, self._said_ns = text, now_ns
            _log.log(logging.INFO if level == Level.INFO else logging.WARNING, "%s", text)
        for session in self._sessions.values():
            session.say(text, level)
