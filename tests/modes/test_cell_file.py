"""From a person's words to a checked cell, and from the daemon to its processes."""

from pathlib import Path

import pytest

from robotd.core.errors import ConfigError
from robotd.core.overrides import parse_overrides
from robotd.modes.cell_file import FIXED, cell_path, load_cell, read_cell, write_cell
from robotd.modes.options import CellOptions

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize(
    "options",
    [
        CellOptions(mock="direct"),
        CellOptions(mock="drivers"),
        CellOptions(config="mock"),
        CellOptions(config="mock", mock="drivers"),
        CellOptions(config="mock", mock="direct", model="ur5e"),
    ],
)
def test_the_mock_has_two_names(options):
    assert cell_path(options) == CONFIGS / "mock" / "cell.toml"


@pytest.mark.parametrize("words", [{"mock": "drivers"}, {"mock": "direct"}, {"config": "mock"}])
def test_the_mock_has_two_arms(words):
    options = CellOptions(model="ur5", **words)
    assert cell_path(options) == CONFIGS / "mock" / "cell-ur5.toml"
    assert load_cell(options).arm.model == "ur5"


def test_a_folder_stands_for_the_cell_in_it(tmp_path):
    assert cell_path(CellOptions(config=str(tmp_path))) == tmp_path / "cell.toml"


def test_a_file_is_itself():
    assert cell_path(CellOptions(config="some/cell.toml")) == Path("some/cell.toml")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (CellOptions(), "got nothing, expected a cell's file, or --mock"),
        (
            CellOptions(mock="direct", config=str(CONFIGS / "pusht")),
            f"--mock: got the real cell {CONFIGS}/pusht/cell.toml too, expected one of the two",
        ),
        (
            CellOptions(model="ur5", config=str(CONFIGS / "mock")),
            f"--model: got ur5, expected ur5e, as {CONFIGS}/mock/cell.toml says",
        ),
        (CellOptions(config="/nowhere/cell.toml"), "No such file or directory"),
        (
            CellOptions(mock="direct", set=("envelope.tool_speed_m_s=9",)),
            "the safety envelope has no flag",
        ),
        (CellOptions(mock="direct", set=("name=other",)), "the cell's name is its file's"),
        (
            CellOptions(
                config=str(CONFIGS / "pusht"), set=("arm.tool.position_m=[0.0, 0.0, 0.0]",)
            ),
            "expected no such flag for a real arm",
        ),
        (CellOptions(mock="direct", set=("executor.knd=ensemble",)), "did you mean `kind`?"),
        (CellOptions(mock="direct", set=("executor.kind=ensembel",)), "did you mean `ensemble`?"),
        (
            CellOptions(mock="direct", set=("policy.deadline_s=fast",)),
            "policy.deadline_s: got 'fast'",
        ),
        (
            CellOptions(mock="direct", set=("task.max_episode_s=3601",)),
            "task.max_episode_s: got 3601",
        ),
        (CellOptions(mock="direct", set=("world.seed=4294967296",)), "world.seed: got 4294967296"),
        (
            CellOptions(mock="direct", set=("arm.home_q_rad=[14,-90,-120,-59,90,-76]",)),
            "looks like degrees",
        ),
        (CellOptions(mock="direct", set=("policy.deadline_s=nan",)), "policy.deadline_s: got nan"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(options, words):
    with pytest.raises(ConfigError) as error:
        load_cell(options)

    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_values_from_the_command_line_lie_over_the_file():
    cell = load_cell(
        CellOptions(mock="direct", set=("executor.kind=ensemble", "task.max_episode_s=3"))
    )

    assert (cell.executor.kind, cell.task.max_episode_s) == ("ensemble", 3.0)


@pytest.mark.parametrize(
    ("settings", "table"),
    [
        ([], {}),
        (["a.b=1"], {"a": {"b": 1}}),
        (["a.b=1", "a.c=[1, 2]"], {"a": {"b": 1, "c": [1, 2]}}),
        (["a=word", "b='quoted'", "c=true"], {"a": "word", "b": "quoted", "c": True}),
        (["a.b=1", "a.b=2"], {"a": {"b": 2}}),
        (["a=x=y"], {"a": "x=y"}),
    ],
)
def test_settings_become_tables(settings, table):
    assert parse_overrides(settings, {}) == table


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["a"], "expected `key.name=value`"),
        (["=1"], "expected `key.name=value`"),
        (["a..b=1"], "expected `key.name=value`"),
        (["a=1", "a.b=2"], "expected a key that is not set already"),
        (["envelope.q_min_rad=0"], "edit the cell's file"),
    ],
)
def test_settings_that_are_none_are_refused(settings, words):
    with pytest.raises(ConfigError) as error:
        parse_overrides(settings, FIXED)

    assert words in str(error.value)


def test_the_processes_read_the_very_cell_that_the_daemon_checked(cell, tmp_path):
    write_cell(cell, tmp_path)

    assert read_cell(tmp_path) == cell


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"name": "\xff"}', b'{"name": "x"}'])
def test_a_run_directory_without_a_whole_cell_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "cell.json").write_bytes(content)

    with pytest.raises(ConfigError, match="expected the cell of a running daemon"):
        read_cell(tmp_path)
