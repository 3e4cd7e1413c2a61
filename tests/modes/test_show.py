"""What a person is shown while something is recorded, and of a daemon that is asked how it does."""

import msgspec
import pytest
from rich.console import Console

from robotd.core.recorder_status import RecorderStatus
from robotd.modes.daemon.messages import DaemonStatus
from robotd.modes.inspect import table_of
from robotd.modes.show import Progress, room_left

RECORDER = RecorderStatus(t_ns=1, pid=7, dataset="/data/d", free_bytes=3_200_000_000)
STATUS = DaemonStatus(
    cell="mock",
    mock=True,
    pid=1,
    state="RUNNING",
    reason="",
    session=1,
    owner="me",
    policy="p",
    policy_failure="",
    dataset="/data/d",
    recording="20261120-120000-0001",
    realtime=False,
    logs="/l",
    recorder=RECORDER,
)


@pytest.mark.parametrize(
    ("left_s", "warning"), [(601.0, ""), (600.0, "disk full in 10 min"), (float("inf"), "")]
)
def test_little_room_is_told_while_it_records(left_s, warning):
    status = msgspec.structs.replace(
        STATUS, recorder=msgspec.structs.replace(RECORDER, left_s=left_s)
    )

    assert room_left(status) == warning
    assert room_left(msgspec.structs.replace(status, recording="")) == ""


def test_the_line_of_a_run_has_the_warning(capsys):
    status = msgspec.structs.replace(
        STATUS, recorder=msgspec.structs.replace(RECORDER, left_s=60.0)
    )
    with Progress() as progress:
        progress.show(status)

    assert "RUNNING · disk full in 1 min" in capsys.readouterr().err


def shown(status):
    console = Console(width=200)
    with console.capture() as captured:
        console.print(table_of(status))
    return captured.get()


def test_status_names_the_data_set_and_what_is_recorded():
    text = shown(STATUS)

    for part in ("/data/d", "3.2 GB", "20261120-120000-0001"):
        assert part in text


def test_status_says_why_a_data_set_is_not_held():
    refused = {"dataset": "", "dataset_failure": "/data/d: held by process 7", "recording": ""}

    text = shown(msgspec.structs.replace(STATUS, **refused))

    assert "held by process 7" in text
    assert "recording" not in text
