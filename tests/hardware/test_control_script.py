"""The control script's own text, run by the interpreter on a controller that notes what it is told.

Numbers are the e-Series' where nothing else is said: 2 ms, three periods of patience.
"""

from dataclasses import replace
from importlib.resources import files
from itertools import pairwise
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotd.core.script_codes import FIRST_NUMBER_BELOW, REASONS, ScriptRegisters, ScriptState
from robotd.hardware.control_script import (
    ScriptParameters,
    StallLimits,
    control_script,
    draw_first_number,
    stall_limits,
)
from robotd.sim.ur.script.functions import COMMANDS, TIMED, VALUES
from robotd.sim.ur.script.parser import parse
from robotd.sim.ur.script.user_functions import calls_in
from tests.sim.fake_machine import FakeMachine, FakeRun

FIRST = 800_000_000
STEP = 0.002
RANGE = 6.0
HOME = (0.1, -1.5, 1.4, -1.3, -1.2, 0.5)
PARAMETERS = ScriptParameters(
    first_number=FIRST,
    period_s=0.002,
    joint_min_rad=(-RANGE,) * 6,
    joint_max_rad=(RANGE,) * 6,
    joint_step_rad=STEP,
    max_tracking_error_rad=0.3,
    deceleration_rad_s2=5.0,
    stall_n=3,
    watchdog_hz=50.0,
    wait_s=0.2,
)
NULP = 1e-9
"""Far below any step; far above the rounding of the sums in a test."""


class Session:
    """A script that runs, and a driver that sends it packets."""

    def __init__(self, *, q=HOME, follows=True, **changes):
        self.parameters = replace(PARAMETERS, **changes)
        self.base = self.parameters.registers.base
        self.machine = FakeMachine(period_s=self.parameters.period_s, q_rad=q, follows=follows)
        self.run = FakeRun(control_script(self.parameters), self.machine)
        self.q = q

    def send(self, number, q=None):
        """One packet, then one controller cycle."""
        self.q = self.q if q is None else tuple(q)
        self.machine.integers[self.base] = number
        self.machine.floats.update({self.base + i: x for i, x in enumerate(self.q)})
        self.run.cycle()
        return self

    def silence(self, cycles):
        self.run.cycle(cycles)
        return self

    def started(self):
        """The first number and the one after it have been followed."""
        self.run.cycle(2)
        self.send(FIRST).send(FIRST + 1)
        assert self.state is ScriptState.FOLLOWING
        assert self.acknowledged == FIRST + 1
        return self

    @property
    def state(self):
        return ScriptState(self.machine.out_integers.get(self.base + 1, 0))

    @property
    def acknowledged(self):
        return self.machine.out_integers.get(self.base)

    @property
    def targets(self):
        return [call[0] for call in self.machine.named("servoj")]

    def ended(self, reason):
        """It braked, once, and left, for this reason."""
        assert self.state is reason
        self.run.finish(100)
        assert len(self.machine.named("stopj")) == 1
        moves = [c[0] for c in self.machine.calls if c[0] in ("servoj", "stopj")]
        assert moves[-1] == "stopj"
        assert str(int(reason)) in self.machine.named("textmsg")[-1][0]
        return True


def moved(q, by, joint=0):
    return tuple(x + by * (i == joint) for i, x in enumerate(q))


# Before the first number.


def test_it_says_that_it_waits_and_for_which_start():
    session = Session().silence(1)
    assert session.state is ScriptState.WAITING
    assert session.acknowledged == -FIRST


@pytest.mark.parametrize("number", [0, 1, FIRST - 1, FIRST + 1, FIRST + 2, -FIRST + 1, -(2**31)])
def test_no_other_number_starts_it(number):
    session = Session().silence(1)
    for _ in range(20):
        session.send(number, moved(HOME, 0.001))
    assert session.state is ScriptState.WAITING
    assert session.machine.calls == []


def test_a_session_of_an_earlier_start_replayed_moves_nothing():
    session = Session(first_number=FIRST + 1000)
    for n in range(50):
        session.send(FIRST + n, moved(HOME, 0.001 * n))
    assert session.state is ScriptState.WAITING
    assert session.machine.calls == []


