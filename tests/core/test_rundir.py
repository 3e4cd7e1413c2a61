"""The run directory: private, one owner, and gone with its last process whoever is killed."""

import contextlib
import fcntl
import os
import random
import re
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from robotd.core import janitor
from robotd.core.errors import BusyError, ConfigError, RobotdError
from robotd.core.rundir import RunDir, default_base, owner_pid, run_path, socket_path

OWNER = """
import sys, time
from pathlib import Path
from robotd.core.ring import RingWriter
from robotd.core.rundir import RunDir
run = RunDir.create(sys.argv[2], base=Path(sys.argv[1]), grace_s=float(*sys.argv[3:] or "5"))
RingWriter.create(run.path / "big.ring", 100_000, 4)
print("up", flush=True)
sys.stdin.read()
run.leave()
"""

MEMBER = """
import sys
from pathlib import Path
from robotd.core.ring import RingWriter
from robotd.core.rundir import RunDir
run = RunDir.join(Path(sys.argv[1]) / sys.argv[2])
RingWriter.create(run.path / f"{sys.argv[3]}.ring", 1000, 4)
print("up", flush=True)
sys.stdin.read()
run.leave()
"""


@pytest.fixture
def base():
    """A folder of run directories in memory, as in real use, of this test alone."""
    folder = Path(f"/dev/shm/robotd-test-{uuid.uuid4().hex}")
    yield folder
    left = list(folder.rglob("*")) if folder.exists() else []
    janitor.remove_tree(str(folder))
    assert left == []
    assert not folder.exists()


