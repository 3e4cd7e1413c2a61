"""What a person may mistype: one line, an exit code that is not zero, and nothing was started."""

import io
import logging
import os
import pty
import sys
from pathlib import Path

import pytest

from robotd.cli import main
from robotd.core.errors import ConfigError
from robotd.core.process import StopFlag
from robotd.core.rundir import RunDir
from robotd.modes.real_cell import ask_to_arm, require_terminal

MOCK = Path(__file__).parents[2] / "configs" / "mock" / "cell-ur5.toml"
PUSHT = MOCK.parents[1] / "pusht"
RUN = ["run", "--mock", "--policy=constant"]


@pytest.fixture(autouse=True)
def _own_runtime_folder(run_dir, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(run_dir))
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)


def said(capsys, words):
    """Return the exit code and what was said on stderr."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    captured = capsys.readouterr()
    assert captured.out == ""
    return ended.value.code, captured.err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "Expected one of {up, collect, run, replay, status, ack, dataset, doctor, sim, jog,"),
        (["fly"], "Unrecognized options: fly"),
        (["run", "--mock", "--polcy", "x"], "did you mean --policy?"),
        (["run", "--mock", "--episodes", "many"], "--episodes"),
        (["run", "--mock", "--out"], "--out"),
        (["run", "--mock=really"], "--mock"),
        (["run", "--model=ur5", f"--config={PUSHT}", "--policy=x"], "--model: got ur5, expected"),
        (["run", "--mock"], "--policy, --server: got neither, expected exactly one of them"),
        ([*RUN, "--server=ipc:///x"], "got both"),
        ([*RUN, "--episodes=0"], "--episodes: got 0, expected 1 or more"),
        ([*RUN, "--seed=-1"], "--seed: got -1, expected 0 to 4294967295"),
        ([*RUN, "--seed=4294967295", "--episodes=2"], "--seed: got 4294967295"),
        (["run", "--policy=constant"], "--config: got nothing"),
        (["run", "--policy=constant", "--config=/nowhere.toml"], "/nowhere.toml: file"),
        (["run", "--mock", "--policy=/no/such/folder"], "/no/such/folder: no such checkpoint"),
        ([*RUN, "--set=envelope.table_z_m=-1"], "the safety envelope has no flag"),
        ([*RUN, "--set=executer.kind=ensemble"], "did you mean `executor`?"),
        ([*RUN, "--set=policy.deadline_s=soon"], "policy.deadline_s: got 'soon'"),
        ([*RUN, "--set=arm.home_q_rad=[14,-90,-120,-59,90,-76]"], "looks like degrees"),
        ([*RUN, "--set=task.board_m=300"], "looks like millimetres"),
        ([*RUN, f"--out={MOCK}/out"], "Not a directory"),
        (["status", "--mock"], "no daemon of cell mock is running; start it: robotd up"),
        (["ack", "--mock"], "no daemon of cell mock is running; start it: robotd up"),
        (["up", "--mock", "--run-dir=/proc/1"], "run directory"),
        (
            ["run", f"--config={PUSHT}", "--policy=constant"],
            "a person arms a real arm; no flag does",
        ),
    ],
)
def test_a_fault_is_one_line_and_an_exit_code(capsys, words, named):
    code, stderr = said(capsys, words)

    assert code == 1
    assert stderr.count("\n") == 1
    assert stderr.startswith("robotd: ")
    assert named in stderr


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("tool_speed_m_s = 0.25", "tool_sped_m_s = 0.25", "did you mean `tool_speed_m_s`?"),
        ("tool_speed_m_s = 0.25", 'tool_speed_m_s = "fast"', "envelope.tool_speed_m_s: got 'fast'"),
        ("tool_cone_rad = 0.35", "tool_cone_rad = 20.0", "envelope.tool_cone_rad: got 20.0"),
        ("q_max_rad = [1.9,", "q_max_rad = [109.0,", "looks like degrees"),
        ("max_m = [0.66, 0.21, 0.35]", "max_m = [0.40, 0.21, 0.35]", "excludes the start pose"),
        ("[world]", "[wrold]", "did you mean `world`?"),
        ("seed = 200000", "seed = -4", "world.seed: got -4"),
        ("[task]", "[task", "expected valid TOML"),
    ],
)
def test_a_fault_in_the_cells_file_names_file_key_and_value(capsys, tmp_path, old, new, named):
    path = tmp_path / "cell.toml"
    assert old in MOCK.read_text()
    path.write_text(MOCK.read_text().replace(old, new, 1))

    code, stderr = said(capsys, ["run", f"--config={path}", "--policy=constant"])

    assert code == 1
    assert stderr.count("\n") == 1
    assert str(path) in stderr
    assert named in stderr


def test_help_is_no_fault(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["run", "--help"])

    assert ended.value.code in (0, None)
    assert "--policy" in capsys.readouterr().out


def test_a_cell_that_is_taken_is_named(capsys, run_dir):
    with RunDir.create("mock", base=run_dir / "robotd"):
        code, stderr = said(capsys, ["up", "--mock"])

    assert code == 1
    assert stderr.count("\n") == 1
    assert f"already run by process {os.getpid()}" in stderr


# Towards a real arm


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_real_cell_without_a_terminal_is_refused(real_cell, monkeypatch):
    for stdin in (io.StringIO(), None):
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(ConfigError, match="a person arms a real arm; no flag does"):
            require_terminal(real_cell)


def test_a_real_cell_with_a_terminal_and_a_mock_without_are_not(real_cell, cell, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Terminal())
    require_terminal(real_cell)
    monkeypatch.setattr(sys, "stdin", None)
    require_terminal(cell)
    with StopFlag() as stop:
        assert ask_to_arm(cell, stop)


@pytest.mark.parametrize(
    ("typed", "armed"), [("mock-ur5\n", True), ("yes\n", False), ("\n", False), ("\x04", False)]
)
def test_only_the_cells_name_typed_after_the_question_arms(real_cell, monkeypatch, typed, armed):
    keyboard, terminal = pty.openpty()
    os.write(keyboard, f"{real_cell.name}\n".encode())  # before the question: no answer

    class Screen(io.StringIO):
        def flush(self):
            os.write(keyboard, typed.encode())

    screen = Screen()
    with StopFlag() as stop, os.fdopen(terminal) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(sys, "stderr", screen)
        assert ask_to_arm(real_cell, stop) is armed
    os.close(keyboard)
    assert "Clear the cell and hold the emergency stop" in screen.getvalue()


def test_a_signal_at_the_question_is_a_no(real_cell, monkeypatch):
    keyboard, terminal = pty.openpty()
    with StopFlag() as stop, os.fdopen(terminal) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        stop.request()
        assert not ask_to_arm(real_cell, stop)
    os.close(keyboard)
