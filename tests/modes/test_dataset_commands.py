"""`robotd dataset` as a person types it."""

import json

import pytest

from robotd.core.errors import ConfigError, DatasetError
from robotd.episodes.dataset import episodes, open_episodes, quarantined, trashed
from robotd.episodes.episode_file import LOG_NAME
from robotd.episodes.items import Gap
from robotd.modes.dataset.command import dataset
from robotd.modes.dataset.options import (
    DatasetOptions,
    DeleteOptions,
    InfoOptions,
    ListOptions,
    PageOptions,
    RecoverOptions,
    UndeleteOptions,
    VerifyOptions,
)
from tests.episodes.made_episode import BEGIN_NS, SMALL, Made, write_episode

OLD, MIDDLE, NEW = (f"20260101-12000{n}-000{n}" for n in range(3))
SHORT = {"seconds": 2.0, "human": (0.3, 1.8)}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "data"
    write_episode(path, Made(id=OLD, label="success", **SHORT))
    write_episode(path, Made(id=MIDDLE, label="failure", score=0.4, **SHORT))
    write_episode(path, Made(id=NEW, **SHORT))
    return path


def do(options):
    return dataset(DatasetOptions(do=options))


def damage(folder, name):
    path = folder / name / LOG_NAME
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def test_info_adds_up(folder, tmp_path, capsys):
    assert do(InfoOptions(dataset=folder, json=tmp_path / "info.json")) == 0

    found = json.loads((tmp_path / "info.json").read_text())
    assert found["episodes_n"] == 3
    assert found["labels"] == {"success": 1, "failure": 1, "": 1}
    assert found["duration_s"] == pytest.approx(6.0, abs=0.1)
    assert found["starts"]["episodes_n"] == 3
    assert found["starts"]["block_squares_n"] == 1
    assert "3 complete" in capsys.readouterr().out


def test_list_has_a_line_for_each(folder, tmp_path, capsys):
    damage_file = folder / MIDDLE / "episode.json"
    damage_file.write_bytes(b"{}")

    assert do(ListOptions(dataset=folder, json=tmp_path / "list.json")) == 0

    rows = json.loads((tmp_path / "list.json").read_text())
    assert [row["id"] for row in rows] == [OLD, MIDDLE, NEW]
    assert [row["status"] for row in rows] == ["complete", "damaged", "complete"]
    printed = capsys.readouterr().out
    assert all(name in printed for name in (OLD, MIDDLE, NEW))
    assert "episode.json: damaged" in printed


def test_an_empty_data_set_is_listed_as_such(tmp_path, capsys):
    assert do(ListOptions(dataset=tmp_path)) == 0
    assert do(InfoOptions(dataset=tmp_path)) == 0
    assert "no episodes" in capsys.readouterr().out


def test_verify_ends_with_0_where_all_is_as_recorded(folder, capsys):
    assert do(VerifyOptions(dataset=folder)) == 0
    assert "episodes: 3 ok, 0 lossy, 0 bad" in capsys.readouterr().out


def test_verify_ends_with_3_where_something_was_lost(folder, capsys):
    gap = Gap(stream="/arm", count=2, t_from_ns=BEGIN_NS, t_to_ns=BEGIN_NS + 9, reason="slow")
    write_episode(folder, Made(id="20260101-120009-0009", **SHORT), gaps=(gap,))

    assert do(VerifyOptions(dataset=folder)) == 3
    assert "lossy  /arm: 2 lost while recording" in capsys.readouterr().out


def test_verify_ends_with_1_where_one_is_damaged(folder, tmp_path, capsys):
    damage(folder, MIDDLE)

    assert do(VerifyOptions(dataset=folder, json=tmp_path / "v.json")) == 1
    assert do(VerifyOptions(dataset=folder, ids=(OLD, "last"))) == 0

    found = json.loads((tmp_path / "v.json").read_text())
    assert [each["health"] for each in found] == ["ok", "bad", "ok"]
    assert f"{MIDDLE}  bad" in capsys.readouterr().out


