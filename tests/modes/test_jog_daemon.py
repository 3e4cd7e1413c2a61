"""Jogging in the daemon: orders while the dead-man is held, and what a person is shown."""

from dataclasses import replace

import numpy as np
import pytest

from robotd.core.arm_codes import Limit, PauseCause, Source, Verdict
from robotd.core.errors import SupervisorError
from robotd.core.jog import JogFrame
from robotd.modes.collect.messages import CollectRequest
from robotd.modes.jog.messages import JogRequest
from robotd.modes.jog.rates import rates_of
from robotd.modes.jog.view import help_lines, live_line
from tests.modes.hand_stage import HandStage


class JogStage(HandStage):
    """A stage that knows when it is jogged."""

    @property
    def moves(self):
        """Whether the orders want motion now."""
        jog = self.orders.jog
        return jog is not None and jog.rates.any() and jog.valid_until_ns >= self.clock.now()


@pytest.fixture
def stage(cell, run_dir, make_tick, make_world):
    stage = JogStage(cell, run_dir, make_tick, make_world)
    with stage.close:
        stage.cycle(3)
        yield stage


@pytest.fixture
def jogging(stage):
    stage.call("arm", jog=JogRequest())
    stage.cycle(5)
    stage.call("start", jog=JogRequest())
    stage.cycle(3)
    return stage


def test_every_order_of_the_session_says_that_it_is_for_jogging(stage):
    assert stage.orders.jog is None
    stage.call("arm", jog=JogRequest())
    assert stage.orders.jog is not None
    assert not stage.moves

    stage.cycle(5)
    stage.call("start", jog=JogRequest())
    stage.cycle(10)
    assert stage.orders.jog is not None
    stage.call("stop")
    assert stage.orders.jog is not None or stage.orders.session == 0
    stage.cycle(10)
    assert (stage.state(), stage.orders.jog, stage.orders.session) == ("DISARMED", None, 0)


def test_the_arm_moves_while_the_button_is_held_and_in_its_direction(jogging):
    jogging.grip(0, 0, 1, 0, 0, 0)
    jogging.cycle(3)

    assert jogging.moves
    assert jogging.orders.plan is None
    assert jogging.orders.jog.frame is JogFrame.BASE
    assert np.array_equal(np.sign(jogging.orders.jog.rates), [0, 0, 1, 0, 0, 0])
    assert jogging.call("status").jog.moving
    jogging.let_go()
    jogging.cycle(2)
    assert not jogging.moves


def test_without_the_button_nothing_moves(jogging):
    jogging.deflection = np.ones(6)
    jogging.cycle(10)

    assert not jogging.moves


def test_a_device_that_was_held_at_the_start_has_to_be_let_go_first(stage):
    stage.grip(1, 0, 0, 0, 0, 0)
    stage.call("arm", jog=JogRequest())
    stage.cycle(5)
    stage.call("start", jog=JogRequest())
    stage.cycle(20)
    assert not stage.moves
    assert stage.call("status").jog.neutral

    stage.let_go()
    stage.cycle(2)
    stage.grip(1, 0, 0, 0, 0, 0)
    stage.cycle(2)
    assert stage.moves


def test_a_device_that_falls_silent_moves_nothing_within_100_ms(jogging):
    jogging.grip(0, 1, 0, 0, 0, 0)
    jogging.cycle(5)
    assert jogging.moves

    jogging.speaks = False
    jogging.cycle(10)

    assert not jogging.moves
    assert jogging.state() == "RUNNING"


def test_a_button_changes_to_joints_and_wants_the_device_let_go(jogging):
    jogging.grip(0, 0, 1, 0, 0, 0)
    jogging.cycle(3)
    jogging.call("say", command="toggle")
    jogging.cycle(3)
    assert not jogging.moves

    jogging.let_go()
    jogging.cycle(2)
    jogging.grip(0.3, 0, 0, -1, 0, 0)
    jogging.cycle(3)

    assert jogging.orders.jog.frame is JogFrame.JOINT
    assert np.array_equal(np.sign(jogging.orders.jog.rates), [0, 0, 0, -1, 0, 0])
    assert jogging.call("status").jog.frame == "joints"


