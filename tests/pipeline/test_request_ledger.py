"""The book of requests, by numbers alone."""

import numpy as np
import pytest

from robotd.core.clock import MS, MonoNs
from robotd.core.types import ActionChunk, PolicyRequest
from robotd.core.wire_structs import Stages
from robotd.pipeline.request_ledger import RequestLedger

STAGES = Stages(queue_s=0.001, decode_s=0.002, infer_s=0.03, total_s=0.033)


def at(milliseconds):
    return MonoNs(milliseconds * MS)


def ask(ledger, t_ms, *, deadline_s=0.4, seed=0):
    return ledger.ask(
        PolicyRequest(arrays={}, seed=seed), t_obs_ns=at(t_ms), deadline_s=deadline_s, now=at(t_ms)
    )


def send(ledger, t_ms, **options):
    request_id = ask(ledger, t_ms, **options)
    ledger.sent(at(t_ms))
    return request_id


def answer(ledger, request_id, t_ms):
    ledger.heard(at(t_ms))
    chunk = ActionChunk(
        t_obs_ns=at(0),
        dt_s=0.1,
        i0=0,
        meaning="command",
        actions=np.zeros((3, 2)),
        request_id=request_id,
    )
    ledger.answered(chunk, STAGES, at(t_ms))


def outcomes(ledger):
    return [stats.outcome for stats in ledger.take_stats()]


def test_a_newer_request_replaces_a_waiting_one():
    ledger = RequestLedger()
    ask(ledger, 0)

    newer = ask(ledger, 10)

    assert ledger.waiting.id == newer
    assert outcomes(ledger) == ["superseded"]
    assert ledger.failures.total_n == 0


def test_an_answer_is_given_once_and_timed():
    ledger = RequestLedger()
    request_id = send(ledger, 0)

    answer(ledger, request_id, 40)

    assert ledger.take_chunk().request_id == request_id
    assert ledger.take_chunk() is None
    (stats,) = ledger.take_stats()
    assert stats.round_trip_s == pytest.approx(0.04)
    assert stats.infer_s == 0.03


def test_a_repeated_answer_is_counted_and_ignored():
    ledger = RequestLedger()
    request_id = send(ledger, 0)
    answer(ledger, request_id, 40)
    ledger.take_chunk()

    answer(ledger, request_id, 41)

    assert ledger.take_chunk() is None
    assert ledger.late_n == 1


@pytest.mark.parametrize(("t_ms", "failed_n"), [(399, 0), (400, 1)])
def test_a_request_fails_at_its_deadline(t_ms, failed_n):
    ledger = RequestLedger()
    send(ledger, 0)

    ledger.expire(at(t_ms))

    assert ledger.failures.consecutive_n == failed_n


def test_a_late_answer_is_not_used():
    ledger = RequestLedger()
    request_id = send(ledger, 0)
    ledger.expire(at(400))

    answer(ledger, request_id, 401)

    assert ledger.take_chunk() is None
    assert ledger.late_n == 1
    assert "0.400 s" in ledger.failures.reason


def test_silence_loses_all_requests_as_one_failure_and_renews_the_connection():
    ledger = RequestLedger()
    for t_ms in (0, 100, 200, 300):
        send(ledger, t_ms)

    ledger.expire(at(400))

    assert ledger.failures.consecutive_n == 1
    assert ledger.take_silence()
    assert not ledger.take_silence()
    assert outcomes(ledger) == ["timeout"] * 4
    assert ledger.next_deadline_ns is None


def test_a_slow_server_that_still_talks_keeps_its_connection():
    ledger = RequestLedger()
    send(ledger, 0)
    young = send(ledger, 200)
    ledger.heard(at(300))

    ledger.expire(at(400))

    assert not ledger.take_silence()
    assert ledger.flying(young) is not None
    assert ledger.failures.consecutive_n == 1


def test_a_chunk_ends_the_row_of_failures():
    ledger = RequestLedger()
    for t_ms in (0, 1000):
        send(ledger, t_ms)
        ledger.expire(at(t_ms + 500))
    assert ledger.failures.consecutive_n == 2

    answer(ledger, send(ledger, 2000), 2010)

    assert ledger.failures.consecutive_n == 0
    assert ledger.failures.total_n == 2


def test_requests_replaced_for_ever_still_fail_where_none_can_be_sent():
    ledger = RequestLedger()
    for t_ms in range(0, 1000, 100):
        ask(ledger, t_ms)
        ledger.expire(at(t_ms))

    assert ledger.failures.consecutive_n >= 1
    assert ledger.take_silence()
    assert ledger.waiting is not None
    assert "running" in ledger.failures.reason


@pytest.mark.parametrize(("t_ms", "failed_n"), [(1399, 0), (1400, 1)])
def test_a_request_that_cannot_be_sent_fails_at_its_deadline_too(t_ms, failed_n):
    ledger = RequestLedger()
    ask(ledger, 1000)

    ledger.expire(at(t_ms))

    assert ledger.failures.total_n == failed_n


def test_a_request_that_was_never_sent_fails_once():
    ledger = RequestLedger()
    ask(ledger, 0)

    for t_ms in (400, 401, 900):
        ledger.expire(at(t_ms))

    assert ledger.failures.total_n == 1
    assert ledger.waiting is None


def test_a_refusal_is_a_failure_with_the_servers_words():
    ledger = RequestLedger()
    request_id = send(ledger, 0)

    ledger.refused(request_id, "policy_failed", "out of memory")

    assert ledger.failures.consecutive_n == 1
    assert "policy_failed: out of memory" in ledger.failures.reason


def test_being_superseded_on_the_server_is_no_failure():
    ledger = RequestLedger()
    request_id = send(ledger, 0)

    ledger.refused(request_id, "superseded", "")

    assert ledger.failures.total_n == 0
    assert outcomes(ledger) == ["superseded"]


def test_garbage_counts_against_the_oldest_request_once():
    ledger = RequestLedger()
    send(ledger, 0)
    send(ledger, 10)

    ledger.garbled(0, "malformed", "header")
    ledger.heard(at(20))
    ledger.expire(at(405))

    assert ledger.failures.total_n == 1
    assert outcomes(ledger) == ["malformed"]


def test_an_older_chunk_does_not_replace_a_newer_one():
    ledger = RequestLedger()
    older, newer = send(ledger, 0), send(ledger, 10)
    answer(ledger, newer, 40)

    answer(ledger, older, 41)

    assert ledger.take_chunk().request_id == newer


def test_nothing_asked_before_a_reset_appears_after_it():
    ledger = RequestLedger()
    answered, flying = send(ledger, 0), send(ledger, 10)
    answer(ledger, answered, 40)
    ask(ledger, 45)

    ledger.reset()
    answer(ledger, flying, 50)

    assert ledger.take_chunk() is None
    assert ledger.waiting is None
    assert ledger.late_n == 1
    assert outcomes(ledger) == ["answered", "reset", "reset"]
