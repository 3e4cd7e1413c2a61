"""Runs tests against a changed module: a forked child imports the change and becomes pytest.

A child costs a third of a second, since what is slow to import (numpy, hypothesis, ruckig) is there
already; none of ours is. One child at a time does one mutant, so that nothing outlives it.
"""

import importlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Final

import pytest

from tests.mutants.operators import Mutant
from tests.mutants.targets import ROOT, Target

HEAVY: Final = ("hypothesis.stateful", "msgspec", "numpy", "ruckig", "ur_analytic_ik")
SURVIVED, KILLED, HUNG, BROKEN = "survived", "killed", "hung", "broken"
_VERDICTS: Final = {0: SURVIVED, 1: KILLED, 2: KILLED}
"""Of pytest's exit codes: all passed, some failed, a file could not even be imported."""
_POLL_S: Final = 0.01


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one mutant; `mutant` is None for the unchanged module."""

    target: str
    mutant: Mutant | None
    verdict: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class _Child:
    pid: int
    target: str
    mutant: Mutant | None
    begun_s: float
    limit_s: float


class _Loader(SourceFileLoader):
    """Compiles a mutant instead of the file."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> object:
        return compile(self._source, self.path, "exec")


class _Finder:
    """Finds one module changed."""

    def __init__(self, target: Target, source: str) -> None:
        self._target, self._source = target, source

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if name != self._target.module:
            return None
        path = str(self._target.path)
        return spec_from_file_location(name, path, loader=_Loader(name, path, self._source))


def prepare() -> None:
    """Import what is slow; refuse where one of the targets has been imported already."""
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    for name in HEAVY:
        importlib.import_module(name)
    if ours := [name for name in sys.modules if name.startswith("robotd.")]:
        raise RuntimeError(f"imported before any mutant could be: {', '.join(ours)}")


def trials(
    jobs: Sequence[tuple[str, Target, Mutant | None]], *, workers: int, limit_s: float, log: Path
) -> Iterator[Result]:
    """Run each job in a child of its own, `workers` at a time; yields them as they end.

    Args:
        jobs: Name of the target, the target, and the mutant or None.
        workers: Children at a time.
        limit_s: A child that takes longer is hung.
        log: Folder for what each child said.
    """
    waiting, running = list(reversed(jobs)), dict[int, _Child]()
    while waiting or running:
        while waiting and len(running) < workers:
            child = _start(*waiting.pop(), limit_s=limit_s, log=log)
            running[child.pid] = child
        time.sleep(_POLL_S)
        for child in list(running.values()):
            if (result := _look(child)) is not None:
                del running[child.pid]
                yield result


def _start(
    name: str, target: Target, mutant: Mutant | None, *, limit_s: float, log: Path
) -> _Child:
    source = None if mutant is None else mutant.source
    number = "none" if mutant is None else f"{mutant.number:03d}"
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            code = _become(target, source, log / f"{name}-{number}.txt")
        except BaseException:  # noqa: BLE001 - the parent's own code must not go on here
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    return _Child(pid=pid, target=name, mutant=mutant, begun_s=time.monotonic(), limit_s=limit_s)


def _become(target: Target, source: str | None, log: Path) -> int:
    """Be pytest over the changed module; return its exit code."""
    os.setsid()
    out = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.chdir(ROOT)
    if source is not None:
        sys.meta_path.insert(0, _Finder(target, source))
    words = [
        "-x",
        "-q",
        "--no-header",
        "--tb=line",
        "--assert=plain",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
    ]
    words += ["-p", "no:randomly", "-o", "addopts=--import-mode=importlib"]
    return int(pytest.main([*words, *target.tests]))


def _look(child: _Child) -> Result | None:
    """Return what became of a child that ended, or has to."""
    seconds = time.monotonic() - child.begun_s
    pid, status = os.waitpid(child.pid, os.WNOHANG)
    if pid:
        verdict = KILLED if os.WIFSIGNALED(status) else _VERDICTS.get(os.WEXITSTATUS(status))
        verdict = verdict or BROKEN
    elif seconds < child.limit_s:
        return None
    else:
        os.killpg(child.pid, signal.SIGKILL)
        os.waitpid(child.pid, 0)
        verdict = HUNG
    return Result(
        target=child.target, mutant=child.mutant, verdict=verdict, seconds=round(seconds, 2)
    )
