"""The file of `--json`: refused before long work, written whole."""

import json

import pytest

from robotd.core.errors import ConfigError
from robotd.core.json_file import check_json, write_json


def test_a_folder_is_made_for_it(tmp_path):
    path = tmp_path / "a" / "b.json"

    check_json(path)
    write_json(path, {"score": 0.5})

    assert json.loads(path.read_text()) == {"score": 0.5}


def test_a_folder_in_its_place_is_refused_at_once(tmp_path):
    with pytest.raises(ConfigError, match=r"--json: got .*, a folder, expected a file"):
        check_json(tmp_path)


def test_a_place_that_cannot_be_is_refused_at_once(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match="file"):
        check_json(tmp_path / "file" / "x.json")


def test_an_earlier_file_survives_the_check(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("{}")

    check_json(path)

    assert path.read_text() == "{}"
