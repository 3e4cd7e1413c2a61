"""The sentence beside a fault's number."""

from robotd.core.arm_reason import read_reason, write_reason


def test_a_reason_is_that_of_its_session_alone(tmp_path):
    write_reason(tmp_path, 7, "ur: remote control is off\nsee the pendant")

    assert read_reason(tmp_path, 7) == "ur: remote control is off\\nsee the pendant"
    assert read_reason(tmp_path, 8) == ""


def test_no_reason_is_an_empty_one(tmp_path):
    assert read_reason(tmp_path, 1) == ""
    write_reason(tmp_path, 1, "")
    assert read_reason(tmp_path, 1) == ""


def test_a_folder_that_is_gone_does_not_stop_the_arm_process(tmp_path):
    write_reason(tmp_path / "gone", 1, "why")
