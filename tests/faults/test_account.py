"""The account finds what it is there for: holes, tails, strangers, motion where rest was due."""

import pytest

from robotd.core.arm_codes import ArmPhase
from robotd.core.clock import MS, S
from tests.faults.account import loss, rest_after
from tests.faults.injection import Bound, Injection, Row, judged, summarise
from tests.faults.kills import VICTIMS, series
from tests.faults.witness import Tick

PERIOD_NS = 8 * MS
SEEN = [(index, index * PERIOD_NS) for index in range(100)]
UNTIL_NS = 79 * PERIOD_NS
FOLLOWING, BRAKING, DISARMED = ArmPhase.FOLLOWING, ArmPhase.BRAKING, ArmPhase.DISARMED


def kept(*, without=(), upto=99):
    return [index for index, _ in SEEN[: upto + 1] if index not in without]


def test_nothing_is_missing_where_all_is_held():
    found = loss(SEEN, kept(), UNTIL_NS)
    assert (found.expected_n, found.holes_n, found.tail_n, found.tail_s) == (80, 0, 0, 0.0)


def test_what_comes_after_the_end_is_not_missed():
    assert loss(SEEN, kept(upto=79), UNTIL_NS).tail_n == 0


def test_a_tail_is_as_long_as_from_the_last_item_to_the_end():
    found = loss(SEEN, kept(upto=59), UNTIL_NS)
    assert (found.holes_n, found.tail_n) == (0, 20)
    assert found.tail_s == pytest.approx(20 * PERIOD_NS / S)


def test_nothing_held_is_a_tail_from_the_first_item_on():
    assert loss(SEEN, [], UNTIL_NS).tail_s == pytest.approx(UNTIL_NS / S)


@pytest.mark.parametrize("without", [(0,), (40,), (40, 41, 60)])
def test_a_hole_is_counted_wherever_it_is(without):
    assert loss(SEEN, kept(without=without), UNTIL_NS).holes_n == len(without)


@pytest.mark.parametrize("held", [[*range(80), 500], [0, 0, *range(1, 80)]])
def test_what_nobody_saw_or_stands_twice_is_a_stranger(held):
    assert loss(SEEN, held, UNTIL_NS).strangers_n == 1


def drive(phases, *, stops_at, first_index=0, session=1):
    """Cycles that move by 1 mm each up to `stops_at`."""
    return [
        Tick(
            number * PERIOD_NS,
            first_index + number,
            phase,
            session if phase is not DISARMED else 0,
            0,
            (min(number, stops_at) * 1e-3, 0.0, 0.0),
        )
        for number, phase in enumerate(phases)
    ]


def test_the_reaction_ends_with_the_last_cycle_that_follows_and_rest_with_the_last_step():
    ticks = drive([FOLLOWING] * 13 + [BRAKING] * 20, stops_at=20)
    rest = rest_after(ticks, 10 * PERIOD_NS)
    assert (rest.moving, rest.failures) == (True, [])
    assert rest.react_ms == pytest.approx(3 * 8)
    assert rest.still_ms == pytest.approx(10 * 8)


def test_a_plan_that_is_followed_again_counts_into_the_reaction():
    ticks = drive([FOLLOWING] * 13 + [BRAKING] * 10 + [FOLLOWING] * 2 + [BRAKING] * 8, stops_at=20)
    assert rest_after(ticks, 10 * PERIOD_NS).react_ms == pytest.approx(15 * 8)


def test_an_arm_that_stood_has_no_reaction():
    rest = rest_after(drive([FOLLOWING] * 13 + [BRAKING] * 20, stops_at=0), 10 * PERIOD_NS)
    assert (rest.moving, rest.react_ms, rest.still_ms) == (False, None, None)


def test_an_arm_that_goes_on_is_a_failure():
    rest = rest_after(drive([FOLLOWING] * 30, stops_at=30), 10 * PERIOD_NS)
    assert rest.failures == ["the last that was seen of the arm follows a plan"]


@pytest.mark.parametrize(("phase", "failures_n"), [(DISARMED, 0), (FOLLOWING, 1)])
def test_a_process_that_was_started_again_follows_nothing(phase, failures_n):
    before = drive([FOLLOWING] * 10, stops_at=30)
    after = [
        Tick(t + S, index, *rest)
        for t, index, *rest in drive([phase] * 9, stops_at=0, first_index=999)
    ]
    rest = rest_after([*before, *after], 10 * PERIOD_NS)
    assert (rest.react_ms, len(rest.failures)) == (None, failures_n)


def test_a_bound_is_asserted_with_its_factor_and_reported_without():
    row = Row(
        id="r", matrix="", fault="", how="", promise="", bounds=(Bound(measure="x_s", limit=1.0),)
    )
    made = [Injection(row="r", number=n, seed=n, measures={"x_s": 0.5 + n}) for n in range(3)]
    results = [judged(row, injection) for injection in made]
    assert [len(result.failures) for result in results] == [0, 0, 1]
    [figure] = summarise(row, results).figures
    assert (figure.count, figure.p50, figure.max, figure.over_n) == (3, 1.5, 2.5, 2)


def test_kills_take_turns_and_are_the_same_for_the_same_seed():
    kills = series(60, 1)
    assert kills == series(60, 1) != series(60, 2)
    assert {len([k for k in kills if k.victim == victim]) for victim in VICTIMS} == {10}
    assert [kill.number for kill in kills] == list(range(60))
