"""One run of the control script, on a channel that acknowledges like it."""

import numpy as np
import pytest

from robotd.core.clock import MS, FakeClock, MonoNs
from robotd.core.errors import DeviceError, LinkLostError
from robotd.core.script_codes import LAST_NUMBER, REASONS, ScriptState
from robotd.hardware.ur_script import START_S, ScriptRun
from tests.hardware.ur_fakes import FIRST, PAUSED, PLAYING, STOPPED, FakeChannel

Q = np.full(6, 0.2)


@pytest.fixture
def clock():
    return FakeClock(MonoNs(10**9))


@pytest.fixture
def channel():
    return FakeChannel()


@pytest.fixture
def run(channel, clock):
    return ScriptRun(
        channel,
        channel.upload,
        first_number=FIRST,
        period_s=0.002,
        ack_limit_s=0.012,
        clock=clock,
    )


@pytest.fixture
def begun(run):
    run.begin(Q)
    run.listen()
    return run


def test_it_sends_the_first_number_only_once_the_script_waits_for_it(run, channel):
    run.begin(Q)

    assert channel.sent[0][0] == FIRST
    assert channel.sent[0][1].tolist() == Q.tolist()
    assert run.following


def test_each_setpoint_has_the_next_number(begun, channel):
    for n in range(3):
        begun.follow(Q + 0.001 * n)

    assert [number for number, _ in channel.sent[-3:]] == [FIRST + 1, FIRST + 2, FIRST + 3]


def test_a_script_that_does_not_start_is_a_sentence(channel, clock):
    run = ScriptRun(
        channel, lambda: None, first_number=FIRST, period_s=0.002, ack_limit_s=0.012, clock=clock
    )

    with pytest.raises(DeviceError, match=r"did not start.*remote control.*waited 4 s"):
        run.begin(Q)
    assert clock.now() >= 10**9 + START_S * 10**9
    assert channel.sent == []


def test_a_script_of_an_earlier_start_is_not_taken_for_this_one(channel, clock):
    run = ScriptRun(
        channel, lambda: None, first_number=FIRST, period_s=0.002, ack_limit_s=0.012, clock=clock
    )
    channel.state, channel.runtime, channel.acknowledged = ScriptState.WAITING, PLAYING, -7

    with pytest.raises(DeviceError, match="did not start"):
        run.begin(Q)
    assert channel.sent == []


def test_a_script_that_refuses_the_first_setpoint_says_why(run, channel):
    channel.follows = False
    sent = channel.send

    def refuse(number, q_rad):
        sent(number, q_rad)
        channel.state, channel.runtime = ScriptState.ENDED_START_FAR, STOPPED

    channel.send = refuse

    with pytest.raises(DeviceError, match="too far from the measured joints"):
        run.begin(Q)


def test_an_upload_that_fails_is_told(channel, clock):
    def fail():
        raise DeviceError("ur: the controller does not take the control script")

    run = ScriptRun(
        channel, fail, first_number=FIRST, period_s=0.002, ack_limit_s=0.012, clock=clock
    )
    with pytest.raises(DeviceError, match="does not take"):
        run.begin(Q)


@pytest.mark.parametrize("call", ["follow", "listen"])
def test_a_broken_connection_is_a_lost_link(begun, channel, call):
    channel.broken = "UR RTDE: the connection is gone"

    with pytest.raises(LinkLostError, match="the connection is gone"):
        begun.follow(Q) if call == "follow" else begun.listen()


@pytest.mark.parametrize(("waited_ms", "lost"), [(12, False), (13, True)])
def test_a_controller_that_acknowledges_nothing_new_is_lost(begun, clock, waited_ms, lost):
    clock.advance(waited_ms * MS)

    if lost:
        with pytest.raises(LinkLostError, match="no setpoint acknowledged for 13 ms"):
            begun.listen()
    else:
        begun.listen()


def test_a_silent_controller_is_lost_as_well(begun, channel, clock):
    channel.silent = True
    clock.advance(13 * MS)

    with pytest.raises(LinkLostError, match="acknowledged"):
        begun.listen()


def test_acknowledgements_keep_it_alive(begun, clock):
    for _ in range(100):
        begun.follow(Q)
        clock.advance(2 * MS)
        begun.listen()

    assert begun.following


def test_it_ends_when_it_is_asked_to(begun, channel):
    assert begun.ask_to_end()
    begun.listen()

    assert channel.sent[-1][0] == -FIRST
    assert begun.over
    assert begun.why() == REASONS[ScriptState.ENDED_BY_REQUEST]


def test_a_program_that_is_paused_is_not_over(begun, channel):
    channel.runtime = PAUSED
    begun.listen()

    assert not begun.following
    assert not begun.over


def test_it_says_why_the_script_ended(begun, channel):
    assert begun.why() == ""
    channel.state, channel.runtime = ScriptState.ENDED_STALL, STOPPED
    begun.listen()

    assert begun.why() == REASONS[ScriptState.ENDED_STALL]
    assert not begun.following


def test_asking_a_dead_channel_to_end_raises_nothing(begun, channel):
    channel.broken = "gone"

    assert not begun.ask_to_end()


@pytest.mark.parametrize("number", [FIRST - 1, FIRST + 2, -FIRST, 2**31 - 1])
def test_an_acknowledgement_of_what_was_never_sent_is_a_lost_link(begun, channel, number):
    begun.follow(Q)
    channel.acknowledged = number

    with pytest.raises(LinkLostError, match="never sent"):
        begun.listen()


def test_when_the_numbers_are_used_up_nothing_is_sent(channel, clock):
    first = LAST_NUMBER - 1
    run = ScriptRun(
        channel,
        channel.upload,
        first_number=first,
        period_s=0.002,
        ack_limit_s=0.012,
        clock=clock,
    )
    run.follow(Q)
    assert channel.sent[-1][0] == LAST_NUMBER

    with pytest.raises(DeviceError, match="used up"):
        run.follow(Q)
    assert channel.sent[-1][0] == LAST_NUMBER
