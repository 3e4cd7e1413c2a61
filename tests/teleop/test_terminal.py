"""A real pseudo-terminal: keys come through, and it is given back whatever happens."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from robotd.core.clock import MonoNs, SystemClock
from robotd.core.config_teleop import TeleopConfig
from robotd.core.errors import DeviceError
from teleop.keyboard import Keyboard
from teleop.session_table import Command
from teleop.terminal import TerminalKeys

CLOCK = SystemClock()
ROOT = Path(__file__).parents[2]

CHILD = """
import sys, time
from robotd.core.clock import SystemClock
from teleop.terminal import TerminalKeys
clock = SystemClock()
def show(text):
    sys.stdout.write(text + "\\n")
    sys.stdout.flush()
with TerminalKeys() as keys:
    show("taken")
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for key in keys.read(clock.now()):
            show("key " + key)
            if key == "q":
                raise SystemExit(3)
            if key == "x":
                raise RuntimeError("as asked")
        time.sleep(0.005)
"""


@pytest.fixture
def terminal():
    master, slave = pty.openpty()
    yield master, slave
    for fd in (master, slave):
        with contextlib.suppress(OSError):
            os.close(fd)


def mode(fd):
    return termios.tcgetattr(fd)[:4]


def keys_of(keys, count, timeout_s=5.0):
    found, end = [], time.monotonic() + timeout_s
    while len(found) < count and time.monotonic() < end:
        found += keys.read(CLOCK.now())
    return found


def test_keys_come_at_once_and_are_not_shown(terminal):
    master, slave = terminal
    before = mode(slave)
    with TerminalKeys(slave) as keys:
        assert keys.read(MonoNs(0)) == []  # and does not block
        os.write(master, b"s\x1b[A ")
        assert keys_of(keys, 3) == ["s", "up", "space"]
        assert select.select([master], [], [], 0.05)[0] == []
        assert mode(slave) != before
    assert mode(slave) == before


def test_ctrl_s_does_not_stop_what_is_shown(terminal):
    master, slave = terminal
    with TerminalKeys(slave) as keys:
        os.write(master, b"\x13s")
        assert keys_of(keys, 1) == ["s"]
        os.write(slave, b"shown")
        assert select.select([master], [], [], 1.0)[0]


def test_it_is_given_back_when_the_block_fails(terminal):
    _, slave = terminal
    before = mode(slave)
    with pytest.raises(ValueError, match="boom"), TerminalKeys(slave):
        raise ValueError("boom")
    assert mode(slave) == before


def test_handlers_of_signals_are_given_back_too(terminal):
    before = [signal.getsignal(number) for number in (signal.SIGTSTP, signal.SIGCONT)]
    with TerminalKeys(terminal[1]):
        assert signal.getsignal(signal.SIGTSTP) is not before[0]
    after = [signal.getsignal(number) for number in (signal.SIGTSTP, signal.SIGCONT)]
    assert after == before


def test_what_is_no_terminal_is_refused():
    read_fd, write_fd = os.pipe()
    try:
        with pytest.raises(DeviceError, match=r"no terminal.*--operator"), TerminalKeys(read_fd):
            pass
    finally:
        os.close(read_fd)
        os.close(write_fd)


def test_a_terminal_that_is_closed_is_a_device_that_is_gone(terminal):
    master, slave = terminal
    with TerminalKeys(slave) as keys:
        os.close(master)
        with pytest.raises(DeviceError, match="the terminal is gone"):
            keys_of(keys, 1)


def test_the_keyboard_deflects_and_says_commands(terminal):
    master, slave = terminal
    with Keyboard(TeleopConfig(), TerminalKeys(slave), CLOCK) as keyboard:
        assert keyboard.read().buttons == frozenset()
        os.write(master, b"g\x1b[C")
        end = time.monotonic() + 5.0
        while not (sample := keyboard.read()).buttons and time.monotonic() < end:
            pass
        assert sample.deflection[0] > 0.4
        assert keyboard.commands() == [Command.STAGE]
        assert keyboard.commands() == []


SHELL = """
import fcntl, os, signal, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
cooked = termios.tcgetattr(0)
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
while True:
    _, status = os.waitpid(job, os.WUNTRACED)
    os.tcsetpgrp(0, os.getpgrp())
    if not os.WIFSTOPPED(status):
        raise SystemExit(os.waitstatus_to_exitcode(status))
    if sys.argv[2] == "background":
        os.kill(job, signal.SIGCONT)  # bg
    print("stopped", termios.tcgetattr(0) == cooked, flush=True)
    sys.stdin.readline()
    os.tcsetpgrp(0, job)  # fg
    os.kill(job, signal.SIGCONT)
"""


class Shell:
    """A shell whose only job, in the foreground of the terminal, reads keys."""

    def __init__(self, master, slave, stopped_job="stopped"):
        self.master, self.text = master, ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", SHELL, CHILD, stopped_job],
            cwd=ROOT,
            stdin=slave,
            stdout=slave,
            stderr=subprocess.DEVNULL,
        )

    def wait_for(self, text, timeout_s=15.0):
        end = time.monotonic() + timeout_s
        while text not in self.text and time.monotonic() < end:
            if select.select([self.master], [], [], 0.05)[0]:
                self.text += os.read(self.master, 4096).decode()
        assert text in self.text
        self.text = ""


@pytest.fixture(params=["stopped", "background"])
def shell(terminal, request):
    made = Shell(*terminal, request.param)
    yield made
    made.process.kill()
    made.process.wait()


@pytest.mark.parametrize(("key", "code"), [(b"q", 3), (b"x", 1), (b"\x1c", -signal.SIGQUIT)])
def test_it_is_given_back_when_the_process_ends(terminal, key, code):
    before = mode(terminal[1])
    shell = Shell(*terminal)
    shell.wait_for("taken")
    assert mode(terminal[1]) != before
    os.write(terminal[0], key)
    assert shell.process.wait(10) == code % 256
    assert mode(terminal[1]) == before


def test_it_is_given_back_while_the_process_is_stopped_and_taken_again_after(terminal, shell):
    """By Ctrl-Z, then `fg`; between the two maybe `bg`."""
    before = mode(terminal[1])
    shell.wait_for("taken")
    taken = mode(terminal[1])
    os.write(terminal[0], b"\x1a")
    shell.wait_for("stopped True")
    os.write(terminal[0], b"\n")
    os.write(terminal[0], b"s")
    shell.wait_for("key s")
    assert mode(terminal[1]) == taken
    os.write(terminal[0], b"q")
    assert shell.process.wait(10) == 3
    assert mode(terminal[1]) == before
