"""Stand-ins for ur_rtde and a controller: what they say is set by a test."""

# ruff: noqa: N802 (the library's own names)

from collections import deque
from dataclasses import dataclass, field

from robotd.core.errors import DeviceError
from robotd.core.script_codes import ScriptState
from robotd.hardware.ur_facts import ControllerFacts
from robotd.hardware.ur_setpoints import ScriptReport

FIRST = 1000
PLAYING, STOPPED, PAUSED = 2, 1, 4


def six(value):
    return [float(value)] * 6


@dataclass
class FakeSource:
    """The newest packet of states; `torn_n` more packets come while one is read."""

    timestamp_s: float = 100.0
    q: list = field(default_factory=lambda: six(0.1))
    qd: list = field(default_factory=lambda: six(0.0))
    force: list = field(default_factory=lambda: six(1.0))
    current: list = field(default_factory=lambda: six(2.5))
    expected: list = field(default_factory=lambda: six(2.0))
    robot_mode: int = 7
    runtime_state: int = PLAYING
    safety_bits: int = 1
    scaling: float = 1.0
    slider: float = 1.0
    torn_n: int = 0
    disconnected_n: int = 0

    def getTimestamp(self):
        return self.timestamp_s

    def getActualQ(self):
        return self.q

    def getActualQd(self):
        if self.torn_n:
            self.torn_n -= 1
            self.timestamp_s += 0.002
            self.q = [q + 0.001 for q in self.q]
        return self.qd

    def getActualTCPForce(self):
        return self.force

    def getActualCurrent(self):
        return self.current

    def getTargetCurrent(self):
        return self.expected

    def getRobotMode(self):
        return self.robot_mode

    def getRuntimeState(self):
        return self.runtime_state

    def getSafetyStatusBits(self):
        return self.safety_bits

    def getSpeedScaling(self):
        return self.scaling

    def getTargetSpeedFraction(self):
        return self.slider

    def isConnected(self):
        return self.disconnected_n == 0

    def disconnect(self):
        self.disconnected_n += 1


class FakeChannel:
    """Acknowledges like the control script, a report for each poll."""

    def __init__(self):
        self.sent = []
        self.state, self.runtime, self.acknowledged = ScriptState.NONE, STOPPED, 0
        self.broken = ""
        self.silent = False
        self.follows = True
        self.reports = deque()

    def upload(self):
        self.state, self.runtime, self.acknowledged = ScriptState.WAITING, PLAYING, -FIRST

    def send(self, number, q_rad):
        if self.broken:
            raise DeviceError(self.broken)
        self.sent.append((number, q_rad.copy()))
        if number == -FIRST:
            self.state, self.runtime = ScriptState.ENDED_BY_REQUEST, STOPPED
        elif self.follows and self.runtime == PLAYING:
            self.state, self.acknowledged = ScriptState.FOLLOWING, number

    def poll(self):
        if self.broken:
            raise DeviceError(self.broken)
        if self.silent:
            return None
        return ScriptReport(
            timestamp_s=1.0,
            runtime_state=self.runtime,
            robot_status_bits=0,
            safety_status_bits=1,
            acknowledged=self.acknowledged,
            state=self.state,
        )


FACTS = ControllerFacts(
    version=(5, 13, 1, 7),
    period_s=0.002,
    q_rad=(0.3, -1.6, -2.2, -0.85, 1.57, -1.27),
    pose=(0.0,) * 6,
    safety_bits=1,
    robot_mode=7,
    runtime_state=STOPPED,
    speed_scaling=1.0,
    payload_kg=0.0,
    tcp_offset=(0.0, 0.0, 0.13, 0.0, 0.0, 0.0),
    model="UR5",
    polyscope="5.13.1.1147273",
    serial="20225500001",
    remote=True,
)