def test_the_watchdog_is_armed_by_the_first_number_and_not_before():
    session = Session().silence(5).send(7)
    assert session.machine.named("rtde_set_watchdog") == []
    session.send(FIRST)
    armed = ("input_int_register_24", 50.0, "stop")
    assert session.machine.calls[0] == ("rtde_set_watchdog", *armed)
    session.send(FIRST + 1).send(FIRST + 2)
    assert session.machine.named("rtde_set_watchdog") == [armed]


def test_it_acknowledges_the_first_number_and_holds_where_it_is():
    session = Session().silence(1).send(FIRST)
    assert (session.state, session.acknowledged) == (ScriptState.FOLLOWING, FIRST)
    assert session.targets == [HOME]


def test_it_gives_up_waiting():
    cycles = round(PARAMETERS.wait_s / PARAMETERS.period_s)
    session = Session().silence(cycles)
    assert session.state is ScriptState.WAITING
    session.silence(1)
    assert session.state is ScriptState.ENDED_NEVER_STARTED
    assert not session.run.running
    assert session.machine.named("servoj") == session.machine.named("stopj") == []


def test_the_stop_number_ends_it_while_it_waits():
    session = Session().silence(1).send(-FIRST)
    assert session.state is ScriptState.ENDED_BY_REQUEST
    assert not session.run.running


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("joint", range(6))
def test_a_first_target_just_inside_the_start_error_is_taken_up_step_by_step(joint, sign):
    bound = PARAMETERS.start_error_rad
    session = Session().silence(1).send(FIRST, moved(HOME, sign * (bound - NULP), joint))
    assert session.state is ScriptState.FOLLOWING
    for n in range(1, 40):
        session.send(FIRST + n)
    assert session.machine.q_rad == session.q
    assert largest_step([HOME, *session.targets]) <= STEP + NULP


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("joint", range(6))
def test_a_first_target_just_outside_the_start_error_ends_it(joint, sign):
    bound = PARAMETERS.start_error_rad
    session = Session().silence(1).send(FIRST, moved(HOME, sign * (bound + NULP), joint))
    assert session.ended(ScriptState.ENDED_START_FAR)
    assert session.targets == []
    assert session.acknowledged == -FIRST


# Following.


def test_it_follows_and_acknowledges_every_number():
    session = Session().started()
    for n in range(2, 30):
        session.send(FIRST + n, moved(session.q, 0.0019))
        assert session.acknowledged == FIRST + n
    assert session.state is ScriptState.FOLLOWING
    assert session.machine.named("servoj")[-1][1:] == (0.002, 0.1, 300.0)


def test_the_target_of_the_next_cycle_is_the_packet_just_taken():
    session = Session().started()
    session.send(FIRST + 2, moved(HOME, 0.001))
    assert session.targets[-1] == moved(HOME, 0.001)


FAR = [-(2**31), -1, 0, 5, FIRST - 5, FIRST + 6, FIRST + 10**6, 2**31 - 1]


@pytest.mark.parametrize("wrong", [FIRST + 1, FIRST, *FAR])
def test_a_number_that_does_not_follow_is_silence(wrong):
    session = Session().started()
    before = session.targets[-1]
    session.send(wrong, moved(HOME, 0.001)).send(wrong, moved(HOME, 0.001))
    assert session.targets[-1] == before
    assert session.state is ScriptState.FOLLOWING
    session.send(wrong, moved(HOME, 0.001))
    assert session.ended(ScriptState.ENDED_STALL)
    assert session.acknowledged == FIRST + 1


@pytest.mark.parametrize("ahead", [1, 2, 3, 4])
def test_numbers_that_were_overwritten_on_the_way_may_be_missing(ahead):
    session = Session().started().send(FIRST + 1 + ahead, moved(HOME, ahead * (STEP - NULP)))
    assert session.acknowledged == FIRST + 1 + ahead


def test_a_number_further_ahead_than_patience_is_not_followed():
    session = Session().started().send(FIRST + 1 + 5, HOME)
    assert session.acknowledged == FIRST + 1


def test_packets_that_come_late_together_are_caught_up_with_at_the_speed_limit():
    session = Session().started()
    session.silence(2)
    session.send(FIRST + 4, moved(HOME, 3 * (STEP - NULP)))
    for n in range(5, 10):
        session.send(FIRST + n)
    assert session.machine.q_rad == moved(HOME, 3 * (STEP - NULP))
    assert largest_step(session.targets) <= STEP + NULP


