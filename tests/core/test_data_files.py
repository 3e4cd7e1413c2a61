"""Where the project's own data is found."""

from pathlib import Path

import pytest

from robotd.core.data_files import data_file, given_or_shipped
from robotd.core.errors import ConfigError

ROOT = Path(__file__).parents[2]


def test_shipped_data_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert data_file("configs/mock/cell.toml").is_file()
    assert given_or_shipped("checkpoints/pusht-state") == ROOT / "checkpoints" / "pusht-state"


def test_what_a_person_has_under_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoints" / "pusht-state").mkdir(parents=True)

    assert given_or_shipped("checkpoints/pusht-state") == Path("checkpoints/pusht-state")


def test_a_name_that_nobody_has_stays_what_it_was():
    assert given_or_shipped("runs/nobody") == Path("runs/nobody")


def test_a_missing_file_of_the_project_names_both_places():
    with pytest.raises(ConfigError, match=r"nowhere\.toml: path: got nothing there, expected one"):
        data_file("nowhere.toml")
