"""A paused run waits for a person at the terminal, and ends where there is none."""

import os
import pty
import sys
from types import SimpleNamespace

import pytest

from robotd.core.errors import SupervisorError
from robotd.modes.options import RunOptions
from robotd.modes.real_cell import EnterKey
from robotd.modes.run.command import _Session


class Daemon:
    """A daemon that pauses after some looks, and its client, as the run uses them."""

    def __init__(self, refusal=""):
        self.control, self.stop = self, SimpleNamespace(requested=False)
        self.refusal, self.asked, self.looks_n = refusal, [], 0
        self.state = "RUNNING"

    def call(self, op):
        self.asked.append(op)
        if op == "resume":
            if self.refusal:
                refusal, self.refusal = self.refusal, ""
                raise SupervisorError(refusal)
            self.state = "RUNNING"
        return self.status()

    def status(self):
        self.looks_n += 1
        if self.looks_n == 3:
            self.state = "PAUSED"
        if self.looks_n > 12 and self.state == "RUNNING":
            self.state = "DISARMED"
        assert self.looks_n < 50
        return SimpleNamespace(state=self.state, reason="arm: pushed")

    def bring_to_rest(self):
        self.state = "DISARMED"
        return SimpleNamespace(state="DISARMED", reason="arm: pushed")

    def rest(self):
        pass


class Progress:
    def __init__(self):
        self.said = []

    def show(self, status):
        pass

    def say(self, text):
        self.said.append(text)


def follow(cell, daemon, enter):
    progress = Progress()
    session = _Session(cell, RunOptions(), daemon, progress, enter=enter)
    session._follow(daemon.status())
    return progress.said


def key(*presses, present=True):
    """A maker of keys, each of which is pressed at one of its looks."""
    left = list(presses)
    return lambda: SimpleNamespace(
        present=present, pressed=lambda: bool(left) and (left.pop(0) is True)
    )


def test_enter_resumes_and_the_episode_goes_on(cell):
    daemon = Daemon()

    said = follow(cell, daemon, key(False, False, True))

    assert said == ["PAUSED: arm: pushed. Enter resumes, Ctrl-C ends."]
    assert daemon.asked.count("resume") == 1


def test_without_a_person_it_ends(cell):
    daemon = Daemon()

    assert follow(cell, daemon, key(present=False)) == []
    assert "resume" not in daemon.asked
    assert daemon.state == "DISARMED"


def test_a_refused_resume_is_said_and_can_be_tried_again(cell):
    daemon = Daemon(refusal="cannot resume: the controller runs at 50% of full speed")

    said = follow(cell, daemon, key(True, True))

    assert said[1] == "cannot resume: the controller runs at 50% of full speed"
    assert daemon.asked.count("resume") == 2


def test_ctrl_c_ends_a_pause(cell):
    daemon = Daemon()
    daemon.stop = SimpleNamespace(requested=False)

    def enter():
        daemon.stop.requested = True
        return SimpleNamespace(present=True, pressed=lambda: False)

    follow(cell, daemon, enter)

    assert "resume" not in daemon.asked


@pytest.fixture
def terminal(monkeypatch):
    master, slave = pty.openpty()
    with open(slave, closefd=True) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield master
    os.close(master)


def test_what_was_typed_before_the_pause_resumes_nothing(terminal):
    os.write(terminal, b"\n\n")

    enter = EnterKey()

    assert enter.present
    assert not enter.pressed()
    os.write(terminal, b"\n")
    assert enter.pressed()
    assert not enter.pressed()


def test_without_a_terminal_nobody_is_there(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)

    assert not EnterKey().present
    assert not EnterKey().pressed()
