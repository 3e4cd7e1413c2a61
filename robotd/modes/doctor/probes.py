"""Has devices looked at by processes of their own: a vendor's library may hang, or take all down.

The cell's run directory is taken for as long as it lasts, so that no daemon takes the devices
meanwhile. What a process finds out it leaves there as a file.
"""

import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Protocol

import msgspec

from robotd.core.config import CellConfig
from robotd.core.errors import ProcessDiedError
from robotd.core.finding import Finding
from robotd.core.process import ChildProcess, spawn
from robotd.core.rundir import RunDir
from robotd.core.whole_file import whole_file
from robotd.modes.cell_file import write_cell

NO_CELL: Final = "doctor"
"""Name of the run where no cell was named."""
STOP_S: Final = 2.0
_POLL_S: Final = 0.02
_FINDINGS: Final = msgspec.json.Decoder(list[Finding])


class Start(Protocol):
    """How a process is started; `core/process.py: spawn`, or a test's own."""

    def __call__(self, name: str, run: Path, /) -> ChildProcess:
        """Start it; returns at once."""
        ...


def leave_findings(run: Path, probe: str, findings: Sequence[Finding]) -> None:
    """Leave what a process found out where the doctor reads it."""
    with whole_file(_path(run, probe)) as partial:
        partial.write_bytes(msgspec.json.encode(findings))


def _path(run: Path, probe: str) -> Path:
    return run / f"{probe}.json"


class Probes:
    """Asks processes about devices, one after the other."""

    def __init__(self, run: Path, start: Start) -> None:
        self._run, self._start = run, start

    def ask(self, probe: str, name: str, timeout_s: float) -> list[Finding]:
        """Return what a process finds out, or the one line that it did not.

        Args:
            probe: The process, as `robotd.proc` knows it.
            name: What it looks at, for that line.
            timeout_s: How long it may take.
        """
        child = self._start(probe, self._run)
        try:
            self._await_end(child, timeout_s)
            return _FINDINGS.decode(_path(self._run, probe).read_bytes())
        except ProcessDiedError as error:
            return [_broken(name, str(error))]
        except (OSError, msgspec.MsgspecError):
            said = "; ".join(child.last_lines(1))
            return [_broken(name, said or str(child.died()))]
        finally:
            child.kill()

    def _await_end(self, child: ChildProcess, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while child.alive:
            if time.monotonic() > deadline:
                raise ProcessDiedError(f"no answer within {timeout_s:g} s: the library hangs")
            time.sleep(_POLL_S)


def _broken(name: str, why: str) -> Finding:
    return Finding(
        name=name,
        found=why.removeprefix("robotd "),
        expected="an answer",
        status="fail",
        fix="switch it off and on, unplug it and plug it in, then ask again",
    )


@contextmanager
def probes(
    cell: CellConfig | None,
    *,
    base: Path | None,
    before: Sequence[str] = (),
    ready_s: float = 30.0,
    start: Start = spawn,
) -> Generator[Probes]:
    """Own the cell's run directory, with the processes in it that its devices want.

    Args:
        cell: The cell; None where none was named.
        base: Folder of the run directories; None for the default.
        before: Processes that run meanwhile, in this order: the emulators of a mock.
        ready_s: How long each of these may take to be ready.
        start: How a process is started.

    Raises:
        BusyError: A daemon runs this cell.
        ProcessDiedError: A process of `before` did not come up.
    """
    with RunDir.create(cell.name if cell else NO_CELL, base=base) as run, ExitStack() as stack:
        if cell is not None:
            write_cell(cell, run.path)
        for name in before:
            child = start(name, run.path)
            stack.callback(child.terminate, STOP_S)
            child.wait_ready(ready_s)
        yield Probes(run.path, start)
