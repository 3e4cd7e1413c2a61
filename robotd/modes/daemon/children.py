"""The processes of a cell: started together, watched, started again when one dies."""

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from robotd.core.clock import MonoNs, S
from robotd.core.config import CellConfig
from robotd.core.process import ChildProcess, StopFlag, spawn
from robotd.core.process_names import ARM, CONTROLLER, RECORDER, WORLD, camera_process
from robotd.modes.daemon.messages import ProcessStatus

READY_S: Final = 20.0
RESTART_PAUSE_NS: Final = S // 2
RESTARTS_MAX: Final = 5
"""So many restarts within a minute, then the process stays dead until a person goes on."""
RESTARTS_WINDOW_NS: Final = 60 * S
NEVER_NS: Final = 2**63
STOP_S: Final = 3.0
RECORDER_STOP_S: Final = 8.0
"""It may have an episode to complete."""
ORDER_OF_END: Final = {ARM: -1, RECORDER: 1}
"""The others end in between."""


class Spawn(Protocol):
    """How a process is started; `core/process.py: spawn`, or a test's own."""

    def __call__(
        self, name: str, run: Path, *, arguments: Sequence[str], log_dir: Path | None
    ) -> ChildProcess:
        """Start it; returns at once."""
        ...


def processes_of(cell: CellConfig) -> tuple[str, ...]:
    """Return the names of a cell's processes, in the order in which they start."""
    world = (WORLD,) if cell.mock else ()
    controller = (CONTROLLER,) if cell.mock and cell.arm.kind == "ur" else ()
    return (*world, *controller, ARM, *(camera_process(name) for name in cell.cameras), RECORDER)


class Children:
    """The conductor's children; used by its main thread, whose death they do not outlive.

    Attributes:
        log_dir: Where their output goes, to NAME.log.
    """

    def __init__(
        self,
        cell: CellConfig,
        run_dir: Path,
        *,
        log_dir: Path | None = None,
        no_realtime: bool = False,
        start: Spawn = spawn,
    ) -> None:
        self._names, self._run_dir, self._start = processes_of(cell), run_dir, start
        self.log_dir = run_dir if log_dir is None else log_dir
        self._arguments: dict[str, tuple[str, ...]] = {}
        if no_realtime:
            self._arguments[ARM] = ("--no-realtime",)
        self._running: dict[str, ChildProcess] = {}
        self._restarts: dict[str, deque[MonoNs]] = {}
        self._restarts_n: dict[str, int] = {}
        self._restart_at: dict[str, int] = {}
        self._ending: list[tuple[ChildProcess, MonoNs | None]] = []

    def start(self, stop: StopFlag | None = None) -> None:
        """Start all and wait until each does its work.

        Raises:
            ProcessDiedError: One ended or is not ready in time; names its last words.
        """
        for name in self._names:
            self.start_one(name)
        for child in self._running.values():
            child.wait_ready(READY_S, stop)

    def start_one(self, name: str, arguments: Sequence[str] | None = None) -> None:
        """Start a process, in place of one of that name; returns at once.

        Args:
            name: As `robotd.proc` knows it.
            arguments: For it, also when it is started again; None: those of its kind.
        """
        self.stop_one(name)
        if arguments is not None:
            self._arguments[name] = tuple(arguments)
        self._restarts[name], self._restarts_n[name] = deque(), 0
        self._running[name] = self._spawn(name)

    def stop_one(self, name: str) -> None:
        """Ask a process to end, for good; `poll` sees to it that it does. Never blocks."""
        child = self._running.pop(name, None)
        self._restart_at.pop(name, None)
        if child is not None:
            child.ask_to_end()
            self._ending.append((child, None))

    def poll(self, now: MonoNs) -> dict[str, str]:
        """Restart what died; return the newly dead with a sentence for each. Never blocks."""
        self._see_them_end(now)
        dead: dict[str, str] = {}
        for name, child in list(self._running.items()):
            if child.alive:
                continue
            if name not in self._restart_at:
                dead[name] = str(child.died())
                self._restart_at[name] = now + RESTART_PAUSE_NS
                if not self._may_restart(name, now):
                    self._restart_at[name] = NEVER_NS
                    dead[name] += f"; given up after {RESTARTS_MAX} restarts, until you go on"
            elif now >= self._restart_at[name]:
                del self._restart_at[name]
                self._restarts_n[name] += 1
                self._running[name] = self._spawn(name)
        return dead

    def _see_them_end(self, now: MonoNs) -> None:
        """Kill those that were asked to end and do not."""
        asked = [(child, now if since is None else since) for child, since in self._ending]
        self._ending = []
        for child, since_ns in asked:
            if child.alive and now - since_ns > STOP_S * S:
                child.send_kill()
            elif child.alive:
                self._ending.append((child, since_ns))

    def _spawn(self, name: str) -> ChildProcess:
        arguments = self._arguments.get(name, ())
        return self._start(name, self._run_dir, arguments=arguments, log_dir=self.log_dir)

    def _may_restart(self, name: str, now: MonoNs) -> bool:
        times = self._restarts[name]
        while times and now - times[0] > RESTARTS_WINDOW_NS:
            times.popleft()
        if len(times) >= RESTARTS_MAX:
            return False
        times.append(now)
        return True

    def pardon(self, now: MonoNs) -> None:
        """Count restarts from zero, and start again what was given up: a person has looked."""
        for name in self._restarts:
            self._restarts[name].clear()
            if self._restart_at.get(name) == NEVER_NS:
                self._restart_at[name] = now

    def kill(self, name: str) -> None:
        """End a process that hangs; `poll` starts it again once it has ended. Never blocks."""
        if name in self._running:
            self._running[name].send_kill()

    def why_not_ready(self) -> str:
        """Return which process is not at work, one sentence; empty when all are."""
        waiting = [name for name, child in self._running.items() if not child.ready]
        waiting += [name for name, child in self._running.items() if not child.alive]
        return f"not at work: {', '.join(dict.fromkeys(waiting))}" if waiting else ""

    def status(self) -> dict[str, ProcessStatus]:
        """Return every process with its id."""
        return {
            name: ProcessStatus(pid=child.pid, alive=child.alive, restarts_n=self._restarts_n[name])
            for name, child in self._running.items()
        }

    def stop(self) -> None:
        """End all: the arm first, which brakes; the recorder last, which then has seen it."""
        for name in sorted(self._running, key=lambda name: ORDER_OF_END.get(name, 0)):
            self._running[name].terminate(STOP_S if name != RECORDER else RECORDER_STOP_S)
        for child, _ in self._ending:
            child.terminate(STOP_S)
        self._running.clear()
        self._ending.clear()
