"""The controller of a mock cell as its process, and how a server makes up for cycles it missed."""

import contextlib
import json
import socket
import struct

import msgspec
import pytest

from robotd.core.errors import ConfigError
from robotd.core.process import StopFlag, spawn
from robotd.core.process_names import CONTROLLER
from robotd.core.run_files import CONTROLLER as CONTROLLER_FILE
from robotd.core.rundir import RunDir
from robotd.modes.cell_file import write_cell
from robotd.sim.ur import process
from robotd.sim.ur.injection import Injection
from robotd.sim.ur.ports.server import PORTS, Server
from tests.sim.ur_site import Bench, Client, free_host, input_setup, output_setup, packet, packets

READY_S = 40.0


@contextlib.contextmanager
def controller_process(tmp_path, cell, name="run"):
    with RunDir.create(cell.name, base=tmp_path / name) as run:
        write_cell(cell, run.path)
        child = spawn(CONTROLLER, run.path)
        try:
            child.wait_ready(READY_S)
            yield json.loads((run.path / CONTROLLER_FILE).read_text()), child
        finally:
            child.terminate(10.0)


def test_the_process_stands_where_its_file_says_as_its_cell_says(tmp_path, mock_cell):
    with controller_process(tmp_path, mock_cell) as (about, child):
        assert about["model"] == mock_cell.arm.model
        with Injection(about["host"]) as control:
            assert control.state()["q_rad"] == pytest.approx(mock_cell.arm.home_q_rad)
            assert control.state()["robot_mode"] == "RUNNING"
        assert child.terminate(10.0) == 0


def test_two_mocks_have_two_addresses(tmp_path, mock_cell):
    with (
        controller_process(tmp_path, mock_cell, "a") as (first, _),
        controller_process(tmp_path, mock_cell, "b") as (second, _),
    ):
        assert first["host"] != second["host"]


def test_one_that_is_killed_leaves_its_address_to_the_next(tmp_path, mock_cell):
    with controller_process(tmp_path, mock_cell) as (about, child):
        child.kill()
        Server(Bench().c, about["host"]).close()


def test_one_that_is_started_again_is_where_it_was_with_a_clock_that_begins_anew(
    tmp_path, mock_cell
):
    with RunDir.create(mock_cell.name, base=tmp_path) as run:
        write_cell(mock_cell, run.path)
        first = spawn(CONTROLLER, run.path)
        first.wait_ready(READY_S)
        about = json.loads((run.path / CONTROLLER_FILE).read_text())
        with Injection(about["host"]) as control:
            before = control.state()["timestamp_s"]
        first.kill()
        second = spawn(CONTROLLER, run.path)
        try:
            second.wait_ready(READY_S)
            assert json.loads((run.path / CONTROLLER_FILE).read_text()) == about
            with Injection(about["host"]) as control:
                assert control.state()["timestamp_s"] < before + 1.0
        finally:
            second.terminate(10.0)


def test_a_real_cell_has_none(tmp_path, mock_cell):
    real = msgspec.structs.replace(mock_cell, world=None)
    with pytest.raises(ConfigError, match="only mocks have it"):
        process.main(tmp_path, real)


class Site:
    """A server in this process, whose cycles the test calls."""

    def __init__(self, stop):
        self.bench, self.stop = Bench(), stop
        self.server = Server(self.bench.c, free_host())
        self.now_ns = 0
        self.client = Client(self.server.host)
        self.pump()

    def pump(self):
        self.server.serve(self.stop, 0.5)

    def ask(self, data):
        self.client.send(data)
        self.pump()
        return self.client.packet()

    def cycle(self, cycles=1):
        self.now_ns += cycles * 2_000_000
        self.server.cycle(self.now_ns, cycles)

    def close(self):
        self.client.close()
        self.server.close()


@pytest.fixture
def site():
    with StopFlag() as stop, contextlib.closing(Site(stop)) as site:
        assert site.ask(output_setup(["timestamp", "output_int_register_5"]))[1][0] == 1
        assert site.ask(input_setup(["input_int_register_5"]))[1][0] == 1
        assert site.ask(packet("S")) == ("S", b"\x01")
        yield site


def seen_by_a_program(site):
    """Have a program run that keeps what it reads in each cycle."""
    seen = []

    def body():
        while True:
            seen.append(site.bench.c.registers.in_int[5])
            yield

    site.bench.c.start("watch", body())
    return seen


def send(site, numbers):
    site.client.send(b"".join(packet("U", struct.pack(">Bi", 1, n)) for n in numbers))


def test_packages_that_came_while_cycles_were_missed_are_taken_one_a_cycle(site):
    seen = seen_by_a_program(site)
    send(site, [1, 2, 3, 4])
    site.cycle(4)
    assert seen == [1, 2, 3, 4]
    assert site.bench.c.timestamp_s == pytest.approx(0.008)


def test_missed_cycles_without_packages_pass_at_once(site):
    seen = seen_by_a_program(site)
    send(site, [1, 2])
    site.cycle(30)
    assert seen == [1, 2]
    assert site.bench.c.timestamp_s == pytest.approx(0.060)


def test_in_a_cycle_that_is_on_time_the_newest_package_counts(site):
    seen = seen_by_a_program(site)
    send(site, [1, 2, 3])
    site.cycle()
    assert seen == [3]


def test_one_output_package_is_sent_however_many_cycles_were_missed(site):
    send(site, [1, 2, 3])
    site.cycle(10)
    site.client.socket.settimeout(0.2)
    found = packets(site.client.socket.recv(4096))
    assert [kind for kind, _ in found] == ["U"]


def test_all_ports_are_free_after_the_end(site):
    site.server.close()
    for port in PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((site.server.host, port))


@pytest.mark.parametrize("port", [29999, 30001, 30999])
def test_any_bytes_on_a_text_port_leave_the_controller_running(site, port):
    noise = bytes(range(256)) * 40 + b"\n" + b"\xff\xfe\n" * 20
    with contextlib.closing(Client(site.server.host, port)) as hostile:
        site.pump()
        hostile.send(noise)
        for _ in range(5):
            site.server.serve(site.stop, 0.05)
        site.cycle()
    assert site.client.timestamp() > 0
