"""The recorder's process: killed, told to end, orphaned, on a full disk."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from robotd.core.clock import MS, SystemClock
from robotd.core.process import PARENT_VARIABLE
from robotd.core.rundir import RunDir
from robotd.episodes import topics
from robotd.episodes.dataset import Dataset, episodes, open_episodes
from robotd.episodes.recover import recover
from tests.episodes.recorder_site import CAMERA, EPISODE, Site, read_episode, times

ROOT = Path(__file__).parents[2]
BODY = """
import sys
from pathlib import Path
from robotd.episodes.recorder.process import main
from robotd.modes.cell_file import read_cell

main(Path(sys.argv[1]), read_cell(Path(sys.argv[1])))
"""
PARENT = """
import subprocess, sys, os
from robotd.core.process import PARENT_VARIABLE
os.environ[PARENT_VARIABLE] = str(os.getpid())
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]])
print(child.pid, flush=True)
sys.stdin.read()
"""
clock = SystemClock()


@pytest.fixture
def site(tmp_path):
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    with Site(run_dir) as site:
        yield site


@contextmanager
def recorder_of(site):
    environment = {k: v for k, v in os.environ.items() if k != PARENT_VARIABLE}
    command = [sys.executable, "-c", BODY, str(site.run_dir)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@contextmanager
def feeding(site):
    """Ticks at 500 Hz and frames at 30 Hz, until the block ends; yields the ticks' times."""
    written, stop = [], threading.Event()

    def feed():
        number = 0
        while not stop.is_set():
            now = clock.now()
            site.tick(now)
            written.append(now)
            if number % 17 == 0:
                site.frame(now - 40 * MS, arrival_ns=now)
            number += 1
            time.sleep(0.002)

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield written
    finally:
        stop.set()
        thread.join()


def begin(site, dataset, pid=None):
    """Open the data set and begin an episode; return its first instant."""
    site.wait(lambda s: pid is None or s.pid == pid, "the recorder")
    opened = site.open(dataset)
    assert site.wait(lambda s: s.obeyed == opened, "the data set").refusal == ""
    t_ns = clock.now()
    begun = site.begin(t_ns)
    assert site.wait(lambda s: s.obeyed == begun, "the episode").refusal == ""
    return t_ns


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_any_instant_it_loses_half_a_second_at_most(site, tmp_path, seed):
    dataset = tmp_path / "data"
    with recorder_of(site) as process, feeding(site) as written:
        t_begin = begin(site, dataset)
        time.sleep(random.Random(seed).uniform(0.9, 1.6))
        flushed_ns = site.status.t_flushed_ns
        process.kill()
        t_kill = clock.now()
        process.wait()

    with Dataset.open(dataset) as held:
        assert recover(held).recovered == (EPISODE,)
    file, items = read_episode(dataset)

    got = times(items, topics.ARM)
    assert file.status == "recovered"
    assert got == [t_ns for t_ns in written if t_begin <= t_ns <= got[-1]]
    assert got[-1] >= flushed_ns - 10 * MS
    assert t_kill - got[-1] <= 600 * MS  # 0.5 s, and what the disk of a busy machine takes
    assert len(items[topics.camera_topic(CAMERA)]) >= 10


def test_sigterm_completes_the_open_episode_and_a_second_one_skips_nothing(site, tmp_path):
    dataset = tmp_path / "data"
    with recorder_of(site) as process, feeding(site) as written:
        t_begin = begin(site, dataset)
        time.sleep(0.3)
        start = time.monotonic()
        process.send_signal(signal.SIGTERM)
        time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        took_s = time.monotonic() - start

    file, items = read_episode(dataset)

    got = times(items, topics.ARM)
    assert (file.status, file.outcome) == ("complete", "aborted")
    assert "stopped" in file.reason
    assert got == [t_ns for t_ns in written if t_begin <= t_ns <= got[-1]]
    assert took_s < 2
    assert open_episodes(dataset) == []


def test_the_death_of_its_parent_completes_the_open_episode(site, tmp_path):
    dataset = tmp_path / "data"
    command = [sys.executable, "-c", PARENT, BODY, str(site.run_dir)]
    with (
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as parent,
        feeding(site),
    ):
        pid = int(parent.stdout.readline())
        begin(site, dataset, pid)
        time.sleep(0.2)
        parent.kill()
        parent.wait()
        deadline = time.monotonic() + 5
        while EPISODE not in episodes(dataset):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    assert read_episode(dataset)[0].outcome == "aborted"


def test_a_restarted_recorder_knows_no_orders_and_recovers_when_it_is_told_to_open(site, tmp_path):
    dataset = tmp_path / "data"
    with recorder_of(site) as process, feeding(site):
        begin(site, dataset)
        time.sleep(0.8)
        process.kill()
    with recorder_of(site) as process:
        status = site.wait(lambda s: s.pid == process.pid, "the second recorder")
        assert (status.obeyed, status.dataset, status.episode) == (0, "", "")
        opened = site.open(dataset)
        status = site.wait(lambda s: s.obeyed == opened, "the data set")

    assert status.refusal == ""
    assert status.recovered == (EPISODE,)


def test_the_process_of_that_name_is_the_recorder(tmp_path):
    with RunDir.create("cell", base=tmp_path) as run, Site(run.path) as site:
        command = [sys.executable, "-m", "robotd.proc", "recorder", "--run-dir", str(run.path)]
        with subprocess.Popen(command, cwd=ROOT) as process:
            assert site.wait(lambda s: s.pid == process.pid, "the recorder").problem == ""
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0


def on_a_small_disk(tmp_path, stop_mb, reserve_mb, pause_s):
    """Record on a disk of 2 MB until it is full; return what was said."""
    for name in ("run", "disk"):
        (tmp_path / name).mkdir()
    if shutil.which("unshare") is None:
        pytest.skip("no unshare on this machine")
    numbers = f"{stop_mb} {reserve_mb} {pause_s}"
    script = (
        f"mount -t tmpfs -o size=2m none {tmp_path}/disk || exit 99; exec {sys.executable} "
        f"-m tests.episodes.full_disk {tmp_path}/run {tmp_path}/disk/data {numbers}"
    )
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip(f"no disk of one's own here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_episode_that_fills_the_disk_is_cut_and_kept(tmp_path):
    said = on_a_small_disk(tmp_path, stop_mb=0.0, reserve_mb=0.1, pause_s=0.001)

    assert "No space left on device" in said["problem"]
    assert "\n" not in said["problem"]
    assert said["end"] == ""
    assert (said["status"], said["outcome"]) == ("recovered", "stopped")
    assert said["reason"] == said["problem"]
    assert min(said["ticks"], said["frames"]) > 30
    assert said["read"]


def test_a_disk_that_is_nearly_full_stops_the_episode_in_time_to_complete_it(tmp_path):
    said = on_a_small_disk(tmp_path, stop_mb=0.7, reserve_mb=1.0, pause_s=0.01)

    assert "recording stops below 0.7 MB" in said["problem"]
    assert (said["status"], said["outcome"], said["end"]) == ("complete", "stopped", "")
    assert said["read"]


def test_a_disk_below_the_reserve_is_refused_in_one_line(tmp_path):
    said = on_a_small_disk(tmp_path, stop_mb=0.0, reserve_mb=3.0, pause_s=0.01)

    assert said["open"].endswith(
        "an episode is not begun below 3.0 MB; make room, or lower record.reserve_mb"
    )
