"""A file is there whole or not at all."""

import pytest

from robotd.core.whole_file import whole_file


def test_a_file_gets_its_name_once_it_is_written(tmp_path):
    path = tmp_path / "figures"
    with whole_file(path) as partial:
        partial.write_text("all")
        assert not path.exists()

    assert path.read_text() == "all"
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_there_stays_when_the_writer_fails(tmp_path):
    path = tmp_path / "figures"
    path.write_text("before")

    def fail():
        with whole_file(path) as partial:
            partial.write_text("hal")
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        fail()

    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_an_error_and_is_not_made(tmp_path):
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "none" / "figures") as partial:
        partial.write_text("all")

    assert list(tmp_path.iterdir()) == []