def test_what_is_deleted_can_be_taken_back_with_the_line_that_is_printed(folder, capsys):
    assert do(DeleteOptions(dataset=folder, ids=(OLD, "last"))) == 0

    assert episodes(folder) == [MIDDLE]
    assert f"robotd dataset undelete {folder} {OLD} {NEW}" in capsys.readouterr().out
    assert do(UndeleteOptions(dataset=folder, ids=(OLD, NEW))) == 0
    assert episodes(folder) == [OLD, MIDDLE, NEW]


def test_undelete_last_is_the_one_deleted_last(folder):
    for name in (NEW, OLD, MIDDLE):
        do(DeleteOptions(dataset=folder, ids=(name,)))

    do(UndeleteOptions(dataset=folder, ids=("last",)))

    assert episodes(folder) == [MIDDLE]
    assert trashed(folder) == [OLD, NEW]


def test_nothing_is_deleted_where_one_of_the_names_is_wrong(folder):
    with pytest.raises(DatasetError, match="no complete episode 'nope'"):
        do(DeleteOptions(dataset=folder, ids=(OLD, "nope")))
    assert episodes(folder) == [OLD, MIDDLE, NEW]


@pytest.mark.parametrize("kind", [DeleteOptions, UndeleteOptions])
def test_to_delete_takes_a_name(folder, kind):
    with pytest.raises(ConfigError, match="ID: got nothing"):
        do(kind(dataset=folder, ids=()))


def test_recover_completes_what_a_crash_left(folder, capsys):
    (folder / OLD).rename(folder / f"{OLD}.open")
    (folder / f"{OLD}.open" / "episode.json").unlink()
    (folder / "20260101-120008-0008.open").mkdir()

    assert do(RecoverOptions(dataset=folder)) == 0

    printed = capsys.readouterr().out
    assert f"recovered {OLD}" in printed
    assert "to the quarantine: 20260101-120008-0008" in printed
    assert open_episodes(folder) == []
    assert episodes(folder) == [OLD, MIDDLE, NEW]
    assert quarantined(folder) == ["20260101-120008-0008"]


def test_recover_makes_no_data_set(tmp_path):
    with pytest.raises(DatasetError, match="no such folder"):
        do(RecoverOptions(dataset=tmp_path / "nothing"))
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("name", ["page.png", "deep/page.html"])
def test_a_page_is_drawn_of_one_episode(tmp_path, name):
    gap = Gap(stream="/arm", count=2, t_from_ns=BEGIN_NS, t_to_ns=BEGIN_NS + 9, reason="slow")
    made = Made(id=OLD, cameras={"top": SMALL}, policy=True, label="failure", **SHORT)
    write_episode(tmp_path / "data", made, gaps=(gap,))
    asked = PageOptions(
        dataset=tmp_path / "data", id="last", out=tmp_path / name, json=tmp_path / "page.json"
    )

    assert do(asked) == 0

    data = (tmp_path / name).read_bytes()
    assert data.startswith(b"\x89PNG" if name.endswith("png") else b"<!doctype html>")
    figures = json.loads((tmp_path / "page.json").read_text())
    assert figures["ticks_n"] == 250
    assert figures["cameras"]["top"]["latency_p50_ms"] == pytest.approx(40.0)
    assert figures["action_age_p50_ms"] == pytest.approx(100.0)
    assert figures["dropped_n"] == 2
    assert figures["refused_by_limit"] == {"tool_speed": 2}


def test_a_page_of_an_episode_with_nothing_in_it_is_drawn_as_well(tmp_path):
    made = Made(id=OLD, seconds=0.01, human=(0.0, 0.0), block_gap=(0, 9), arm_gap=(0, 9))
    write_episode(tmp_path / "data", made)

    assert do(PageOptions(dataset=tmp_path / "data", id=OLD, out=tmp_path / "page.png")) == 0


def test_a_page_is_a_png_or_an_html(folder):
    with pytest.raises(ConfigError, match=r"--out: got .*x.pdf"):
        do(PageOptions(dataset=folder, id="last", out=folder / "x.pdf"))