def test_a_pause_stops_it_and_a_person_resumes(jogging):
    jogging.grip(0, 0, 1, 0, 0, 0)
    jogging.cycle(3)
    jogging.hold = PauseCause.FORCE
    jogging.cycle(2)
    assert jogging.state() == "PAUSED"
    assert not jogging.moves

    jogging.hold = PauseCause.NONE
    jogging.call("resume")
    jogging.cycle(5)
    assert not jogging.moves
    jogging.let_go()
    jogging.cycle(2)
    jogging.grip(0, 0, 1, 0, 0, 0)
    jogging.cycle(2)
    assert jogging.moves


def test_a_client_that_is_gone_stops_it(jogging):
    jogging.grip(0, 0, 1, 0, 0, 0)
    jogging.cycle(110)

    assert not jogging.moves
    assert jogging.state() in ("STOPPING", "DISARMED")


@pytest.mark.parametrize("armed_to_jog", [True, False])
def test_an_arming_is_for_jogging_or_for_the_rest(stage, armed_to_jog):
    stage.call("prepare", dataset="/data")
    stage.cycle(3)
    stage.call("arm", jog=JogRequest() if armed_to_jog else None)
    stage.cycle(5)
    wanted = {"collect": CollectRequest(operator="me")} if armed_to_jog else {"jog": JogRequest()}

    with pytest.raises(SupervisorError, match="armed for something else"):
        stage.call("start", **wanted)


def test_below_full_speed_a_person_may_jog(stage):
    stage.state_with = {"speed_scaling": 0.3}
    stage.call("arm", jog=JogRequest())
    stage.cycle(5)

    assert stage.call("start", jog=JogRequest()).state == "RUNNING"


def test_quit_ends_it_and_other_words_mean_nothing(jogging):
    with pytest.raises(SupervisorError, match="being jogged"):
        jogging.call("say", command="home")
    jogging.call("say", command="quit")
    jogging.cycle(10)

    status = jogging.call("status")
    assert (status.state, status.jog.outcome) == ("DISARMED", "quit")


def test_status_says_what_is_outside_and_what_was_refused(stage, make_tick, cell):
    q = np.array(cell.arm.home_q_rad) + np.array([0, 0, 0, 0, 0, 6.5])
    refused = Verdict(accepted=False, limit=Limit.TABLE, braking=True)
    inner = stage._make_tick

    def outside(now, **more):
        tick = inner(now, **{**more, "verdict": refused, "source": Source.JOG})
        return replace(tick, state=replace(tick.state, q_rad=q))

    stage._make_tick = outside
    stage.call("arm", jog=JogRequest())
    stage.cycle(5)
    stage.call("start", jog=JogRequest())
    stage.cycle(3)

    status = stage.call("status")
    assert any("joint 6 above its range by" in words for words in status.jog.outside)
    assert status.jog.refused == "table"
    line = live_line(status, status.jog)
    assert "OUTSIDE: " in line
    assert "refused: table" in line


def test_full_deflection_of_several_axes_is_full_speed_of_the_fastest(cell):
    config = cell.teleop
    assert np.abs(rates_of(np.ones(6), JogFrame.BASE, config)).max() == pytest.approx(1.0)
    assert not rates_of(np.full(6, 0.9 * config.deadzone), JogFrame.BASE, config).any()
    assert np.count_nonzero(rates_of(np.ones(6), JogFrame.JOINT, config)) == 1


def test_the_help_names_every_axis_and_joint():
    text = "\n".join(help_lines())

    for axis, joint in zip(("x", "y", "z", "rx", "ry", "rz"), range(1, 7), strict=True):
        assert f"{axis} +, or joint {joint} +" in text
        assert f"{axis} -, or joint {joint} -" in text
