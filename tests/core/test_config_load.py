"""Every fault of a configuration file is one line: file, key, value, expected, nearest name."""

import copy
import os
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from robotd.core.config import ArmConfig, CellConfig
from robotd.core.config_load import MAX_CONFIG_BYTES, load_toml, merge, read_toml, to_struct
from robotd.core.errors import ConfigError

CELL_TOML = """
name = "mock"

[arm]
kind = "sim"
model = "ur5e"
tool.position_m = [0.0, 0.0, 0.13]
home_q_rad = [0.0, -1.57, -1.57, -1.57, 1.57, 0.0]

[envelope]
q_min_rad = [-3.2, -3.2, -3.2, -3.2, -3.2, -3.2]
q_max_rad = [3.2, 3.2, 3.2, 3.2, 3.2, 3.2]
tool_box = { min_m = [0.2, -0.4, 0.0], max_m = [0.8, 0.3, 0.6] }
table_z_m = 0.0

[cameras.top]
kind = "sim"
rate_hz = 30

[cameras.side]
kind = "sim"

[task]
T_base_table.position_m = [0.64, 0.02, 0.0]
"""


@pytest.fixture
def cell_file(tmp_path):
    path = tmp_path / "cell.toml"
    path.write_text(CELL_TOML)
    return path


def refused(path, overrides=None):
    with pytest.raises(ConfigError) as caught:
        load_toml(path, CellConfig, overrides)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(str(path)).removeprefix(" (with command-line values)")


def edited(cell_file, old, new):
    assert CELL_TOML.count(old) == 1
    cell_file.write_text(CELL_TOML.replace(old, new))
    return refused(cell_file)


def test_a_sound_file_is_read_with_defaults_and_integers_for_floats(cell_file):
    cell = load_toml(cell_file, CellConfig)
    assert cell.arm.home_q_rad[1] == -1.57
    assert cell.cameras["top"].rate_hz == 30.0
    assert cell.cameras["side"].latency_s == 0.04
    assert cell.world is None
    assert not cell.mock


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        # unknown keys, near and far, deep and at the top
        ('kind = "sim"\nmodel', 'knid = "sim"\nmodel', ": arm.knid: got an unknown key, expected"),
        ("rate_hz = 30", "rate_hzz = 30", "did you mean `rate_hz`?"),
        ("rate_hz = 30", "rate_hzz = 30", ": cameras.top.rate_hzz: got an unknown key, expected"),
        ("rate_hz = 30", "zzz = 30", "one of kind, serial, width_px"),
        ('name = "mock"', 'name = "mock"\ncamera = 1', ": camera: got an unknown key"),
        ('name = "mock"', 'name = "mock"\ncamera = 1', "did you mean `cameras`?"),
        ("min_m = [0.2", "mim_m = [0.2", ": envelope.tool_box.mim_m: got an unknown key"),
        # missing
        ('model = "ur5e"', "", ": arm.model: got nothing, expected a value (it has no default)"),
        ('name = "mock"', "", ": name: got nothing, expected a value"),
        ('kind = "sim"\nrate_hz', "rate_hz", ": cameras.top.kind: got nothing"),
        # wrong types
        ("table_z_m = 0.0", 'table_z_m = "low"', ": envelope.table_z_m: got 'low', expected float"),
        ("table_z_m = 0.0", "table_z_m = true", ": envelope.table_z_m: got True, expected float"),
        ("[0.0, 0.0, 0.13]", "[0.0, 0.13]", ": arm.tool.position_m: got [0.0, 0.13], expected"),
        ("[0.0, 0.0, 0.13]", '[0.0, "x", 0.13]', ": arm.tool.position_m[1]: got 'x', expected"),
        ("[0.0, 0.0, 0.13]", "0.13", ": arm.tool.position_m: got 0.13, expected array"),
        ('name = "mock"', "name = 5", ": name: got 5, expected str"),
        # out of range
        ("rate_hz = 30", "rate_hz = 0", ": cameras.top.rate_hz: got 0, expected float > 0"),
        ("rate_hz = 30", "rate_hz = 121", ": cameras.top.rate_hz: got 121, expected float <= 120"),
        ("rate_hz = 30", "width_px = 15", ": cameras.top.width_px: got 15, expected int >= 16"),
        ('name = "mock"', 'name = "A cell"', ": name: got 'A cell', expected str matching"),
        # one of a few
        ('model = "ur5e"', 'model = "ur5f"', ": arm.model: got 'ur5f', expected one of ur5, ur5e"),
        ('model = "ur5e"', 'model = "ur5f"', "did you mean `ur5`?"),
        ('kind = "sim"\nrate_hz', 'kind = "xyz"\nrate_hz', "one of realsense, sim"),
    ],
)
def test_a_fault_names_key_value_and_what_was_expected(cell_file, old, new, says):
    assert says in edited(cell_file, old, new)


def test_the_faulty_entry_of_several_is_named(cell_file):
    cell_file.write_text(CELL_TOML + "\n[cameras.wrist]\nkind = 'sim'\nlatency_s = 2\n")
    assert ": cameras.wrist.latency_s: got 2, expected float <= 1" in refused(cell_file)