class Children:
    """Processes of a test, killed and reaped at its end."""

    def __init__(self):
        self.started = []

    def start(self, script, *args):
        child = subprocess.Popen(
            [sys.executable, "-c", script, *map(str, args)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.started.append(child)
        return child

    def up(self, script, *args):
        child = self.start(script, *args)
        assert child.stdout.readline() == b"up\n", child.stderr.read().decode()
        return child

    def close(self):
        for child in self.started:
            child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout, child.stderr):
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


@pytest.fixture
def children():
    children = Children()
    yield children
    children.close()


def wait_for(condition, timeout_s=8.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def janitors(base):
    """Return the ids of the janitors of run directories in `base`."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            if str(base).encode() in command and b"janitor.py" in command:
                found.append(int(entry.name))
    return found


def test_the_folder_is_private_and_gone_after_leaving(base):
    with RunDir.create("cell", base=base) as run:
        assert run.path == base / "cell"
        assert run.path.stat().st_mode & 0o777 == 0o700
        assert owner_pid(run.path) == os.getpid()
        (run.path / "logs").mkdir()
        (run.path / "logs" / "arm.log").write_text("x")

    assert not base.exists()
    assert owner_pid(base / "cell") is None
    assert janitors(base) == []


def test_it_can_be_made_again_and_again(base):
    for _ in range(3):
        with RunDir.create("cell", base=base):
            pass


def test_leaving_twice_is_harmless(base):
    run = RunDir.create("cell", base=base)
    run.leave()
    run.leave()


def test_a_second_owner_is_refused_and_told_the_first(base, children):
    owner = children.up(OWNER, base, "cell")

    with pytest.raises(BusyError, match=f"'cell' is already run by process {owner.pid};"):
        RunDir.create("cell", base=base)

    assert owner_pid(base / "cell") == owner.pid
    assert (base / "cell" / "big.ring").exists()
    owner.stdin.close()
    assert owner.wait(10) == 0


def test_another_cell_is_not_in_the_way(base, children):
    owner = children.up(OWNER, base, "left")
    with RunDir.create("right", base=base):
        pass

    assert [entry.name for entry in base.iterdir()] == ["left"]
    owner.stdin.close()
    owner.wait(10)


def test_owners_that_start_together_leave_one(base, children):
    rivals = [children.start(OWNER, base, "cell") for _ in range(4)]
    wait_for(lambda: sum(rival.poll() is None for rival in rivals) == 1)
    [winner] = [rival for rival in rivals if rival.poll() is None]

    assert winner.stdout.readline() == b"up\n"
    losers = [rival for rival in rivals if rival is not winner]
    assert all(b"BusyError" in loser.stderr.read() for loser in losers)
    winner.stdin.close()
    assert winner.wait(10) == 0


def test_there_is_nothing_to_join_without_an_owner(base):
    with pytest.raises(RobotdError, match="no daemon runs here; start one: robotd up"):
        RunDir.join(base / "cell")


def test_a_run_that_is_ending_cannot_be_joined(base):
    with RunDir.create("cell", base=base) as run:
        fd = os.open(run.path / janitor.MEMBERS, os.O_RDONLY)
        fcntl.flock(run._members_fd, fcntl.LOCK_UN)
        fcntl.flock(fd, fcntl.LOCK_EX)
        try:
            with pytest.raises(RobotdError, match="the run is ending"):
                RunDir.join(run.path)
        finally:
            os.close(fd)


@pytest.mark.parametrize("seed", range(4))
def test_nothing_stays_when_all_are_killed_in_any_order(base, children, seed):
    rng = random.Random(seed)
    processes = [children.up(OWNER, base, "cell")]
    processes += [children.start(MEMBER, base, "cell", n) for n in range(3)]
    for member in processes[1:]:
        assert member.stdout.readline() == b"up\n"
    rng.shuffle(processes)

    for process in processes:
        process.send_signal(signal.SIGKILL)
        time.sleep(rng.choice([0, 0, 0.01]))

    wait_for(lambda: not base.exists() and not janitors(base))


def test_members_that_end_by_themselves_outlive_a_killed_owner(base, children):
    owner = children.up(OWNER, base, "cell")
    member = children.up(MEMBER, base, "cell", 1)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    time.sleep(0.1)

    assert (base / "cell" / "1.ring").exists()

    member.stdin.close()
    assert member.wait(10) == 0
    wait_for(lambda: not base.exists())


def test_a_member_that_hangs_after_its_owners_death_is_killed(base, children):
    owner = children.up(OWNER, base, "cell", 0.3)
    member = children.up(MEMBER, base, "cell", 1)
    member.send_signal(signal.SIGSTOP)
    owner.send_signal(signal.SIGKILL)

    assert member.wait(10) == -signal.SIGKILL
    wait_for(lambda: not base.exists())


def test_a_new_owner_waits_for_the_removal_of_the_last_run(base, children):
    owner = children.up(OWNER, base, "cell")
    member = children.up(MEMBER, base, "cell", 1)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    successor = children.start(OWNER, base, "cell")
    time.sleep(0.5)
    assert successor.poll() is None
    member.send_signal(signal.SIGKILL)

    assert successor.stdout.readline() == b"up\n"
    assert sorted(entry.name for entry in (base / "cell").iterdir()) == [
        "big.ring",
        "lock",
        "members",
    ]
    successor.stdin.close()
    assert successor.wait(10) == 0


def test_what_a_run_left_whose_janitor_was_killed_too_is_cleared_by_the_next(base, children):
    owner = children.up(OWNER, base, "cell")
    wait_for(lambda: janitors(base))
    [pid] = janitors(base)
    os.kill(pid, signal.SIGKILL)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    (base / ".cell.dead.1.2").mkdir()
    assert (base / "cell" / "big.ring").exists()

    with RunDir.create("cell", base=base) as run:
        assert sorted(entry.name for entry in run.path.iterdir()) == ["lock", "members"]
        assert [entry.name for entry in base.iterdir()] == ["cell"]


def test_a_run_without_owner_and_janitor_goes_with_its_last_member(base, children):
    owner = children.up(OWNER, base, "cell")
    member = children.up(MEMBER, base, "cell", 1)
    wait_for(lambda: janitors(base))
    for pid in (*janitors(base), owner.pid):
        os.kill(pid, signal.SIGKILL)
    owner.wait()

    with pytest.raises(BusyError, match=rf"last run do not end: {member.pid}; kill them"):
        RunDir.create("cell", base=base, wait_s=0.05)

    member.stdin.close()
    assert member.wait(10) == 0
    assert not base.exists()


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_folder_open_to_others_is_refused(base, mode):
    base.mkdir()
    base.chmod(mode)

    with pytest.raises(ConfigError, match=f"mode {mode:04o}, expected folder, owner .* mode 0700"):
        RunDir.create("cell", base=base)

    base.rmdir()


def test_a_link_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "robotd").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigError, match="got no folder"):
        RunDir.create("cell", base=tmp_path / "robotd")


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="got File exists, expected a folder that can be"):
        RunDir.create("cell", base=tmp_path / "file" / "robotd")


@pytest.mark.parametrize("cell", ["", ".", "..", ".hidden", "a/b", "a b", "x" * 49, "a\n"])
def test_a_cell_name_that_is_no_folder_name_is_refused(cell):
    with pytest.raises(ConfigError, match=f"cell: got {re.escape(repr(cell))}"):
        run_path(cell)


@pytest.mark.parametrize("cell", ["a", "mock", "UR5e_left-2.b", "x" * 48])
def test_a_cell_name_that_does_is_taken(cell):
    assert run_path(cell, Path("/base")) == Path("/base") / cell


def test_the_base_is_the_runtime_folder_or_shared_memory(monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    assert default_base() == Path("/run/user/7/robotd")

    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert default_base() == Path(f"/dev/shm/robotd-{os.getuid()}")


def test_a_socket_path_of_107_bytes_fits_and_of_108_is_refused():
    run = Path("/" + "r" * 90)
    assert socket_path(run, "s" * 15) == run / ("s" * 15)

    with pytest.raises(ConfigError, match=r"108 bytes\), expected at most 107 bytes; set XDG_RUNT"):
        socket_path(run, "s" * 16)


def test_a_run_too_deep_for_sockets_is_refused_before_anything_is_made(tmp_path):
    base = tmp_path / ("deep" * 30)

    with pytest.raises(ConfigError, match="at most 107 bytes"):
        RunDir.create("cell", base=base)

    assert not base.exists()


def test_removing_a_tree_follows_no_links(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")
    top = tmp_path / "top"
    (top / "sub").mkdir(parents=True)
    (top / "sub" / "link").symlink_to(kept)
    (top / "file_link").symlink_to(kept / "file")

    janitor.remove_tree(str(top))

    assert not top.exists()
    assert (kept / "file").exists()


def test_a_janitor_of_a_vanished_run_ends(tmp_path):
    before = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        janitor.main(str(tmp_path / "gone"))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
