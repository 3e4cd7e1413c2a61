"""The recorder's queue: bounded in bytes and in time, waiting only where it is told to."""

import threading

from robotd.core.clock import MonoNs, S
from robotd.episodes.recorder.queue import OVERHEAD_BYTES, BoundedQueue


def at(seconds):
    return MonoNs(round(seconds * S))


def test_items_come_out_in_their_order():
    queue = BoundedQueue(10_000)
    for number in range(3):
        assert queue.offer(number, at(number), 10, at(3))

    assert [queue.take(0), queue.take(0), queue.take(0), queue.take(0)] == [0, 1, 2, None]


def test_what_does_not_fit_is_refused_and_fits_again_once_something_is_written():
    queue = BoundedQueue(2 * (OVERHEAD_BYTES + 100))
    assert queue.offer("a", at(0), 100, at(0))
    assert queue.offer("b", at(0), 100, at(0))
    assert not queue.offer("c", at(0), 1, at(0))

    queue.take(0)
    assert not queue.offer("c", at(0), 100, at(0))  # "a" is still being written
    queue.take(0)

    assert queue.offer("c", at(0), 100, at(0))


def test_the_largest_item_has_room_in_an_empty_queue():
    assert BoundedQueue(10).offer("large", at(0), 1_000_000, at(0))


def test_nothing_is_let_in_behind_an_item_that_waits_for_too_long():
    queue = BoundedQueue(1 << 20, max_age_s=5.0)
    queue.offer("old", at(0), 1, at(0))

    assert queue.offer("x", at(5), 1, at(5))
    assert not queue.offer("y", at(5.01), 1, at(5.01))


def test_the_oldest_item_counts_until_the_next_is_asked_for():
    queue = BoundedQueue(1 << 20)
    queue.offer("a", at(1), 1, at(1))
    queue.offer("b", at(2), 1, at(2))

    queue.take(0)
    assert queue.oldest_ns == at(1)
    queue.take(0)
    assert queue.oldest_ns == at(2)
    queue.take(0)
    assert (queue.oldest_ns, queue.n_bytes) == (None, 0)


def test_a_closed_queue_gives_what_it_holds_and_takes_nothing_more():
    queue = BoundedQueue(1 << 20)
    queue.offer("a", at(0), 1, at(0))
    queue.close()

    assert not queue.offer("b", at(0), 1, at(0))
    assert not queue.put("b", at(0), 1, 100)
    queue.force("b", at(0))
    assert not queue.drained
    assert [queue.take(0), queue.take(0)] == ["a", None]
    assert queue.drained


def test_what_is_forgotten_is_returned():
    queue = BoundedQueue(1 << 20)
    queue.offer("a", at(0), 1, at(0))
    queue.offer("b", at(0), 1, at(0))
    queue.take(0)

    assert queue.close(discard=True) == ["b"]
    assert queue.drained


def test_a_gap_is_told_even_where_the_queue_is_full():
    queue = BoundedQueue(OVERHEAD_BYTES + 1)
    queue.offer("a", at(0), 1, at(0))

    queue.force("gap", at(0))

    assert [queue.take(0), queue.take(0)] == ["a", "gap"]


def test_video_waits_for_its_share_while_ticks_still_fit():
    queue = BoundedQueue(1 << 20)
    queue.offer("tick", at(0), 100, at(0))
    waiting = threading.Thread(target=queue.put, args=("picture", at(1), 100, 1000))
    waiting.start()

    assert queue.offer("tick", at(2), 100, at(2))
    assert waiting.is_alive()
    assert [queue.take(0), queue.take(0)] == ["tick", "tick"]
    queue.take(1)  # what was written makes room
    waiting.join(5)

    assert not waiting.is_alive()
    assert queue.drained or queue.oldest_ns == at(1)


def test_closing_wakes_who_waits_for_room():
    queue, answers = BoundedQueue(1 << 20), []
    queue.offer("a", at(0), 100, at(0))
    waiting = threading.Thread(target=lambda: answers.append(queue.put("b", at(0), 1, 10)))
    waiting.start()

    queue.close(discard=True)
    waiting.join(5)

    assert answers == [False]


def test_the_earliest_instant_counts_wherever_its_item_stands():
    queue = BoundedQueue(1 << 20)
    for seconds in (5, 7, 3, 3, 8, 6):
        queue.offer(seconds, at(seconds), 1, at(8))

    earliest = []
    while queue.oldest_ns is not None:
        earliest.append(queue.oldest_ns // S)
        queue.take(0)

    assert earliest == [3, 3, 3, 3, 3, 6, 6]  # what is taken counts until the next is asked for


def test_what_is_forgotten_does_not_count():
    queue = BoundedQueue(1 << 20)
    for seconds in (5, 3):
        queue.offer(seconds, at(seconds), 1, at(5))
    queue.take(0)

    assert queue.close(discard=True) == [3]
    assert queue.oldest_ns == at(5)
