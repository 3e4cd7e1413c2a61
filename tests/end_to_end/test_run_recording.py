"""What `robotd run` leaves in its data set, whoever is killed or asked to end."""

import signal
import time

from robotd.core.arm_codes import ArmPhase
from robotd.core.clock import MS
from robotd.episodes.dataset import Dataset, episodes
from tests.end_to_end.cell_site import Operator, wait_for
from tests.end_to_end.watched_run import Watched, complaints, end_of, the_episode

BRAKED_NS = 200 * MS
FLUSHED_S = 0.5 + 0.2
"""Between two flushes, and a while for the disk."""


def test_a_killed_recorder_brakes_the_arm_and_the_next_one_recovers(site, endpoint, tmp_path):
    out = tmp_path / "out"
    with Watched(site, endpoint, out, "--no-video") as watched:
        watched.moving("act", seed=6)
        time.sleep(1.0)  # two flushes
        recorder = site.process("robotd.proc", "recorder")
        recorder.kill()
        killed_ns = watched.tail.ticks[-1][1].t_ns
        code, lines = end_of(watched.run, limit_s=60.0)

    assert code == 1
    [line] = complaints(lines)
    assert line.startswith("robotd: seed 200000: stopped: recorder: killed by SIGKILL")
    watched.assert_stopped_inside()
    ticks = [tick for _, tick in watched.tail.ticks]
    braking = next(t for t in ticks if t.t_ns > killed_ns and t.phase is ArmPhase.BRAKING)
    assert braking.t_ns - killed_ns < BRAKED_NS
    recorded = the_episode(out / "episodes", health="lossy")
    assert (recorded.about.status, recorded.about.outcome) == ("recovered", "aborted")
    assert (killed_ns - recorded.streams.ticks.t_ns[-1]) * 1e-9 < FLUSHED_S
    assert {path.name for path in out.iterdir()} == {"episodes", "figures.png"}


def test_sigterm_to_the_daemon_brakes_and_completes_the_episode(site, endpoint, tmp_path):
    dataset = tmp_path / "d"
    with Watched(site, endpoint, tmp_path / "out", f"--dataset={dataset}", "--no-video") as watched:
        watched.moving("act", seed=7)
        site.process("robotd.cli", "up").send_signal(signal.SIGTERM)
        code, lines = end_of(watched.run)

    assert (code, len(complaints(lines))) == (1, 1)
    watched.assert_stopped_inside()
    about = the_episode(dataset).about
    assert (about.status, about.outcome, about.reason) == ("complete", "stopped", "the daemon ends")


def test_what_cannot_be_recorded_into_is_one_line_before_arming(site, endpoint, tmp_path):
    dataset = tmp_path / "d"
    site.robotd("up", "--set=record.reserve_mb=1e9")
    wait_for("the daemon", lambda: (site.run_dir / "control").exists())
    operator = Operator(site.run_dir)
    operator.until("the arm", lambda s: s.arm is not None)

    def refusal(folder):
        operator.control.call("prepare", dataset=str(folder))
        return operator.until("the answer", lambda s: s.dataset or s.dataset_failure)

    full = refusal(dataset)
    with Dataset.open(tmp_path / "other"):
        held = refusal(tmp_path / "other")
    operator.close()

    assert full.dataset == held.dataset == ""
    assert "an episode is not begun below 1000000000 MB" in full.dataset_failure
    assert str(tmp_path / "other") in held.dataset_failure
    assert held.dataset_failure.count("\n") == 0
    assert full.state == held.state == "DISARMED"
    assert episodes(dataset) == []
