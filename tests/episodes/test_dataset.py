import os
import subprocess
import sys

import pytest

from robotd.core.errors import BusyError, DatasetError
from robotd.episodes.dataset import (
    Dataset,
    delete,
    episode_folder,
    episodes,
    free_bytes,
    holder,
    open_episodes,
    quarantined,
    trashed,
    undelete,
)
from robotd.episodes.episode_file import FILE_NAME, LOG_NAME
from robotd.episodes.open_episode import RESERVE_BYTES
from robotd.episodes.verify import verify
from tests.episodes.small_episode import describe, record, write_log

IDS = [f"20260101-00000{n}-abcd" for n in range(3)]

HOLD = """
import sys
from pathlib import Path
from robotd.episodes.dataset import Dataset
with Dataset.open(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def dataset(tmp_path):
    with Dataset.open(tmp_path / "D") as held:
        yield held


def test_a_data_set_is_made_where_there_is_none(tmp_path):
    path = tmp_path / "a" / "b"

    with Dataset.open(path):
        assert episodes(path) == []
        assert holder(path) == str(os.getpid())

    assert holder(path) == ""


def test_a_second_process_is_told_who_holds_it(tmp_path):
    line = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(BusyError) as caught:
            Dataset.open(tmp_path)
        assert holder(tmp_path) == str(other.pid)
        other.kill()
        other.communicate(timeout=30)

    assert f"process {other.pid}" in str(caught.value)
    assert "\n" not in str(caught.value)
    with Dataset.open(tmp_path):  # the kernel dropped the lock of the killed one
        assert holder(tmp_path) == str(os.getpid())


def test_an_episode_appears_when_it_is_complete(dataset):
    opened = dataset.create(IDS[0])
    log = write_log(opened.log_path, IDS[0])
    assert (episodes(dataset.path), open_episodes(dataset.path)) == ([], [IDS[0]])

    folder = opened.commit(describe(log, IDS[0]))

    assert (episodes(dataset.path), open_episodes(dataset.path)) == ([IDS[0]], [])
    assert folder == episode_folder(dataset.path, IDS[0])
    assert sorted(entry.name for entry in folder.iterdir()) == [FILE_NAME, LOG_NAME]


def test_files_of_a_complete_episode_are_read_only(dataset):
    folder = record(dataset, IDS[0])

    assert {entry.stat().st_mode & 0o777 for entry in folder.iterdir()} == {0o444}


def test_episodes_are_listed_in_the_order_of_their_names(dataset):
    for name in (IDS[2], IDS[0], IDS[1]):
        record(dataset, name)

    assert episodes(dataset.path) == IDS


def test_files_beside_the_episodes_are_no_episodes(dataset):
    (dataset.path / "notes.txt").write_text("by hand")
    (dataset.path / ".hidden").mkdir()

    assert episodes(dataset.path) == []


def test_a_deleted_episode_comes_back_as_it_was(dataset):
    record(dataset, IDS[0])

    delete(dataset.path, IDS[0])
    assert (episodes(dataset.path), trashed(dataset.path)) == ([], [IDS[0]])
    undelete(dataset.path, IDS[0])

    assert (episodes(dataset.path), trashed(dataset.path)) == ([IDS[0]], [])
    assert verify(dataset.path / IDS[0], deep=True).health == "ok"


def test_what_is_not_there_cannot_be_deleted_nor_taken_back(dataset):
    record(dataset, IDS[0])
    with pytest.raises(DatasetError, match=f"no complete episode '{IDS[1]}'; there are 1"):
        delete(dataset.path, IDS[1])
    with pytest.raises(DatasetError, match="in the trash"):
        undelete(dataset.path, IDS[1])


def test_an_open_episode_cannot_be_deleted(dataset):
    dataset.create(IDS[0])

    with pytest.raises(DatasetError, match="no complete episode"):
        delete(dataset.path, IDS[0])


@pytest.mark.parametrize("state", ["open", "complete", "deleted"])
def test_a_name_is_used_once(dataset, state):
    if state == "open":
        dataset.create(IDS[0])
    else:
        record(dataset, IDS[0])
    if state == "deleted":
        delete(dataset.path, IDS[0])

    with pytest.raises(DatasetError, match="exist"):
        dataset.create(IDS[0])


def test_some_room_is_kept_aside_until_it_is_needed(dataset):
    opened = dataset.create(IDS[0])
    sizes = [entry.stat().st_size for entry in opened.folder.iterdir()]
    assert RESERVE_BYTES in sizes

    opened.release_reserve()
    opened.release_reserve()

    assert [entry.stat().st_size for entry in opened.folder.iterdir()] == [0]


def test_only_what_others_left_is_an_orphan(tmp_path):
    with Dataset.open(tmp_path) as dataset:
        dataset.create(IDS[0])
        assert dataset.orphans() == []
    with Dataset.open(tmp_path) as dataset:
        assert [orphan.id for orphan in dataset.orphans()] == [IDS[0]]


def test_a_missing_folder_is_one_clear_line(tmp_path):
    with pytest.raises(DatasetError, match="No such file"):
        episodes(tmp_path / "nothing")
    assert trashed(tmp_path) == quarantined(tmp_path) == []
    assert holder(tmp_path / "nothing") == ""


def test_a_file_in_the_place_of_the_folder_is_one_clear_line(tmp_path):
    (tmp_path / "D").write_text("")

    with pytest.raises(DatasetError, match=r"cannot be opened: .*D is a file, expected a folder"):
        Dataset.open(tmp_path / "D" / "E")


def test_room_on_the_disk_is_told(tmp_path):
    assert free_bytes(tmp_path) > 0
