import logging

import msgspec
import numpy as np
import pytest

from robotd.core.arm_codes import Source
from robotd.core.errors import DatasetError
from robotd.episodes.dataset import delete
from robotd.episodes.demonstrations import Selection, load_demonstrations
from robotd.episodes.episode_file import LOG_NAME
from robotd.episodes.replay_zip import load_replay, save_npz
from tests.episodes.made_episode import CELL, Made, write_episode

NO_FILTER = msgspec.structs.replace(
    CELL, task=msgspec.structs.replace(CELL.task, command_filter="none")
)


def name(number):
    return f"20260101-12000{number}-000{number}"


def write(dataset, number, **changes):
    return write_episode(dataset, Made(id=name(number), **changes))


@pytest.fixture
def dataset(tmp_path):
    """One unlabelled, one success, one failure, one of a policy."""
    path = tmp_path / "data"
    write(path, 0, score=0.2)
    write(path, 1, label="success", score=1.0)
    write(path, 2, label="failure", score=0.4)
    write(path, 3, kind="run", source=Source.POLICY)
    return path


def damage(folder):
    data = bytearray((folder / LOG_NAME).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / LOG_NAME).chmod(0o644)
    (folder / LOG_NAME).write_bytes(data)


def test_by_default_all_that_people_did_and_did_not_call_a_failure(dataset):
    episodes = load_demonstrations(dataset)

    assert len(episodes.lengths) == 2
    assert episodes.dt_s == 0.1
    assert episodes.command_filter == "pusht_pd"
    assert {key: array.shape for key, array in episodes.arrays.items()} == {
        "agent_xy": (episodes.lengths.sum(), 2),
        "block_pose": (episodes.lengths.sum(), 3),
        "action": (episodes.lengths.sum(), 2),
    }
    assert all(array.dtype == np.float32 for array in episodes.arrays.values())


@pytest.mark.parametrize(
    ("selection", "count"),
    [
        (Selection(labels=("success",)), 1),
        (Selection(labels=("", "success", "failure")), 3),
        (Selection(kinds=("collect", "run")), 3),
        (Selection(min_score=0.5), 1),
        (Selection(episodes=(name(2),)), 1),
    ],
)
def test_others_are_learnt_from_where_asked_for(dataset, selection, count):
    assert len(load_demonstrations(dataset, selection).lengths) == count


def test_the_hash_is_of_the_episodes_that_are_used_and_of_no_others(dataset):
    both, again = load_demonstrations(dataset), load_demonstrations(dataset)
    one = load_demonstrations(dataset, Selection(labels=("success",)))
    delete(dataset, name(2))
    without_failure = load_demonstrations(dataset)
    delete(dataset, name(0))
    left = load_demonstrations(dataset)

    assert both.sha256 == again.sha256 == without_failure.sha256
    assert left.sha256 == one.sha256 != both.sha256


def test_a_damaged_episode_is_named_and_can_be_left_out(dataset, caplog):
    damage(dataset / name(0))

    with pytest.raises(DatasetError, match=rf"{name(0)}.*damaged.*--skip-damaged"):
        load_demonstrations(dataset)
    with caplog.at_level(logging.WARNING):
        episodes = load_demonstrations(dataset, Selection(skip_damaged=True))

    assert len(episodes.lengths) == 1
    assert name(0) in caplog.text


def test_a_damaged_description_is_named_too(dataset):
    file = dataset / name(1) / "episode.json"
    file.write_bytes(file.read_bytes().replace(b"circle", b"square"))

    with pytest.raises(DatasetError, match=rf"{name(1)}.*checksum"):
        load_demonstrations(dataset)


def test_what_a_crash_left_is_to_be_recovered_first(dataset):
    (dataset / "20260101-120009-0009.open").mkdir()

    with pytest.raises(DatasetError, match="robotd dataset recover"):
        load_demonstrations(dataset)
    assert len(load_demonstrations(dataset, Selection(skip_damaged=True)).lengths) == 2


def test_cells_that_do_not_go_together_are_refused(dataset):
    write(dataset, 4, cell=NO_FILTER)

    with pytest.raises(DatasetError, match=r"task.command_filter = pusht_pd.* has none"):
        load_demonstrations(dataset)


def test_the_filter_is_that_of_the_cell(tmp_path):
    write(tmp_path, 0, cell=NO_FILTER)

    assert load_demonstrations(tmp_path).command_filter == "none"


def test_nothing_to_learn_from_is_one_clear_line(dataset, tmp_path):
    (tmp_path / "empty").mkdir()
    write(tmp_path / "blind", 0, block_gap=(0.0, 99.0))
    cases = [
        (tmp_path / "empty", None, "no complete episode in it"),
        (tmp_path / "blind", None, "nothing to learn from in 1 episodes.*no block_pose"),
        (dataset, Selection(min_score=1.1), "none of its 4 episodes is as wanted"),
        (dataset, Selection(episodes=("x",)), "no complete episode x in it"),
        (dataset / name(0), None, "is one episode; give its data set"),
        (tmp_path / "missing", None, "no such file"),
    ]
    for path, selection, says in cases:
        with pytest.raises(DatasetError, match=says):
            load_demonstrations(path, selection)


def test_progress_is_told_after_each_episode(dataset):
    told = []

    load_demonstrations(dataset, on_progress=lambda done, total: told.append((done, total)))

    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize("cell", [CELL, NO_FILTER])
def test_an_npz_of_a_data_set_is_the_same_demonstrations(tmp_path, cell):
    write(tmp_path / "data", 0, cell=cell)
    episodes = load_demonstrations(tmp_path / "data")

    save_npz(episodes, tmp_path / "out.npz")
    again = load_replay(tmp_path / "out.npz")

    assert again.lengths.tolist() == episodes.lengths.tolist()
    assert again.command_filter == cell.task.command_filter
    assert again.dt_s == 0.1
    for key, array in episodes.arrays.items():
        assert np.array_equal(array, again.arrays[key])
