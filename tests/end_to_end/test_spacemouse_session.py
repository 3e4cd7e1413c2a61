"""A person's SpaceMouse in a collecting session: real processes above a hidapi of our own."""

import time

import numpy as np
import pytest

from robotd.core.arm_codes import Source
from robotd.modes.collect.messages import CollectRequest, Place
from tests.end_to_end.cap import Cap, speed_m_s
from tests.end_to_end.cell_site import ArmTail, Operator, wait_for
from tests.end_to_end.watched_run import complaints, end_of
from tests.teleop.hid_shim import Plug, build, environment

pytest.importorskip("pyspacemouse")


def test_unplugged_while_it_moves_the_session_pauses_and_nothing_moves_without_a_person(
    site, tmp_path
):
    plug = Plug(tmp_path / "hid").plug()
    up = site.robotd("up", env=environment(build(tmp_path), plug))
    wait_for("the daemon", lambda: (site.run_dir / "control").exists() or up.poll() is not None)
    operator = Operator(site.run_dir)
    request = CollectRequest(
        operator="spacemouse",
        arguments=("--operator=spacemouse",),
        start="task",
        places=(Place(seed=3),),
        max_episode_s=60.0,
    )
    try:
        operator.until("the arm", lambda s: s.arm is not None)
        operator.control.call("prepare", dataset=str(tmp_path / "D"))
        operator.until("the data set", lambda s: bool(s.dataset))
        operator.arm()
        with ArmTail(site.run_dir) as tail, Cap(plug) as cap:
            operator.control.call("start", collect=request)
            plug.await_opened()
            operator.until("READY", lambda s: s.collect and s.collect.session == "READY")
            operator.until("the device", lambda s: s.collect.teleop and not s.collect.neutral)
            cap.press_until_it_moves(tail)

            plug.unplug()
            paused = operator.until_state("PAUSED")
            wait_for("rest", lambda: speed_m_s(tail) < 1e-4)
            rested = tail.ticks[-1][1].state.T_base_tcp
            operator.control.call("resume")
            operator.until("its absence", lambda s: s.state == "RUNNING" and not s.collect.teleop)

            plug.plug().await_opened()  # still deflected, its button down as before
            cap.press()
            operator.until("its hand", lambda s: s.collect.neutral)
            time.sleep(0.3)
            waiting = tail.ticks[-1][1].state.T_base_tcp

            cap.let_go()
            operator.until("neutral", lambda s: not s.collect.neutral)
            cap.press_until_it_moves(tail)
            cap.let_go()
            wait_for("rest again", lambda: speed_m_s(tail) < 1e-4)
    finally:
        operator.close()
        plug.close()
    up.terminate()
    code, lines = end_of(up)

    assert (code, complaints(lines)) == (0, [])
    assert "was unplugged" in paused.reason
    assert np.linalg.norm(waiting[:3, 3] - rested[:3, 3]) < 1e-5
    assert {tick.source for _, tick in tail.ticks} >= {Source.HUMAN}
    tail.assert_inside(site.cell)
