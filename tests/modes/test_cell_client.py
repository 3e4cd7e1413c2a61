"""A client and its own arming: stopped at once where the client fails, never that of another."""

from types import SimpleNamespace

import pytest

from robotd.core.errors import DeviceError, SupervisorError
from robotd.core.process import StopFlag
from robotd.modes.cell_client import CellClient


class FakeControl:
    """A daemon that arms at once; remembers what was asked of it."""

    def __init__(self):
        self.state, self.session, self.owner = "DISARMED", 0, ""
        self.asked = []

    def call(self, op, *, jog=None, timeout_s=5.0):
        assert jog is None or op == "arm"
        assert timeout_s > 0
        self.asked.append(op)
        if op == "arm":
            self.state, self.session, self.owner = "ARMED", 7, "collect-1"
        if op in ("stop", "disarm"):
            self.state, self.session = "DISARMED", 0
        return SimpleNamespace(
            state=self.state,
            session=self.session,
            owner=self.owner,
            reason="",
            recording="",
            arm=SimpleNamespace(session=self.session),
        )


@pytest.fixture
def control():
    return FakeControl()


@pytest.fixture
def client(cell, control):
    client = CellClient(cell, control, StopFlag())
    assert client.arm()
    return client


def test_a_client_that_fails_stops_the_arm_at_once(client, control):
    with pytest.raises(DeviceError), client.driving():
        raise DeviceError("keyboard: the terminal is gone")

    assert control.asked[-1] == "stop"


def test_a_client_that_was_suspended_leaves_the_next_ones_arm_alone(client, control):
    control.session, control.owner, control.state = 8, "run-2", "RUNNING"

    with pytest.raises(SupervisorError, match="run-2 drives the cell now"), client.driving():
        client.bring_to_rest()

    assert "stop" not in control.asked


def test_a_signal_while_it_arms_leaves_it_disarmed(cell, control):
    stop = StopFlag()
    client = CellClient(cell, control, stop)
    call = control.call

    def signalled(op, **more):
        if op == "arm":
            stop.request()
        return call(op, **more)

    control.call = signalled

    assert not client.arm()
    assert control.state == "DISARMED"
