"""Notes and the recorder's status: round trip, and nothing but their own bytes is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robotd.core.arm_records import MAX_ORDERS_BYTES
from robotd.core.errors import CorruptRecordError
from robotd.core.journal import (
    NOTE_BYTES,
    BeginEpisode,
    ChunkNote,
    ChunkUse,
    DropEpisode,
    EndEpisode,
    EventNote,
    OpenDataset,
    PlanNote,
    RequestNote,
    RestoreEpisode,
    pack_note,
    unpack_note,
)
from robotd.core.recorder_status import (
    RECORDER_STATUS_BYTES,
    RecorderStatus,
    pack_recorder_status,
    unpack_recorder_status,
)

EPISODE = "20261120-120000-0001"
NOTES = [
    OpenDataset(t_ns=1, number=1, dataset="/data/d"),
    BeginEpisode(t_ns=2, number=2, episode=EPISODE, kind="run", about={"seed": "7"}),
    EndEpisode(t_ns=3, number=3, episode=EPISODE, outcome="success", label="success", score=1.0),
    DropEpisode(t_ns=4, number=4, episode=EPISODE),
    RestoreEpisode(t_ns=5, number=5, episode=EPISODE),
    PlanNote(t_ns=6, orders=b"\x00" * MAX_ORDERS_BYTES),
    ChunkNote(
        t_ns=7, request_id=1, seed=2, t_obs_ns=3, dt_s=0.1, i0=0, meaning="command", dim=2,
        actions=b"\x00" * 16,
    ),
    ChunkUse(
        t_ns=8, request_id=1, rows_n=15, first_row=2, first_sent_ns=9, plan_epoch=4, dropped="late"
    ),
    RequestNote(t_ns=9, request_id=1, t_obs_ns=3, outcome="answered", round_trip_s=0.02),
    EventNote(t_ns=10, name="mark", text="stage 1"),
]  # fmt: skip


@pytest.mark.parametrize("note", NOTES, ids=lambda note: type(note).__name__)
def test_a_note_comes_back_as_it_was(note):
    assert unpack_note(pack_note(note)) == note


def test_the_longest_plan_fits_a_slot_of_the_ring():
    assert max(len(pack_note(note)) for note in NOTES) <= NOTE_BYTES


def test_a_status_comes_back_and_fits_its_slot():
    status = RecorderStatus(
        t_ns=1, pid=2, obeyed=3, episode=EPISODE, recovered=(EPISODE,) * 100, problem="x" * 1000
    )
    data = pack_recorder_status(status)

    assert unpack_recorder_status(data) == status
    assert len(data) <= RECORDER_STATUS_BYTES


@given(st.binary(max_size=200))
def test_other_bytes_are_refused_with_the_one_error(data):
    for unpack in (unpack_note, unpack_recorder_status):
        with pytest.raises(CorruptRecordError):
            unpack(data)


@pytest.mark.parametrize("episode", ["", "../etc", "A", "-x", "a/b", "x" * 65])
def test_an_episode_that_is_no_folder_name_is_refused(episode):
    note = BeginEpisode(t_ns=1, number=1, episode=episode, kind="run")
    with pytest.raises(CorruptRecordError, match="episode"):
        unpack_note(pack_note(note))
