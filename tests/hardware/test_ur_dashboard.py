"""What is said to a dashboard server on the way back from a stop."""

import pytest

from robotd.core.errors import DeviceError
from robotd.core.recovery import RecoveryStep
from robotd.hardware import ur


class Dashboard:
    """Refuses to stop; says what its program does."""

    program = "STOPPED <unnamed>"

    def __init__(self, host):
        self.done = []

    def __getattr__(self, name):
        return lambda: self.done.append(name)

    def stop(self):
        raise RuntimeError("Failed to execute: stop")

    def programState(self):  # noqa: N802 (the library's own name)
        return self.program


@pytest.fixture
def client(monkeypatch):
    made = []

    def make(host):
        made.append(Dashboard(host))
        return made[-1]

    monkeypatch.setattr(ur, "DashboardClient", make)
    return made


def test_a_stop_is_unlocked_where_no_program_is_left_to_be_stopped(client):
    ur.UrDashboard("127.0.0.1").recover(RecoveryStep.UNLOCK)

    assert client[-1].done == ["closeSafetyPopup", "unlockProtectiveStop"]


@pytest.mark.parametrize("program", ["PAUSED <unnamed>", "PLAYING <unnamed>", ""])
def test_a_program_that_could_go_on_is_never_unlocked(client, monkeypatch, program):
    monkeypatch.setattr(Dashboard, "program", program)

    with pytest.raises(DeviceError, match="did not stop the program"):
        ur.UrDashboard("127.0.0.1").recover(RecoveryStep.UNLOCK)
    assert client[-1].done == []
