"""When an episode cannot go on, and how losses are told."""

import math

import pytest

from robotd.core.clock import MS, MonoNs, S
from robotd.core.config import RecordConfig
from robotd.episodes.items import Gap
from robotd.episodes.recorder.gaps import GapLedger
from robotd.episodes.recorder.orders import MB, megabytes
from robotd.episodes.recorder.watch import GRACE_NS, EpisodeWatch, left_s

CONFIG = RecordConfig(max_behind_s=5.0, stop_mb=500.0)
ARM, CAMERA = "/arm", "/camera/top"


@pytest.fixture
def watch():
    return EpisodeWatch(CONFIG, "/data")


def look(watch, now=0, *, failure="", behind_s=0.0, free_mb=1e6):
    watch.look(MonoNs(now), failure=failure, behind_s=behind_s, free_bytes=round(free_mb * MB))


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"behind_s": 5.0}, ""),
        ({"behind_s": 5.01}, "5.0 s behind, limit 5.0 s"),
        ({"free_mb": 500.0}, ""),
        ({"free_mb": 499.9}, "/data: 500 MB are free, recording stops below 500 MB"),
        ({"failure": "camera top: gone"}, "camera top: gone"),
    ],
)
def test_only_what_is_beyond_its_limit_is_a_problem(watch, state, says):
    look(watch, **state)

    assert (says in watch.problem) if says else (watch.problem == "")


def test_the_first_problem_stays(watch):
    look(watch, failure="first")
    look(watch, 1, failure="second")
    look(watch, 2)

    assert watch.problem == "first"


def test_an_episode_with_a_problem_is_overdue_after_its_grace(watch):
    assert not watch.overdue(MonoNs(100 * S))
    look(watch, 5, failure="x")

    assert not watch.overdue(MonoNs(5 + GRACE_NS - 1))
    assert watch.overdue(MonoNs(5 + GRACE_NS))


def test_the_room_left_is_a_time_at_the_rate_so_far():
    assert left_s(1500 * MB, 500.0, 10 * MB, 10 * S) == pytest.approx(1000.0)
    assert left_s(400 * MB, 500.0, 10 * MB, 10 * S) == 0.0
    assert left_s(1500 * MB, 500.0, 0, 10 * S) == math.inf
    assert left_s(1500 * MB, 500.0, 10 * MB, 10 * MS) == math.inf


@pytest.mark.parametrize(("size", "text"), [(5000.0, "5000 MB"), (0.7, "0.7 MB")])
def test_sizes_are_written_for_people(size, text):
    assert megabytes(size) == text


def test_items_dropped_one_after_another_are_one_gap_between_their_neighbours():
    ledger = GapLedger()
    ledger.passed(ARM, 10)
    for t_ns in (20, 30, 40):
        ledger.drop(ARM, t_ns, "too slow")

    gap = ledger.passed(ARM, 50)

    assert gap == Gap(stream=ARM, count=3, t_from_ns=10, t_to_ns=50, reason="too slow")
    assert ledger.passed(ARM, 60) is None
    assert ledger.lost == {ARM: 3}


def test_streams_lose_apart_and_what_nothing_followed_is_told_at_the_end():
    ledger = GapLedger()
    ledger.drop(ARM, 20, "too slow")
    ledger.add(Gap(stream=CAMERA, count=2, t_from_ns=5, t_to_ns=9, reason="ring"))
    ledger.drop(CAMERA, 30, "too slow")

    told = {gap.stream: (gap.count, gap.t_from_ns, gap.t_to_ns) for gap in ledger.rest()}

    assert told == {ARM: (1, 20, 20), CAMERA: (3, 5, 30)}
    assert ledger.rest() == []
