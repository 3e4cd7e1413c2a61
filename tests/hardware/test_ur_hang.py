"""A controller that accepts and never answers: the arm's process ends, and says why."""

import contextlib
import json
import signal
import socket
import struct
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from robotd.core.clock import MonoNs
from robotd.core.config import CellConfig
from robotd.core.config_load import load_toml
from robotd.core.errors import ProcessDiedError
from robotd.core.mailbox import MailboxWriter
from robotd.core.process import spawn
from robotd.core.process_names import ARM
from robotd.core.recovery import REQUEST_BYTES, REQUESTS_KEPT_N
from robotd.core.ring import RingWriter
from robotd.core.run_files import ARM_REQUESTS, CELL_FILE, CONTROLLER, MAILBOX
from robotd.core.rundir import RunDir
from robotd.core.types import Orders
from robotd.hardware.ur_facts import OUTPUTS
from tests.sim.ur_site import free_host

CELL = Path(__file__).parents[2] / "configs/mock/cell.toml"
TYPES = {"actual_q": "VECTOR6D", "actual_TCP_pose": "VECTOR6D", "tcp_offset": "VECTOR6D"}
UINTS = {"runtime_state", "safety_status_bits"}


def packet(kind, payload=b""):
    return struct.pack(">HB", 3 + len(payload), kind) + payload


def answers():
    """What an honest controller says to one that asks it once."""
    types = [
        TYPES.get(n, "UINT32" if n in UINTS else "INT32" if n == "robot_mode" else "DOUBLE")
        for n in OUTPUTS
    ]
    layout = {"VECTOR6D": "6d", "UINT32": "I", "INT32": "i", "DOUBLE": "d"}
    form = struct.Struct(">B" + "".join(layout[t] for t in types))
    values = [0] * (len(form.unpack(b"\0" * form.size)) - 2)
    data = b"".join(packet(85, form.pack(1, 0.002 * n, *values)) for n in range(20))
    return [
        packet(86, b"\1"),
        packet(118, struct.pack(">4I", 5, 13, 1, 7)),
        packet(79, b"\1" + ",".join(types).encode()),
        packet(83, b"\1") + data,
    ]


class HangingController:
    """Accepts on all ports; RTDE answers the first `honest_n` connections, then nobody."""

    def __init__(self, honest_n):
        self.host, self.honest_n, self._ends = free_host(), honest_n, []
        ports = (29999, 30003, 30004)
        self._servers = {port: socket.create_server((self.host, port)) for port in ports}
        self._threads = [
            threading.Thread(target=self._serve, args=(port,), daemon=True) for port in ports
        ]
        for thread in self._threads:
            thread.start()

    def _serve(self, port):
        served = 0
        with contextlib.suppress(OSError):
            while True:
                wire, _ = self._servers[port].accept()
                self._ends.append(wire)
                if port == 29999 and self.honest_n:
                    wire.sendall(b"Connected: Universal Robots Dashboard Server\n")
                    threading.Thread(target=self._talk, args=(wire,), daemon=True).start()
                elif port == 30004 and served < self.honest_n:
                    served += 1
                    for answer in answers():
                        wire.recv(1000)
                        wire.sendall(answer)

    def _talk(self, wire):
        with contextlib.suppress(OSError):
            while line := wire.recv(200):
                said = {b"PolyscopeVersion\n": b"URSoftware 5.13.1.7 (Jan 1)", b"quit\n": b""}
                wire.sendall(said.get(line, b"true") + b"\n")

    def close(self):
        for server in self._servers.values():
            server.shutdown(socket.SHUT_RDWR)
            server.close()
        for wire in self._ends:
            wire.close()
        for thread in self._threads:
            thread.join(5)


@pytest.fixture
def start_arm(tmp_path):
    """Start the arm's process of a mock cell whose controller hangs."""
    with ExitStack() as stack:
        run = stack.enter_context(RunDir.create("hang-test", base=tmp_path, grace_s=0.5)).path
        cell = load_toml(CELL, CellConfig, {"arm": {"kind": "ur"}})
        (run / CELL_FILE).write_bytes(msgspec.json.encode(cell))
        mailbox = stack.enter_context(MailboxWriter.create(run / MAILBOX))
        mailbox.put(Orders(t_ns=MonoNs(time.monotonic_ns()), session=0, plan=None))
        stack.enter_context(
            contextlib.closing(
                RingWriter.create(run / ARM_REQUESTS, REQUEST_BYTES, REQUESTS_KEPT_N)
            )
        )

        def start(honest_n):
            controller = HangingController(honest_n)
            stack.callback(controller.close)
            (run / CONTROLLER).write_text(json.dumps({"host": controller.host}))
            child = spawn(ARM, run)
            stack.callback(child.kill)
            return child

        yield start


def test_a_controller_that_never_answers_is_said_in_a_sentence(start_arm):
    arm = start_arm(honest_n=0)

    with pytest.raises(ProcessDiedError, match=r"exit code 1.*gave no answer within 2 s"):
        arm.wait_ready(20.0)


def test_a_library_that_hangs_in_its_constructor_is_killed_and_reported(start_arm):
    arm = start_arm(honest_n=1)
    deadline = time.monotonic() + 20.0
    while not any("connecting" in line for line in arm.last_lines()):
        assert time.monotonic() < deadline, arm.last_lines()
        time.sleep(0.02)

    with pytest.raises(ProcessDiedError, match=r"not ready after 0.5 s; its last line: ur: conn"):
        arm.wait_ready(0.5)
    # The library takes SIGTERM for an error of its socket, or does not hear it at all.
    assert arm.terminate(0.3) in (1, -signal.SIGKILL)


def test_a_library_that_hangs_does_not_hang_for_ever_without_a_parent_that_looks(start_arm):
    arm = start_arm(honest_n=1)

    with pytest.raises(ProcessDiedError, match=r"killed by SIGALRM; its last line: ur: connecting"):
        arm.wait_ready(30.0)
