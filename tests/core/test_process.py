"""Children: started, ready, stopped, and never left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from robotd.core.errors import ProcessDiedError
from robotd.core.process import PARENT_VARIABLE, StopFlag, die_with_parent, spawn

GOOD = """
import sys
from pathlib import Path
from robotd.core.process import StopFlag, announce_ready, die_with_parent
with StopFlag() as stop:
    die_with_parent()
    announce_ready(Path(sys.argv[1]), "arm")
    print("working", flush=True)
    while not stop.wait(10.0):
        pass
    print("stopped in order", flush=True)
"""

FAILING = "import sys; print('first'); sys.exit('arm: no controller at 10.0.0.2; check its cable')"

DEAF = """
import signal, subprocess, sys
from pathlib import Path
from robotd.core.process import announce_ready
signal.signal(signal.SIGTERM, signal.SIG_IGN)
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
(Path(sys.argv[1]) / "grandchild").write_text(str(grandchild.pid))
announce_ready(Path(sys.argv[1]), "arm")
grandchild.wait()
"""

CONDUCTOR = """
import sys, time
from pathlib import Path
from robotd.core.process import spawn
child = spawn("arm", Path(sys.argv[1]), command=[sys.executable, "-c", sys.argv[2], sys.argv[1]])
{wait}
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def start(tmp_path):
    """Start a script as the process `arm`; whatever still runs at the end is killed."""
    started = []

    def start(script, **more):
        command = [sys.executable, "-c", script, str(tmp_path)]
        started.append(spawn("arm", tmp_path, command=command, **more))
        return started[-1]

    yield start
    for child in started:
        child.kill()