# Stalls.


def test_two_silent_periods_are_borne_again_and_again():
    session = Session().started()
    for n in range(2, 20):
        session.silence(2).send(FIRST + n)
    assert session.state is ScriptState.FOLLOWING


def test_three_silent_periods_stop_the_arm():
    session = Session().started().silence(2)
    assert session.state is ScriptState.FOLLOWING
    assert session.targets == [HOME] * len(session.targets)
    session.silence(1)
    assert session.ended(ScriptState.ENDED_STALL)
    assert session.machine.named("stopj") == [(5.0,)]


@pytest.mark.parametrize("stall_n", [1, 5, 30])
def test_the_patience_is_a_parameter(stall_n):
    session = Session(stall_n=stall_n, watchdog_hz=10.0).started().silence(stall_n - 1)
    assert session.state is ScriptState.FOLLOWING
    assert session.silence(1).ended(ScriptState.ENDED_STALL)


def test_the_first_number_may_stand_until_its_answer_has_reached_the_driver():
    session = Session().silence(1)
    for _ in range(100):
        session.send(FIRST)
        assert session.state is ScriptState.FOLLOWING
    assert session.send(FIRST).ended(ScriptState.ENDED_STALL)


def test_a_session_that_ended_cannot_be_taken_up_again():
    session = Session().started().silence(3)
    assert session.ended(ScriptState.ENDED_STALL)
    calls_n = len(session.machine.calls)
    for n in range(2, 10):
        session.send(FIRST + n)
    assert len(session.machine.calls) == calls_n


# Ends.


def test_the_stop_number_brakes_and_ends_it():
    session = Session().started().send(-FIRST)
    assert session.ended(ScriptState.ENDED_BY_REQUEST)


def test_another_starts_stop_number_is_silence():
    session = Session().started().send(-(FIRST + 1))
    assert session.state is ScriptState.FOLLOWING


def test_the_reason_is_out_before_the_arm_has_come_to_rest():
    session = Session().started().send(-FIRST)
    assert session.run.running
    assert session.state is ScriptState.ENDED_BY_REQUEST


# Targets that are refused.


@pytest.mark.parametrize("value", [nan, inf, -inf, 1e300, 1000.1, -1000.1])
@pytest.mark.parametrize("joint", range(6))
def test_a_target_that_is_no_angle_ends_it(joint, value):
    asked = tuple(value if i == joint else x for i, x in enumerate(HOME))
    session = Session().started().send(FIRST + 2, asked)
    assert session.ended(ScriptState.ENDED_NOT_FINITE)
    assert session.targets == [HOME] * len(session.targets)
    assert session.acknowledged == FIRST + 1


def test_a_first_target_that_is_no_angle_ends_it():
    session = Session().silence(1).send(FIRST, (nan,) * 6)
    assert session.ended(ScriptState.ENDED_NOT_FINITE)
    assert session.targets == []


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("joint", range(6))
def test_the_joint_range_holds_to_either_side_of_its_ends(joint, sign):
    near = tuple(sign * (RANGE - 0.001) if i == joint else x for i, x in enumerate(HOME))
    at = tuple(sign * RANGE if i == joint else x for i, x in enumerate(HOME))
    session = Session(q=near).started().send(FIRST + 2, at)
    assert session.acknowledged == FIRST + 2
    session.send(FIRST + 3, moved(at, sign * NULP, joint))
    assert session.ended(ScriptState.ENDED_JOINT_RANGE)
    assert session.machine.q_rad == at


def test_a_start_outside_the_joint_range_ends_it():
    session = Session(q=moved(HOME, 6.0)).silence(1).send(FIRST)
    assert session.ended(ScriptState.ENDED_JOINT_RANGE)
    assert session.targets == []


@pytest.mark.parametrize("ahead", [1, 2, 3])
@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("joint", range(6))
def test_the_joint_step_counts_for_each_number(joint, sign, ahead):
    inside = Session().started()
    inside.send(FIRST + 1 + ahead, moved(HOME, sign * (ahead * STEP - NULP), joint))
    assert inside.acknowledged == FIRST + 1 + ahead
    outside = Session().started()
    outside.send(FIRST + 1 + ahead, moved(HOME, sign * (ahead * STEP + NULP), joint))
    assert outside.ended(ScriptState.ENDED_JOINT_STEP)
    assert outside.targets == [HOME] * len(outside.targets)


