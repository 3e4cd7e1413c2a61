from robotd.core.clock import MS, MonoNs
from robotd.core.types import Orders
from robotd.servo.session import SessionWatch, fresh

LIMIT_S = 0.25


def orders(session, t_ns=0):
    return Orders(t_ns=MonoNs(t_ns), session=session, plan=None)


def begun(*sessions):
    watch = SessionWatch(LIMIT_S)
    return [watch.begun(None if s is None else orders(s), MonoNs(0)) for s in sessions]


def test_the_first_session_seen_never_begins():
    assert begun(5, 5, 5) == [0, 0, 0]


def test_unreadable_orders_are_no_first_look():
    assert begun(None, None, 5, 5) == [0, 0, 0, 0]


def test_a_session_begins_once():
    assert begun(0, 3, 3, 3) == [0, 3, 0, 0]


def test_sessions_follow_each_other_with_and_without_a_pause():
    assert begun(0, 3, 0, 4, 5) == [0, 3, 0, 4, 5]


def test_after_a_restart_of_the_conductor_a_number_may_come_again():
    assert begun(0, 1, 0, 1) == [0, 1, 0, 1]


def test_old_orders_begin_nothing_now_or_later():
    watch = SessionWatch(LIMIT_S)
    watch.begun(orders(0), MonoNs(0))
    late = MonoNs(250 * MS + 1)
    assert watch.begun(orders(1), late) == 0
    assert watch.begun(orders(1, t_ns=late), late) == 0


def test_orders_are_fresh_for_a_quarter_of_a_second():
    assert fresh(orders(1), MonoNs(250 * MS), LIMIT_S)
    assert not fresh(orders(1), MonoNs(250 * MS + 1), LIMIT_S)
    assert not fresh(orders(1, t_ns=250 * MS + 1), MonoNs(0), LIMIT_S)
    assert not fresh(None, MonoNs(0), LIMIT_S)
