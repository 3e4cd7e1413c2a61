"""`robotd collect` and `robotd replay` as a person types them, over real processes."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from robotd.core.arm_codes import Source
from robotd.episodes.dataset import episodes
from robotd.episodes.episode_file import read_episode_file
from robotd.episodes.reader import Episode
from robotd.episodes.verify import verify
from robotd.modes.collect.request import check_dataset
from tests.end_to_end.cell_site import CHECKOUT, ArmTail, wait_for
from tests.end_to_end.watched_run import complaints, end_of, the_episode

SHORT = "--set=task.max_episode_s=2.5"
LONG = "--set=task.max_episode_s=120"


class Collecting:
    """A `robotd collect` in progress whose arm is watched."""

    def __init__(self, site, dataset, *words):
        self.site, self.dataset = site, dataset
        self.process = site.robotd("collect", f"--dataset={dataset}", "--seed=3", *words)
        wait_for("the arm", lambda: (site.run_dir / "arm.ring").exists())
        self.tail = ArmTail(site.run_dir)

    def __enter__(self):
        self.tail.__enter__()
        return self

    def __exit__(self, *error):
        self.tail.__exit__()

    def pushing(self):
        """Wait until the operator moves the tool."""

        def moves():
            newest = self.tail.ticks[-1:]
            return newest and newest[0][1].source is Source.HUMAN and self.tail.speed_m_s() > 0.03

        wait_for("the operator's motion", moves, limit_s=40.0)


@pytest.fixture
def dataset(tmp_path):
    return tmp_path / "D"


def test_an_episode_is_collected_by_itself_and_can_be_replayed(site, dataset, tmp_path):
    """Without a terminal and without any data."""
    collecting = site.robotd(
        "collect",
        f"--dataset={dataset}",
        "--operator=pusher",
        "--episodes=1",
        "--count-failures",
        "--seed=3",
        f"--json={tmp_path}/collect.json",
        SHORT,
    )
    code, lines = end_of(collecting, limit_s=60.0)
    assert (code, complaints(lines)) == (0, [])
    name = episodes(dataset)[-1]  # the others were cut short by a computer that was held up
    assert verify(dataset / name, deep=True).health == "ok"
    recorded = Episode(dataset / name)
    assert (recorded.about.outcome, recorded.about.label) == ("time", "failure")
    assert recorded.about.origin.about["operator"] == "pusher"
    assert Source.HUMAN in recorded.streams.ticks.source
    assert len(recorded.streams.teleop) > 50
    assert recorded.streams.gaps == ()
    summary = json.loads((tmp_path / "collect.json").read_text())
    kept = len(episodes(dataset))
    assert (summary["kept_n"], summary["failure_n"], summary["tries_n"]) == (kept, 1, kept)
    assert any(recorded.about.id in line and "failure" in line for line in lines)
    check_dataset(dataset, site.cell, allow_different=False)
    site.assert_nothing_is_left()

    other = "--set=cameras.side.rate_hz=15"
    code, lines = end_of(site.robotd("collect", f"--dataset={dataset}", "--operator=pusher", other))
    assert code == 1
    [line] = complaints(lines)
    assert "cameras.side.rate_hz was 30.0, is 15.0" in line
    assert "--allow-different" in line

    out = tmp_path / "out"
    folder = dataset / recorded.about.id
    replay = site.robotd("replay", str(folder), f"--out={out}", f"--json={out}/replay.json", SHORT)
    code, lines = end_of(replay, limit_s=60.0)

    assert (code, complaints(lines)) == (0, [])
    numbers = json.loads((out / "replay.json").read_text())
    assert numbers["outcome"] == "done"
    assert numbers["path_error_p50_mm"] < 2.0
    assert numbers["block_error_mm"] < 15.0
    assert (out / "figures.png").stat().st_size > 10_000
    again = the_episode(out / "episodes")
    assert again.about.origin.about["replay_of"] == recorded.about.id
    assert Source.REPLAY in again.streams.ticks.source
    site.assert_nothing_is_left()


@pytest.mark.parametrize("how", ["ctrl-c twice", "sigterm"])
def test_a_signal_ends_the_session_and_keeps_the_open_episode(site, dataset, how):
    with Collecting(site, dataset, "--operator=pusher", LONG) as collecting:
        collecting.pushing()
        if how == "sigterm":
            refused = site.start(
                *("-m", "robotd.cli", "collect", f"--config={site.config}"),
                *(f"--run-dir={site.base}-2", f"--dataset={dataset}", "--operator=pusher"),
            )
            code, lines = end_of(refused)
            assert code == 1
            [line] = complaints(lines)
            assert str(dataset) in line
            collecting.process.terminate()
        else:
            collecting.process.send_signal(signal.SIGINT)
            time.sleep(0.2)
            collecting.process.send_signal(signal.SIGINT)
        code, lines = end_of(collecting.process)

    assert (code, complaints(lines)) == (130, [])
    collecting.tail.assert_inside(site.cell)
    collecting.tail.assert_rests()
    names = episodes(dataset)  # more than one where this computer was held up
    assert verify(dataset / names[-1], deep=True).health == "ok"
    recorded = read_episode_file(dataset / names[-1])
    assert (recorded.status, recorded.outcome) == ("complete", "stopped")
    kept = len(names)
    assert f"kept {kept} of {kept} tries (0 success, 0 failure) in {dataset}" in lines[-1]
    site.assert_nothing_is_left()


def test_a_stopped_operator_stops_the_arm_and_the_session_goes_on(site, dataset):
    with Collecting(site, dataset, "--operator=pusher", LONG) as collecting:
        collecting.pushing()
        teleop = site.process("robotd.proc", "teleop")
        stopped_ns = time.monotonic_ns()
        teleop.send_signal(signal.SIGSTOP)
        wait_for("the end of the episode", lambda: episodes(dataset))
        collecting.pushing()
        collecting.process.send_signal(signal.SIGINT)
        code, _ = end_of(collecting.process)

    assert code == 130
    ticks = [tick for _, tick in collecting.tail.ticks]
    t_ns = np.array([tick.t_ns for tick in ticks])
    place = np.array([tick.T_base_cmd[:3, 3] for tick in ticks])
    speed = np.linalg.norm(np.diff(place, axis=0), axis=1) / (np.diff(t_ns) * 1e-9)
    after_s = (t_ns[1:] - stopped_ns) * 1e-9
    before = speed[(after_s > -0.03) & (after_s < 0)].mean()
    # Braking begins within 100 ms, the room that a loaded machine needs, and is over soon after.
    assert speed[(after_s > 0.14) & (after_s < 0.16)].mean() < 0.9 * before
    assert speed[(after_s > 0.45) & (after_s < 0.9)].max() < 0.005
    outcomes = [read_episode_file(dataset / name).outcome for name in episodes(dataset)]
    assert "teleop lost" in outcomes[:-1]
    assert outcomes[-1] == "stopped"


class Terminal:
    """A `robotd` with a terminal of its own, and a person at it."""

    def __init__(self, site, *words):
        master, slave = pty.openpty()
        cell = [f"--config={site.config}", f"--run-dir={site.base}"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "robotd.cli", words[0], *cell, *words[1:]],
            cwd=CHECKOUT,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "240"},
            start_new_session=True,
        )
        os.close(slave)
        self._fd, self._new = master, ""
        self.said = ""

    def read(self, limit_s=0.02):
        """Take in what is shown."""
        while select.select([self._fd], [], [], limit_s)[0]:
            try:
                data = os.read(self._fd, 65536)
            except OSError:  # the other end is closed
                return
            if not data:
                return
            text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", data.decode(errors="replace"))
            self.said += text
            self._new += text

    def until(self, words, limit_s=40.0):
        """Wait until these words are shown anew."""

        def shown():
            self.read()
            return re.search(words, self._new)

        try:
            found = wait_for(words, shown, limit_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; it said {self.said[-600:]!r}") from error
        self._new = self._new[found.end() :]
        return found[0]

    def until_ready(self):
        """Wait for READY; resume where this computer was held up."""
        while self.until("READY|PAUSED") == "PAUSED":
            self.look_for(1.2)  # a key so soon after a pause was meant for something else
            self.press(" ")
            self.look_for(0.8)  # nor is one that is only held down heard anew
            self._new = ""

    def look_for(self, duration_s):
        until = time.monotonic() + duration_s
        while time.monotonic() < until:
            self.read(0.05)

    def press(self, key):
        os.write(self._fd, key.encode())

    def hold(self, key, duration_s):
        """Press a key as a terminal repeats it."""
        until = time.monotonic() + duration_s
        while time.monotonic() < until:
            self.press(key)
            self.read(0.03)

    def end(self, limit_s=30.0):
        def ended():
            self.read()
            return self.process.poll() is not None

        wait_for("its end", ended, limit_s)
        os.close(self._fd)
        return self.process.returncode


def test_a_person_collects_with_the_keyboard(site, dataset):
    terminal = Terminal(site, "collect", f"--dataset={dataset}", "--operator=keyboard", LONG)
    try:
        terminal.until_ready()
        terminal.press(" ")
        terminal.until("RECORDING")
        terminal.hold("l", 1.0)
        terminal.press("s")
        terminal.until("try 1: .* success")
        terminal.until_ready()
        terminal.press("f")
        terminal.until("cannot failure while READY")
        terminal.press("q")
        assert terminal.end() == 0
    finally:
        if terminal.process.poll() is None:
            terminal.process.kill()
            terminal.process.wait()

    recorded = the_episode(dataset)
    assert (recorded.about.outcome, recorded.about.label) == ("success", "success")
    human = recorded.streams.ticks.source == Source.HUMAN
    moved = np.ptp(recorded.streams.ticks.T_base_cmd[human][:, :3, 3], axis=0)
    assert moved[0] > 0.02
    assert moved[1:] == pytest.approx(0.0, abs=1e-3)
    assert "kept 1 of 1 tries (1 success, 0 failure)" in terminal.said
    site.assert_nothing_is_left()