def test_a_joint_that_does_not_follow_ends_it():
    session = Session(follows=False).started()
    for n in range(2, 152):
        session.send(FIRST + n, moved(session.q, STEP - 1e-6))
    assert session.state is ScriptState.FOLLOWING  # 0.2998 of 0.3 rad
    session.send(FIRST + 152, moved(session.q, STEP - 1e-6))
    session.send(FIRST + 153)
    assert session.ended(ScriptState.ENDED_TRACKING)


def test_a_measured_joint_that_is_no_number_ends_it():
    session = Session().started()
    session.machine.follows = False
    session.machine.q_rad = (nan,) * 6
    session.send(FIRST + 2)
    assert session.ended(ScriptState.ENDED_TRACKING)


def test_a_pause_on_the_pendant_is_a_stall_when_it_resumes():
    session = Session().started()
    session.machine.integers[24] = FIRST + 500  # the driver went on sending meanwhile
    session.silence(3)
    assert session.ended(ScriptState.ENDED_STALL)


NUMBERS = st.one_of(
    st.integers(1, 6),  # counted from the last acknowledged
    st.just(1),
    st.integers(-5, 12),
)
ANGLES = st.one_of(
    st.floats(-1.2 * STEP, 1.2 * STEP),
    st.floats(-5 * STEP, 5 * STEP),
    st.sampled_from([nan, inf, -inf, 0.0, STEP, -STEP, 1e300]),
)
PACKETS = st.lists(
    st.tuples(NUMBERS, st.tuples(*[ANGLES] * 6), st.integers(0, 3)), min_size=1, max_size=15
)


def largest_step(path):
    return max(
        (abs(b - a) for p, q in pairwise(path) for a, b in zip(p, q, strict=True)),
        default=0.0,
    )


@settings(max_examples=60, deadline=None)
@given(PACKETS, st.sampled_from([HOME, (RANGE - 0.004,) * 6]))
def test_whatever_is_sent_no_target_breaks_range_or_step(packets, start):
    session = Session(q=start).started()
    accepted = start
    for number, by, silent_n in packets:
        if not session.run.running:
            break
        before = session.acknowledged
        asked = tuple(a + d for a, d in zip(accepted, by, strict=True))
        session.send(before + number, asked)
        if session.acknowledged != before:
            count = session.acknowledged - before
            assert 1 <= count <= PARAMETERS.stall_n + 1
            assert all(
                abs(d - a) <= count * STEP + NULP for d, a in zip(asked, accepted, strict=True)
            )
            assert all(abs(x) <= RANGE for x in asked)
            accepted = asked
        session.silence(silent_n)
    path = [start, *session.targets]
    assert all(abs(x) <= RANGE for q in path for x in q)
    assert largest_step(path) <= STEP + NULP
    if not session.run.running:
        assert len(session.machine.named("stopj")) == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=30))
def test_no_numbers_but_the_right_ones_ever_move_the_arm(numbers):
    session = Session()
    for number in numbers:
        if number not in (FIRST, -FIRST):
            session.send(number, moved(HOME, 0.001))
    assert session.machine.calls == []


# Its text.


def test_every_state_has_its_words():
    assert set(REASONS) == set(ScriptState)
    assert all(state.ended == state.name.startswith("ENDED") for state in ScriptState)


def test_it_calls_only_functions_that_both_controllers_document():
    program = parse(control_script(PARAMETERS))
    known = {call.name for call in calls_in(program.body)} & {*VALUES, *COMMANDS, *TIMED}
    assert known == {
        "get_actual_joint_positions",
        "norm",
        "read_input_float_register",
        "read_input_integer_register",
        "rtde_set_watchdog",
        "servoj",
        "stopj",
        "sync",
        "textmsg",
        "write_output_integer_register",
    }
    assert program.name == "robotd_servo"