def test_a_long_value_is_shortened(cell_file):
    message = edited(cell_file, 'name = "mock"', f'name = "{"x" * 5000}"')
    assert len(message) < 250


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name = \n", "line 1"),
        ("a = 1\nb = = 2\n", "line 2"),
        ("a = 1\na = 2\n", "line 2"),
        ("[a]\nx = 1\n[a]\n", "expected valid TOML"),
    ],
)
def test_what_is_not_toml_is_refused_with_its_line(tmp_path, text, says):
    path = tmp_path / "cell.toml"
    path.write_text(text)
    message = refused(path)
    assert says in message
    assert "expected valid TOML" in message


def test_bytes_that_are_not_text_are_refused(tmp_path):
    path = tmp_path / "cell.toml"
    path.write_bytes(b"name = '\xff\xfe'")
    assert "expected valid TOML" in refused(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    assert "got No such file or directory, expected a readable" in refused(tmp_path / "none.toml")
    assert "got Is a directory, expected a readable" in refused(tmp_path)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(cell_file):
    cell_file.chmod(0)
    assert "got Permission denied" in refused(cell_file)


@pytest.mark.parametrize(("extra_bytes", "fits"), [(0, True), (1, False)])
def test_a_file_just_too_large_is_refused(tmp_path, extra_bytes, fits):
    path = tmp_path / "cell.toml"
    path.write_bytes(b"#" * (MAX_CONFIG_BYTES + extra_bytes))
    if fits:
        assert read_toml(path) == {}
    else:
        assert f"got {MAX_CONFIG_BYTES + 1} bytes, expected at most" in refused(path)


def test_deep_nesting_is_an_error_and_no_crash(tmp_path):
    path = tmp_path / "cell.toml"
    path.write_text("a = " + "[" * 50_000 + "]" * 50_000)
    assert "got very deep nesting" in refused(path)


def test_command_line_values_win_and_are_checked_like_the_file(cell_file):
    over = {"cameras": {"top": {"rate_hz": 15.0}}, "arm": {"host": None}}
    cell = load_toml(cell_file, CellConfig, over)
    assert cell.cameras["top"].rate_hz == 15.0
    assert cell.cameras["side"].kind == "sim"
    assert cell.arm.host == ""
    message = refused(cell_file, {"cameras": {"top": {"rate_hz": -1.0}}})
    assert message == ": cameras.top.rate_hz: got -1.0, expected float > 0.0"
    with pytest.raises(ConfigError, match="with command-line values"):
        load_toml(cell_file, CellConfig, {"arm": {"model": "ur6"}})


def test_merging_goes_into_tables_and_replaces_all_else():
    base = {"a": {"x": 1, "y": [1, 2]}, "b": 2, "c": {"z": 1}}
    before = copy.deepcopy(base)
    over = {"a": {"y": [3]}, "b": {"w": 1}, "c": 7, "d": {"n": 1}}
    assert merge(base, over) == {"a": {"x": 1, "y": [3]}, "b": {"w": 1}, "c": 7, "d": {"n": 1}}
    assert base == before


@pytest.mark.parametrize("over", [{"a": None}, {"b": {"x": None}}, {}])
def test_none_is_a_value_that_was_not_given(over):
    assert merge({"a": 1, "b": {"x": 2}}, over) == {"a": 1, "b": {"x": 2}}


NAMES = st.one_of(
    st.sampled_from(["name", "arm", "kind", "envelope", "cameras", "task", "tool", "top", "m"]),
    st.sampled_from(["position_m", "q_min_rad", "tool_box", "T_base_table", "tracks", "world"]),
    st.text(string.printable, max_size=6),
)
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.datetimes()
    ),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(NAMES, below, max_size=4),
    max_leaves=12,
)
TABLES = st.dictionaries(NAMES, VALUES, max_size=6)


def complaint_of(call, *args):
    """The message of the only error that may come, empty where none does."""
    try:
        call(*args)
    except ConfigError as error:
        return str(error)
    return ""


@given(TABLES)
def test_junk_tables_are_nothing_but_configuration_errors(table):
    for kind in (CellConfig, ArmConfig):
        assert len(complaint_of(to_struct, table, kind, "junk.toml").splitlines()) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_sound_cell_with_one_part_replaced_by_junk_is_taken_or_one_clear_line(cell_file, data):
    table = read_toml(cell_file)
    place = table
    while True:
        key = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(VALUES)
    message = complaint_of(to_struct, table, CellConfig, "cell.toml")
    assert message.startswith("cell.toml: ") or not message
    assert len(message.splitlines()) <= 1


@given(st.binary(max_size=200))
def test_junk_files_are_nothing_but_configuration_errors(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "junk.toml"
    path.write_bytes(data)
    assert len(complaint_of(read_toml, path).splitlines()) <= 1


@given(TABLES, TABLES)
def test_merging_is_total_and_keeps_what_was_not_overridden(base, over):
    merged = merge(base, over)
    for key in base:
        assert key in merged
    for key, value in over.items():
        if value is not None and not isinstance(value, dict):
            assert merged[key] is value
