"""An emulated controller for tests: on a fake clock without sockets, or as a process of its own."""

import contextlib
import os
import socket
import struct
import subprocess
import sys
import time
from itertools import count

from robotd.sim.ur.controller import Controller
from robotd.sim.ur.launcher import launch
from robotd.sim.ur.machine import Machine
from robotd.sim.ur.ports.dashboard import Dashboard
from robotd.sim.ur.ports.outputs import Outputs
from robotd.sim.ur.ports.rtde import RtdeSession
from robotd.sim.ur.setup import of_model
from robotd.sim.ur.version import PolyScope

_START = (
    "import sys; from robotd.sim.ur.command import sim_ur; "
    "sim_ur(model=sys.argv[1], address=sys.argv[2], version=sys.argv[3])"
)
_hosts = count()


def packet(kind, payload=b""):
    return struct.pack(">HB", 3 + len(payload), ord(kind)) + payload


def output_setup(names, hz=500.0):
    return packet("O", struct.pack(">d", hz) + ",".join(names).encode())


def input_setup(names):
    return packet("I", ",".join(names).encode())


def packets(data):
    """All packets in `data` as (letter, payload); nothing may be left over."""
    found = []
    while data:
        size, kind = struct.unpack_from(">HB", data)
        found.append((chr(kind), bytes(data[3:size])))
        data = data[size:]
    return found


class Bench:
    """A controller whose time passes when a test says so, cycle by cycle."""

    def __init__(self, model="ur5e", version="", judge=None, **setup):
        chosen = of_model(model, PolyScope.parse(version) if version else None)
        for key, value in setup.items():
            setattr(chosen, key, value)
        self.c = Controller(chosen, 0, judge)
        self.messages = []
        self.c.say = lambda text, level: self.messages.append((text, level))
        self.dashboard = Dashboard(self.c)
        self.outputs = Outputs(self.c)
        self.machine = Machine(self.c)
        self.sessions = []
        self.now_ns = 0
        self.period_ns = round(1e9 * self.c.period_s)

    def session(self):
        session = RtdeSession(self.outputs, len(self.sessions) + 1)
        self.sessions.append(session)
        return session

    def cycle(self, n=1):
        """Let n cycles pass; return the joints that were wanted after each."""
        way = []
        for _ in range(n):
            self.now_ns += self.period_ns
            self.c.now_ns = self.now_ns
            for session in self.sessions:
                session.apply(session.waiting)
            self.c.cycle(self.now_ns)
            for session in self.sessions:
                session.emit()
            way.append(list(self.c.joints.ref.q))
        return way

    def seconds(self, t_s):
        return self.cycle(round(t_s / self.c.period_s))

    def until(self, true, limit_s=20.0):
        for _ in range(round(limit_s / self.c.period_s)):
            if true():
                return
            self.cycle()
        raise AssertionError(f"not so after {limit_s} s of the controller")

    def run(self, text):
        return launch(self.c, text)

    def told(self, what):
        return [event.detail for event in self.c.events.since(0) if event.what == what]


def free_host():
    """A loopback address that no other test of this or another worker uses."""
    n = os.getpid() * 16 + next(_hosts)
    return f"127.{78 + n // 62500 % 100}.{n // 250 % 250 + 1}.{n % 250 + 1}"


@contextlib.contextmanager
def emulator(model="ur5e", version=""):
    """A controller in a process of its own; yields its address."""
    host = free_host()
    child = subprocess.Popen(
        [sys.executable, "-c", _START, model, host, version],
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        wait_for_port(host, 30004, child)
        yield host
    finally:
        child.terminate()
        child.communicate(timeout=20)


def wait_for_port(host, port, child, limit_s=30.0):
    deadline = time.monotonic() + limit_s
    while True:
        try:
            socket.create_connection((host, port), 1.0).close()
        except OSError:
            assert child.poll() is None, child.stderr.read().decode()
            assert time.monotonic() < deadline, "the emulator does not listen"
            time.sleep(0.02)
        else:
            return


class Client:
    """A TCP connection that speaks RTDE with the bytes a test gives it."""

    def __init__(self, host, port=30004):
        self.socket = socket.create_connection((host, port), 10.0)
        self.socket.settimeout(10.0)
        self.data = b""

    def send(self, data):
        self.socket.sendall(data)

    def packet(self):
        """The next packet as (letter, payload); EOFError at the end of the stream."""
        while True:
            if len(self.data) >= 3:
                size, kind = struct.unpack_from(">HB", self.data)
                if len(self.data) >= size:
                    payload, self.data = self.data[3:size], self.data[size:]
                    return chr(kind), payload
            more = self.socket.recv(4096)
            if not more:
                raise EOFError
            self.data += more

    def ask(self, data):
        self.send(data)
        return self.packet()

    def line(self):
        while b"\n" not in self.data:
            more = self.socket.recv(4096)
            if not more:
                raise EOFError
            self.data += more
        line, _, self.data = self.data.partition(b"\n")
        return line.decode()

    def stream(self, names="timestamp", hz=500.0):
        """Have these outputs sent."""
        assert self.ask(packet("V", b"\0\x02")) == ("V", b"\x01")
        kind, payload = self.ask(output_setup(names.split(","), hz))
        assert (kind, payload[0]) == ("O", 1)
        assert self.ask(packet("S")) == ("S", b"\x01")
        return self

    def timestamp(self):
        """Of the next data packet whose first output is the timestamp."""
        while True:
            kind, payload = self.packet()
            if kind == "U":
                return struct.unpack_from(">d", payload, 1)[0]

    def close(self):
        self.socket.close()