@contextlib.contextmanager
def conductor(run, *, wait="child.wait_ready(10)"):
    """Run a process that starts GOOD and then sleeps; yield it and the child's id."""
    process = subprocess.Popen(
        [sys.executable, "-c", CONDUCTOR.format(wait=wait), str(run), GOOD],
        stdout=subprocess.PIPE,
    )
    try:
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def running(pid):
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for(condition, timeout_s=8.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def test_a_child_says_when_it_is_ready_and_stops_in_order(start):
    child = start(GOOD)

    assert child.wait_ready(10)
    assert child.alive
    assert child.terminate(5) == 0
    assert not child.alive
    assert child.last_lines() == ("working", "stopped in order")


def test_a_child_has_a_session_of_its_own(start):
    child = start(GOOD)
    child.wait_ready(10)

    assert os.getsid(child.pid) == os.getpgid(child.pid) == child.pid


def test_a_child_that_ends_before_it_is_ready_is_reported_with_its_last_line(start):
    child = start(FAILING)

    with pytest.raises(ProcessDiedError) as raised:
        child.wait_ready(10)

    assert str(raised.value) == (
        "arm: ended with exit code 1; its last line: "
        f"arm: no controller at 10.0.0.2; check its cable (all in {child.log})"
    )


def test_a_killed_child_is_reported_with_the_signal(start):
    child = start(GOOD)
    child.wait_ready(10)
    os.kill(child.pid, signal.SIGKILL)
    wait_for(lambda: not child.alive)

    assert child.poll() == -signal.SIGKILL
    assert "arm: killed by SIGKILL; its last line: working" in str(child.died())


def test_a_child_that_is_never_ready_is_reported(start):
    child = start("import time; time.sleep(60)")

    with pytest.raises(ProcessDiedError, match=r"arm: not ready after 0\.05 s, without a word"):
        child.wait_ready(0.05)


def test_a_stop_ends_the_wait_for_a_child(start):
    child = start("import time; time.sleep(60)")
    with StopFlag() as stop:
        stop.request()

        assert child.wait_ready(10, stop) is False


def test_the_ready_file_of_an_earlier_child_does_not_count(start, tmp_path):
    first = start(GOOD)
    first.wait_ready(10)
    first.kill()
    second = start("import time; time.sleep(60)")

    assert not second.ready

    (tmp_path / "arm.ready").write_text(str(first.pid))
    assert not second.ready


def test_the_last_words_are_those_of_this_start(start):
    start(FAILING).kill()
    second = start("import time; time.sleep(60)")

    assert second.last_lines() == ()


def test_a_long_log_is_read_from_its_end_only(start):
    child = start("for n in range(20000): print('line', n)")
    wait_for(lambda: not child.alive)

    assert child.last_lines(2) == ("line 19998", "line 19999")


def test_a_log_that_is_gone_is_no_words(start):
    child = start(GOOD)
    child.wait_ready(10)
    child.log.unlink()

    assert child.last_lines() == ()


def test_logs_go_where_they_are_told_to(start, tmp_path):
    (tmp_path / "logs").mkdir()
    child = start(GOOD, log_dir=tmp_path / "logs")
    child.wait_ready(10)

    assert child.log == tmp_path / "logs" / "arm.log"
    wait_for(lambda: child.last_lines() == ("working",))


def test_a_child_sees_the_variables_that_it_is_given(start):
    child = start("import os; print(os.environ['CELL'])", environment={"CELL": "mock"})
    wait_for(lambda: not child.alive)

    assert child.last_lines() == ("mock",)


def test_a_deaf_child_is_killed_with_what_it_started(start, tmp_path):
    child = start(DEAF)
    child.wait_ready(10)
    grandchild = int((tmp_path / "grandchild").read_text())

    assert child.terminate(0.1) == -signal.SIGKILL
    wait_for(lambda: not running(grandchild))


def test_ending_a_child_that_has_ended_is_harmless(start):
    child = start("")
    wait_for(lambda: not child.alive)

    assert child.terminate(1) == 0
    assert child.kill() == 0


def test_a_child_stops_in_order_when_its_parent_is_killed(tmp_path):
    with conductor(tmp_path) as (parent, child_pid):
        parent.send_signal(signal.SIGKILL)
        parent.wait()

        wait_for(lambda: not running(child_pid))

    assert (tmp_path / "arm.log").read_text().splitlines() == ["working", "stopped in order"]


def test_a_child_whose_parent_dies_while_it_starts_does_not_live_on(tmp_path):
    with conductor(tmp_path, wait="") as (parent, child_pid):
        parent.send_signal(signal.SIGKILL)
        parent.wait()

        wait_for(lambda: not running(child_pid))


def test_a_process_nobody_spawned_has_no_parent_to_follow(monkeypatch):
    monkeypatch.delenv(PARENT_VARIABLE, raising=False)
    with StopFlag() as stop:
        die_with_parent()

        assert not stop.requested


def test_another_parent_than_expected_is_taken_for_a_dead_one():
    script = """
from robotd.core.process import StopFlag, die_with_parent
with StopFlag() as stop:
    die_with_parent(2**22 + 5)
    assert stop.wait(5)
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=20).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_raises_the_flag_and_throws_nothing(number):
    with StopFlag() as stop:
        os.kill(os.getpid(), number)

        assert stop.wait(5)
        assert stop.requested


def test_a_hangup_that_nohup_has_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopFlag() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.requested
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_ends_a_wait_at_once():
    with StopFlag() as stop:
        timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM))
        timer.start()
        started = time.monotonic()

        assert stop.wait(10)
        assert time.monotonic() - started < 5
        timer.join()


def test_without_a_signal_the_wait_ends_in_time():
    with StopFlag() as stop:
        assert not stop.wait(0.01)
        assert not stop.wait(-1)


def test_many_signals_are_one_stop():
    with StopFlag() as stop:
        for _ in range(70_000):
            stop.request()

        assert stop.wait(0)


def test_the_handlers_of_before_come_back():
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with StopFlag() as stop:
        assert signal.getsignal(signal.SIGTERM) != before[0]
        assert stop.fileno() >= 0

    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    stop.request()
    assert stop.requested


def test_a_child_is_named_by_its_module_where_no_command_is_given(tmp_path):
    child = spawn("no-such-process", tmp_path, arguments=["--fast"])
    child.kill()

    wanted = (sys.executable, "-m", "robotd.proc", "no-such-process", "--run-dir", str(tmp_path))
    assert child.command == (*wanted, "--fast")
