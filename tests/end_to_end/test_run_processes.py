"""`robotd run` as a person types it: how it ends, what it leaves, whoever is killed."""

import json
import signal
import time

import av
import pytest

from robotd.core.arm_codes import ArmPhase, Source
from robotd.episodes.dataset import episodes
from tests.end_to_end.cell_site import wait_for
from tests.end_to_end.watched_run import Watched, complaints, end_of, the_episode

OUTPUTS = {"episodes", "figures.png", "run.mp4"}


def test_a_run_ends_with_figures_a_video_and_nothing_else(site, tmp_path):
    out = tmp_path / "out"
    run = site.robotd(
        "run",
        "--policy=constant",
        f"--out={out}",
        f"--json={tmp_path}/run.json",
        "--seed=7",
        "--set=task.max_episode_s=1.5",
    )

    code, lines = end_of(run)

    assert (code, complaints(lines)) == (0, [])
    assert {path.name for path in out.iterdir()} == OUTPUTS | {"policy_server.log"}
    summary = json.loads((tmp_path / "run.json").read_text())
    episode = summary["episodes"][0]
    assert (summary["episodes_n"], summary["first_seed"]) == (1, 7)
    assert (episode["outcome"], episode["message"], episode["refused_n"]) == ("time", "", 0)
    assert episode["duration_s"] == pytest.approx(1.5, abs=0.2)
    assert episode["brakes_n"] == 0
    recorded = the_episode(out / "episodes")
    assert (recorded.about.outcome, recorded.about.label) == ("time", "failure")
    assert recorded.about.origin.about["policy"] == "constant"
    assert recorded.streams.ticks.phase[-1] == ArmPhase.HOLDING
    assert recorded.streams.gaps == ()
    with av.open(str(out / "run.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) > 30
    site.assert_nothing_is_left()


def test_ctrl_c_twice_stops_the_arm_and_leaves_the_outputs(site, endpoint, tmp_path):
    out = tmp_path / "out"
    with Watched(site, endpoint, out) as watched:
        watched.moving("act", seed=1)
        watched.run.send_signal(signal.SIGINT)
        time.sleep(0.2)
        watched.run.send_signal(signal.SIGINT)
        code, lines = end_of(watched.run)

    assert (code, complaints(lines)) == (130, [])
    assert {path.name for path in out.iterdir()} == OUTPUTS
    watched.assert_stopped_inside()
    recorded = the_episode(out / "episodes")
    assert (recorded.about.outcome, recorded.about.reason[:12]) == ("stopped", "stop by run-")
    ticks = recorded.streams.ticks
    assert ticks.phase[-1] == ArmPhase.HOLDING
    assert ticks.source[ticks.phase == ArmPhase.FOLLOWING][-1] == Source.POLICY


def test_ctrl_c_while_it_starts_leaves_nothing(site, tmp_path):
    run = site.robotd("run", "--server=tcp://127.0.0.1:9", f"--out={tmp_path}/out")
    wait_for("the daemon", lambda: (site.run_dir / "lock").exists())

    run.send_signal(signal.SIGINT)

    assert end_of(run) == (130, [])


@pytest.mark.parametrize("when", ["approach", "act"])
def test_a_killed_server_ends_the_run_with_one_line(site, endpoint, tmp_path, when):
    with Watched(site, endpoint, tmp_path / "out") as watched:
        watched.moving(when, seed=2)
        site.started[0].kill()
        code, lines = end_of(watched.run)

    assert code == 1
    [line] = complaints(lines)
    assert line.startswith("robotd: seed 200000: stopped: policy: "), line
    watched.assert_stopped_inside()


def test_a_killed_own_server_process_leaves_nothing(site, tmp_path):
    run = site.robotd("run", "--policy=constant", f"--out={tmp_path}/out", "--no-video")
    server = wait_for("the server", lambda: site.process("policy_server", "serve"))
    wait_for("the daemon", lambda: (site.run_dir / "policy").exists())

    server.kill()

    code, lines = end_of(run)
    assert code == 1
    assert "policy_server: killed by SIGKILL" in complaints(lines)[0]
    assert len(complaints(lines)) == 1


@pytest.mark.parametrize("when", ["approach", "act"])
def test_a_killed_daemon_ends_the_run_and_all_its_processes(site, endpoint, tmp_path, when):
    with Watched(site, endpoint, tmp_path / "out") as watched:
        watched.moving(when, seed=3)
        site.process("robotd.cli", "up").kill()
        code, lines = end_of(watched.run)
        wait_for("the arm to end", lambda: site.process("robotd.proc", "arm") is None)

    assert code == 1
    [line] = complaints(lines)
    assert line == "robotd: the daemon ended: killed by SIGKILL"
    watched.assert_stopped_inside()
    wait_for("the recorder to end", lambda: site.process("robotd.proc", "recorder") is None)
    if when == "act":  # its recorder has completed it by itself
        assert the_episode(tmp_path / "out" / "episodes").about.outcome == "aborted"
    else:
        assert episodes(tmp_path / "out" / "episodes") == []


@pytest.mark.parametrize("when", ["approach", "act"])
def test_a_killed_client_takes_its_daemon_and_the_motion_with_it(site, endpoint, tmp_path, when):
    with Watched(site, endpoint, tmp_path / "out", "--no-video") as watched:
        watched.moving(when, seed=4)
        watched.run.kill()
        watched.run.wait()
        site.assert_nothing_is_left()

    watched.assert_stopped_inside()


def test_a_killed_arm_process_ends_the_run_with_one_line(site, endpoint, tmp_path):
    with Watched(site, endpoint, tmp_path / "out", "--no-video") as watched:
        watched.moving("act", seed=5)
        site.process("robotd.proc", "arm").kill()
        code, lines = end_of(watched.run)

    assert code == 1
    [line] = complaints(lines)
    assert "arm: killed by SIGKILL" in line
    watched.assert_stopped_inside(rests=False)


def test_a_killed_daemon_that_runs_alone_takes_its_processes_with_it(site):
    up = site.robotd("up")
    wait_for("the arm", lambda: (site.run_dir / "arm.ready").exists())

    up.kill()

    site.assert_nothing_is_left()


def test_a_second_daemon_of_a_cell_is_refused_in_one_line(site):
    first = site.robotd("up")
    wait_for("the daemon", lambda: (site.run_dir / "control").exists())

    second = site.robotd("up")

    code, lines = end_of(second)
    assert code == 1
    [line] = lines
    assert f"is already run by process {first.pid}" in line


def test_a_run_of_another_configuration_is_refused_by_a_running_daemon(site, tmp_path):
    site.robotd("up")
    wait_for("the daemon", lambda: (site.run_dir / "control").exists())

    run = site.robotd(
        "run", "--policy=constant", f"--out={tmp_path}/out", "--set=executor.kind=ensemble"
    )

    code, lines = end_of(run)
    assert code == 1
    [line] = lines
    assert "another configuration" in line
