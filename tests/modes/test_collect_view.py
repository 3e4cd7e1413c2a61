"""What a person sees of a session, in words."""

import msgspec
import pytest

from robotd.core.recorder_status import RecorderStatus
from robotd.modes.collect.messages import CollectStatus, CountsStatus, LastStatus, OpenStatus
from robotd.modes.collect.view import episode_line, keys_line, live_line
from robotd.modes.daemon.messages import DaemonStatus


def last(**changes):
    values = {
        "episode": "20260101-000000-abcd",
        "outcome": "success",
        "reason": "",
        "label": "success",
        "score": 1.0,
        "length_s": 12.34,
        "keep": True,
        "saved": True,
    }
    return LastStatus(**{**values, **changes})


def session(**changes):
    values = {
        "session": "RECORDING",
        "prompt": "recording",
        "possible": ("toggle", "drop", "quit"),
        "outcome": "",
        "operator": "keyboard",
        "open": OpenStatus(episode="x", elapsed_s=3.21, max_episode_s=30.0, score=0.456),
        "last": last(),
        "counts": CountsStatus(
            tries_n=4, kept_n=3, counted_n=2, success_n=2, failure_n=1, dropped_n=1
        ),
        "note": "",
        "teleop": True,
        "neutral": False,
    }
    return CollectStatus(**{**values, **changes})


def daemon(state="RUNNING", reason="", left_s=float("inf")):
    return DaemonStatus(
        cell="mock",
        mock=True,
        pid=1,
        state=state,
        reason=reason,
        session=1,
        owner="me",
        policy="",
        policy_failure="",
        realtime=True,
        logs="/tmp",
        recorder=RecorderStatus(t_ns=1, pid=2, left_s=left_s),
    )


def test_the_line_says_what_is_recorded_and_what_there_is():
    line = live_line(daemon(), session())

    assert line == (
        "RECORDING · 3.2 of 30 s · score 0.46 · kept 3 (2 success, 1 failure) · dropped 1"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"teleop": False}, "no device"),
        ({"neutral": True}, "let the device go"),
        ({"note": "cannot record: no room"}, "cannot record: no room"),
    ],
)
def test_the_line_says_what_a_person_should_know(changes, words):
    assert words in live_line(daemon(), session(**changes))
    assert words not in live_line(daemon(), session())


def test_a_pause_is_told_with_its_reason():
    line = live_line(daemon("PAUSED", "camera@top: killed by SIGKILL"), session())

    assert line.startswith("PAUSED · camera@top: killed by SIGKILL · ")


def test_the_room_on_the_disk_is_told_when_it_is_short():
    assert "room for 5 min" in live_line(daemon(left_s=300.0), session())
    assert "room" not in live_line(daemon(left_s=1e6), session())


def test_the_keys_are_those_that_mean_something_now():
    line = keys_line(("toggle", "drop", "quit", "start"))

    assert line == "space toggle · x drop · q quit · ? help · Ctrl-C end"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "20260101-000000-abcd: success, success after 12.3 s, score 1.000"),
        ({"label": "", "outcome": "stopped"}, ": no label, stopped after"),
        ({"label": "", "outcome": "dropped", "keep": False}, ": dropped, dropped after"),
        ({"outcome": "teleop lost", "reason": "teleop: killed"}, "teleop lost (teleop: killed)"),
        ({"score": -1.0}, "after 12.3 s"),
        ({"saved": False}, "not complete yet: it is recovered at the next start"),
    ],
)
def test_an_episode_is_told_in_one_sentence(changes, words):
    line = episode_line(session(last=last(**changes)))

    assert line.startswith("try 4: ")
    assert words in line
    assert "\n" not in line


def test_a_status_survives_the_wire():
    status = msgspec.structs.replace(daemon(), collect=session())

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(status), type=DaemonStatus) == status
