"""What the recorder makes of its orders: what waits, what is refused, what is answered when."""

import pytest

from robotd.core.journal import (
    BeginEpisode,
    DropEpisode,
    EndEpisode,
    OpenDataset,
    RestoreEpisode,
)
from robotd.episodes.recorder.orders import MB, OrderDesk


def open_(number, dataset="/d"):
    return OpenDataset(t_ns=0, number=number, dataset=dataset)


def begin(number, episode="a"):
    return BeginEpisode(t_ns=0, number=number, episode=episode, kind="collect")


def end(number, episode="a"):
    return EndEpisode(t_ns=0, number=number, episode=episode, outcome="stopped")


def drop(number, episode="a"):
    return DropEpisode(t_ns=0, number=number, episode=episode)


def restore(number, episode="a"):
    return RestoreEpisode(t_ns=0, number=number, episode=episode)


@pytest.fixture
def desk():
    desk = OrderDesk(reserve_mb=10)
    desk.free_bytes = 10 * MB
    return desk


def carry_out(desk, *orders):
    """Give orders and do at once all that can be done; return the answers."""
    for order in orders:
        desk.take(order)
    while (order := desk.next()) is not None:
        desk.done(order)
    return desk.answers()


def test_a_whole_life_is_answered_in_order(desk):
    orders = open_(1), begin(2), end(3), drop(4), restore(5), begin(6, "b"), end(7, "b")

    assert carry_out(desk, *orders) == [(n, "") for n in range(1, 8)]
    assert (desk.dataset, desk.episode) == ("/d", "")


@pytest.mark.parametrize(
    ("before", "order", "says"),
    [
        ([], begin(9), "no data set is open"),
        ([], end(9), "not being recorded"),
        ([], drop(9), "no data set is open"),
        ([open_(1)], end(9), "episode a is not being recorded"),
        ([open_(1), begin(2)], begin(9, "b"), "episode a is being recorded: end it before b"),
        ([open_(1), begin(2)], end(9, "b"), "episode b is not being recorded"),
        ([open_(1), begin(2)], drop(9), "end it first"),
        ([open_(1), begin(2)], restore(9), "end it first"),
        ([open_(1), begin(2)], open_(9, "/e"), "episode a is being recorded"),
    ],
)
def test_an_order_at_the_wrong_time_is_refused_with_a_sentence(desk, before, order, says):
    carry_out(desk, *before)

    ((number, refusal),) = carry_out(desk, order)

    assert number == 9
    assert says in refusal


@pytest.mark.parametrize(("free_bytes", "refused"), [(10 * MB, False), (10 * MB - 1, True)])
def test_an_episode_is_not_begun_below_the_reserve(desk, free_bytes, refused):
    carry_out(desk, open_(1))
    desk.free_bytes = free_bytes

    ((_, refusal),) = carry_out(desk, begin(2))

    assert ("lower record.reserve_mb" in refusal) is refused
    assert desk.episode == ("" if refused else "a")


def test_an_episode_begins_while_the_one_before_it_is_completed(desk):
    carry_out(desk, open_(1), begin(2))
    desk.take(ending := end(3))
    desk.take(begin(4, "b"))
    assert desk.next() is ending

    second = desk.next()
    desk.done(second)

    assert second.episode == desk.episode == "b"
    assert desk.answers() == []  # the third order is not done yet
    desk.done(ending)
    assert desk.answers() == [(3, ""), (4, "")]


def test_an_episode_does_not_begin_before_its_data_set_is_open(desk):
    desk.take(opening := open_(1))
    desk.take(begin(2))
    assert desk.next() is opening
    assert desk.next() is None

    desk.done(opening, "/d: another recorder holds it")

    assert desk.next() is None
    assert [number for number, _ in desk.answers()] == [1, 2]
    assert desk.dataset == ""


def test_an_episode_is_dropped_once_it_is_complete_and_another_data_set_waits(desk):
    carry_out(desk, open_(1), begin(2))
    for order in (ending := end(3), dropping := drop(4), opening := open_(5, "/e")):
        desk.take(order)
    assert desk.next() is ending
    assert desk.next() is None

    desk.done(ending)
    assert desk.next() is dropping
    assert desk.next() is None
    desk.done(dropping)
    assert desk.next() is opening


def test_an_episode_that_could_not_begin_is_not_recorded(desk):
    carry_out(desk, open_(1))
    desk.take(beginning := begin(2))
    desk.next()

    desk.done(beginning, "disk: full")

    assert desk.answers() == [(2, "disk: full")]
    assert desk.episode == ""


def test_an_episode_that_ended_by_itself_is_not_ended_again(desk):
    carry_out(desk, open_(1), begin(2))
    desk.ends_itself("a")

    ((_, refusal),) = carry_out(desk, end(3))
    desk.closed("a")

    assert "ended by itself" in refusal
    assert (desk.episode, desk.next()) == ("", None)
