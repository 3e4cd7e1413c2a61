"""A separately started daemon outlives its parts: the arm rests, nothing moves without a person."""

import os
import signal
import time
from random import Random

import numpy as np
import psutil
import pytest

from robotd.core.arm_codes import ArmPhase
from robotd.core.errors import SupervisorError
from robotd.pipeline.fake_policy_server import FakePolicyServer, stay_silent
from tests.end_to_end.cell_site import ArmTail, Operator, wait_for
from tests.end_to_end.moving_server import SPEC, moving

APPROACH = ("travel",)


@pytest.fixture
def server():
    with FakePolicyServer(SPEC, moving) as fake:
        yield fake


@pytest.fixture
def tail(daemon_site, daemon):
    """Watch the arm; in the end every setpoint of the test was inside the envelope."""
    with ArmTail(daemon_site.run_dir) as arm:
        yield arm
    assert arm.lost_n == 0
    arm.assert_inside(daemon_site.cell)


def drive(daemon, tail, *phases, seed):
    """Bring an episode to one of these phases, and the tool into motion, at a seeded instant."""
    daemon.start(*phases, seed=seed)
    time.sleep(Random(seed).uniform(0.0, 0.3))
    wait_for("motion", lambda: tail.speed_m_s() > 0.03)


def stop(daemon, tail):
    daemon.control.call("stop")
    status = daemon.until_state("DISARMED")
    tail.assert_rests()
    return status


def kill(daemon, name, number=signal.SIGKILL):
    os.kill(daemon.status().processes[name].pid, number)


def test_a_policy_server_that_fails_pauses_the_run_with_its_reason(daemon, tail, server):
    daemon.prepare(server.endpoint)

    def garble(_):
        return [[b"\xff" * 100]]

    def dawdle(request):
        time.sleep(1.2)  # longer than the cell's `policy.deadline_s`
        return moving(request)

    for seed, behave in enumerate([stay_silent, garble, dawdle]):
        server.behave = moving
        drive(daemon, tail, "act", seed=seed)
        server.behave = behave

        reason = daemon.until_state("PAUSED", limit_s=4.0).reason
        assert reason.startswith("policy: "), reason
        assert "\n" not in reason
        assert stop(daemon, tail).reason == reason

    server.behave = moving
    drive(daemon, tail, "act", seed=3)
    server.stop()
    assert daemon.until_state("PAUSED", limit_s=4.0).reason.startswith("policy: ")
    stop(daemon, tail)


@pytest.mark.parametrize("phases", [APPROACH, ("act",)])
def test_a_killed_world_or_camera_pauses_the_run(daemon, tail, server, phases):
    daemon.prepare(server.endpoint)
    for seed, name in enumerate(["world", "camera@top"]):
        drive(daemon, tail, *phases, seed=seed)
        kill(daemon, name)

        status = daemon.until_state("PAUSED", limit_s=3.0)
        assert status.reason.startswith(f"{name}: killed by SIGKILL")
        assert stop(daemon, tail).run.outcome == "stopped"
        daemon.until("its restart", lambda s, n=name: s.processes[n].alive)


def test_a_camera_that_hangs_is_named_as_stale(daemon, tail, server):
    daemon.prepare(server.endpoint)
    drive(daemon, tail, "act", seed=0)
    kill(daemon, "camera@top", signal.SIGSTOP)
    try:
        reason = daemon.until_state("PAUSED", limit_s=4.0).reason
        assert "block_pose: newest sample is" in reason
        stop(daemon, tail)
    finally:
        kill(daemon, "camera@top", signal.SIGCONT)


@pytest.mark.parametrize("phases", [APPROACH, ("act",)])
def test_a_killed_arm_process_comes_back_disarmed(daemon, tail, server, phases):
    daemon.prepare(server.endpoint)
    drive(daemon, tail, *phases, seed=1)
    before_n = daemon.status().processes["arm"].restarts_n  # the daemon is shared
    kill(daemon, "arm")

    assert daemon.until_state("FAULT", limit_s=3.0).reason.startswith("arm: killed by SIGKILL")
    with pytest.raises(SupervisorError, match="possible now: ack"):
        daemon.control.call("arm")
    restarted = daemon.until(
        "a new arm", lambda s: s.processes["arm"].restarts_n == before_n + 1 and s.arm.age_s < 0.1
    )
    assert restarted.state == "FAULT"
    assert daemon.control.call("ack").state == "DISARMED"
    begin = len(tail.ticks)
    wait_for("cycles", lambda: len(tail.ticks) > begin + 60)
    since = [tick for _, tick in tail.ticks[begin:]]
    assert {tick.phase for tick in since} == {ArmPhase.DISARMED}
    assert np.ptp([tick.state.q_rad for tick in since], axis=0).max() == 0.0


def test_an_arm_process_that_hangs_is_a_fault_and_is_replaced(daemon, tail, server):
    daemon.prepare(server.endpoint)
    drive(daemon, tail, "act", seed=2)
    hung = daemon.status().processes["arm"].pid
    os.kill(hung, signal.SIGSTOP)

    assert "arm: no cycle for" in daemon.until_state("FAULT", limit_s=3.0).reason
    daemon.until("a new arm", lambda s: s.processes["arm"].pid != hung and s.arm.age_s < 0.1)
    assert not psutil.pid_exists(hung)
    assert daemon.control.call("ack").state == "DISARMED"
    daemon.arm()
    assert daemon.control.call("disarm").state == "DISARMED"


def test_motion_stops_when_the_client_disappears(daemon, tail, server, daemon_site):
    daemon.prepare(server.endpoint)
    for seed, phases in enumerate([APPROACH, ("act",)]):
        daemon.until("all", lambda s: s.state == "DISARMED")
        operator = Operator(daemon_site.run_dir, name=f"gone{seed}")
        operator.prepare(server.endpoint)
        drive(operator, tail, *phases, seed=seed)
        operator.close()

        status = daemon.until_state("DISARMED", limit_s=3.0)
        assert "disappeared" in status.reason
        assert status.run.outcome == "client lost"
        tail.assert_rests()


def test_nobody_else_drives_but_anybody_may_stop(daemon, tail, server, daemon_site):
    daemon.prepare(server.endpoint)
    drive(daemon, tail, "act", seed=4)
    other = Operator(daemon_site.run_dir, name="other")
    try:
        with pytest.raises(SupervisorError, match="drives this cell"):
            other.control.call("resume")
        assert other.control.call("stop").state in ("STOPPING", "DISARMED")
    finally:
        other.close()
    daemon.until_state("DISARMED")
    tail.assert_rests()
