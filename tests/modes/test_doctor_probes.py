"""Devices are looked at by processes that may hang, die or lie."""

import sys

import pytest

from robotd.core.errors import BusyError
from robotd.core.finding import Finding
from robotd.core.process import spawn
from robotd.core.rundir import RunDir
from robotd.modes.cell_file import read_cell
from robotd.modes.doctor.probes import NO_CELL, leave_findings, probes

FOUND = [Finding(name="camera top", found="it", status="ok")]


def python(line):
    """Return a starter of a process that does that instead."""

    def start(name, run):
        return spawn(name, run, command=[sys.executable, "-c", line, str(run), name])

    return start


def ask(cell, run_dir, line, timeout_s=20.0):
    with probes(cell, base=run_dir, start=python(line)) as asker:
        return asker.ask("probe@it", "it", timeout_s)


def test_what_a_process_leaves_is_what_was_found(cell, run_dir):
    line = (
        "import sys, pathlib; from robotd.core.finding import Finding\n"
        "from robotd.modes.doctor.probes import leave_findings\n"
        "found = [Finding(name='camera top', found='it', status='ok')]\n"
        "leave_findings(pathlib.Path(sys.argv[1]), sys.argv[2], found)"
    )

    assert ask(cell, run_dir, line) == FOUND


@pytest.mark.parametrize(
    ("line", "timeout_s", "said"),
    [
        ("import time; time.sleep(60)", 0.3, "no answer within 0.3 s: the library hangs"),
        ("import os; os.kill(os.getpid(), 11)", 20.0, "killed by SIGSEGV"),
        ("raise SystemExit('robotd probe@it: no such thing')", 20.0, "probe@it: no such thing"),
        ("import sys, pathlib; pathlib.Path(sys.argv[1], 'probe@it.json').write_text('{')", 20, ""),
    ],
)
def test_a_process_that_fails_is_one_failed_line(cell, run_dir, line, timeout_s, said):
    (found,) = ask(cell, run_dir, line, timeout_s)

    assert found.status == "fail"
    assert found.name == "it"
    assert said in found.found


def test_the_cells_run_directory_is_taken_meanwhile_and_gone_afterwards(cell, run_dir):
    with probes(cell, base=run_dir):
        assert read_cell(run_dir / cell.name) == cell
        with pytest.raises(BusyError):
            RunDir.create(cell.name, base=run_dir)
    assert not (run_dir / cell.name).exists()


def test_a_daemon_that_has_the_devices_is_left_alone(cell, run_dir):
    with (
        RunDir.create(cell.name, base=run_dir),
        pytest.raises(BusyError, match="already run by"),
        probes(cell, base=run_dir),
    ):
        pytest.fail("it was not to be taken")


def test_devices_are_looked_at_without_a_cell_too(run_dir):
    with probes(None, base=run_dir):
        leave_findings(run_dir / NO_CELL, "probe@it", FOUND)
        assert not (run_dir / NO_CELL / "cell.json").exists()


def test_emulators_run_meanwhile_and_end_with_it(cell, run_dir):
    line = (
        "import sys, pathlib, time; from robotd.core.process import announce_ready\n"
        "announce_ready(pathlib.Path(sys.argv[1]), sys.argv[2]); time.sleep(60)"
    )
    started = []

    def start(name, run):
        started.append(python(line)(name, run))
        return started[-1]

    with probes(cell, base=run_dir, before=("controller",), start=start):
        assert started[0].alive
    assert not started[0].alive