def test_its_text_is_plain_and_ends_with_a_line_break():
    text = control_script(PARAMETERS)
    assert text.isascii()
    assert text.endswith("end\n")
    assert "\t" not in text
    assert "{" not in text
    assert "$" not in text  # a marker of versions to some clients
    assert "e-" not in text.split("#")[0]


def test_it_is_in_the_package():
    assert files("robotd.hardware").joinpath("servo.script").is_file()


def test_small_numbers_are_written_without_an_exponent():
    text = control_script(replace(PARAMETERS, joint_step_rad=1e-5))
    assert "STEP = 0.00001\n" in text


def test_the_parameters_reach_the_controller():
    session = Session(
        period_s=0.008,
        lookahead_s=0.05,
        gain=750.0,
        deceleration_rad_s2=8.0,
        watchdog_hz=25.0,
        registers=ScriptRegisters(base=0),
    )
    session.started().silence(3)
    assert session.machine.named("servoj")[0][1:] == (0.008, 0.05, 750.0)
    assert session.machine.named("rtde_set_watchdog") == [("input_int_register_0", 25.0, "stop")]
    assert session.machine.named("stopj") == [(8.0,)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"first_number": 0}, "first_number: got 0"),
        ({"first_number": FIRST_NUMBER_BELOW}, "first_number"),
        ({"period_s": 0.0}, "period_s"),
        ({"joint_step_rad": nan}, "joint_step_rad: got nan"),
        ({"joint_step_rad": 0.2}, "joint_step_rad: got 0.2, must be 1e-06 to 0.1"),
        ({"max_tracking_error_rad": 0.0}, "max_tracking_error_rad"),
        ({"start_error_rad": 1.0}, "start_error_rad"),
        ({"deceleration_rad_s2": inf}, "deceleration_rad_s2"),
        ({"wait_s": -1.0}, "wait_s"),
        ({"lookahead_s": 0.0299}, "lookahead_s: got 0.0299, must be 0.03 to 0.2"),
        ({"lookahead_s": 0.2001}, "lookahead_s"),
        ({"gain": 99.9}, "gain: got 99.9, must be 100 to 2000"),
        ({"gain": 2000.1}, "gain"),
        ({"stall_n": 0}, "stall_n"),
        ({"watchdog_hz": 600.0}, "watchdog_hz"),
        ({"watchdog_hz": 50.0, "stall_n": 11}, "the script stops the arm before the watchdog"),
        ({"joint_min_rad": (nan,) * 6}, r"joint_min_rad\[0\]"),
        ({"joint_max_rad": (-6.0,) * 6}, "joint 0: range -6.0 to -6.0"),
        ({"joint_max_rad": (6.0,) * 5}, "expected 6 numbers each"),
    ],
)
def test_parameters_that_no_controller_takes_are_refused_by_name(changes, words):
    with pytest.raises(ValueError, match=words):
        replace(PARAMETERS, **changes)


@pytest.mark.parametrize(
    "changes", [{"lookahead_s": 0.03}, {"lookahead_s": 0.2}, {"gain": 100.0}, {"gain": 2000.0}]
)
def test_the_ends_of_what_servoj_takes_are_taken(changes):
    Session(**changes).started()


def test_only_two_register_bases_exist():
    with pytest.raises(ValueError, match="valid: 0 and 24"):
        ScriptRegisters(base=12)


def test_first_numbers_differ_and_fit_a_register():
    drawn = {draw_first_number() for _ in range(200)}
    assert len(drawn) > 190
    assert all(1 <= number < FIRST_NUMBER_BELOW for number in drawn)


def test_patience_with_real_time_rights():
    assert stall_limits(0.008, None) == StallLimits(stall_n=3, watchdog_hz=25.0)
    assert stall_limits(0.002, None) == StallLimits(stall_n=3, watchdog_hz=50.0)


@pytest.mark.parametrize(("period_s", "gap_s", "stall_n"), [(0.002, 0.1, 75), (0.008, 0.04, 8)])
def test_patience_without_real_time_rights_outlasts_the_own_gap(period_s, gap_s, stall_n):
    limits = stall_limits(period_s, gap_s)
    assert limits.stall_n == stall_n
    assert 1 / limits.watchdog_hz == pytest.approx(1.5 * stall_n * period_s)
    replace(PARAMETERS, period_s=period_s, stall_n=stall_n, watchdog_hz=limits.watchdog_hz)
