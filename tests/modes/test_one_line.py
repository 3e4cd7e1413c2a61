"""Whatever an error says, the terminal gets one line of printable words."""

import pytest

import robotd.cli
from policy_server.__main__ import main as policy_server
from robotd.core.errors import PolicyRefusedError, one_line


def test_line_breaks_and_terminal_controls_are_written_out():
    assert one_line("a\nb\x1b[2Jc\u2028d é") == "a\\nb\\x1b[2Jc\\u2028d é"


def test_what_a_server_says_stays_one_line(capsys, monkeypatch):
    def refuse(_words):
        raise PolicyRefusedError("in_use", "policy server: in_use: one\ntwo\x1b[2J")

    monkeypatch.setattr(robotd.cli, "_parse", refuse)
    with pytest.raises(SystemExit) as ended:
        robotd.cli.main(["status"])

    assert ended.value.code == 1
    assert capsys.readouterr().err == "robotd: policy server: in_use: one\\ntwo\\x1b[2J\n"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "COMMAND"),
        (["serv"], "'serv' (choose from 'train'"),
        (["serve"], "--policy"),
        (["serve", "--policy", "constant", "--threads", "many"], "--threads"),
        (["serve", "--policy", "constant", "--prot", "1\n2"], r"--prot 1\n2"),
    ],
)
def test_words_that_the_policy_server_does_not_know_are_one_line(capsys, words, named):
    with pytest.raises(SystemExit) as ended:
        policy_server(words)

    [line] = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    assert line.startswith("robotd: ")
    assert named in line
    assert line.endswith("--help")
