"""The emulated controller as a process: its ports, and the faults that tests inject."""

import contextlib
import random
import socket
import struct
import subprocess
import sys
import time

import pytest

from robotd.core.errors import DeviceError
from robotd.sim.ur.injection import Injection
from tests.sim.ur_site import Client, emulator, input_setup, packet

FOREVER = b"def wait():\n while True:\n  sync()\n end\nend\n"
LIMIT_S = 20.0


@pytest.fixture(scope="module")
def host():
    with emulator() as address:
        yield address


@pytest.fixture
def control(host):
    with Injection(host) as control:
        yield control
        control.do("thaw")
        control.do("accept")
        control.do("mute", on=False)
        control.do("delay")
        control.do("local", on=False)
        control.do("stop")


@pytest.fixture
def client(host, control):
    with contextlib.closing(Client(host).stream()) as client:
        yield client


def wait_until(true):
    deadline = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def ended(client):
    """How the stream ended: `FIN` or `RST`."""
    try:
        while True:
            client.packet()
    except EOFError:
        return "FIN"
    except ConnectionResetError:
        return "RST"


def test_packages_come_at_the_controllers_rate(client):
    first, begin = client.timestamp(), time.monotonic()
    while client.timestamp() < first + 0.5:
        pass
    assert time.monotonic() - begin == pytest.approx(0.5, abs=0.2)


def test_a_program_uploaded_in_pieces_starts(host, control):
    with contextlib.closing(Client(host, 30003)) as script:
        for byte in FOREVER:
            script.send(bytes((byte,)))
        wait_until(lambda: control.state()["runtime"] == "PLAYING")


@pytest.mark.parametrize("port", [30001, 30002, 30003])
def test_every_script_port_takes_programs(host, control, port):
    before = control.state()["programs_n"]
    with contextlib.closing(Client(host, port)) as script:
        script.send(FOREVER)
        wait_until(lambda: control.state()["programs_n"] == before + 1)


def test_the_dashboard_greets_and_answers_line_by_line(host, control):
    with contextlib.closing(Client(host, 29999)) as dashboard:
        assert dashboard.line() == "Connected: Universal Robots Dashboard Server"
        dashboard.send(b"robotmode\nsafetymode\n")
        assert [dashboard.line(), dashboard.line()] == [
            "Robotmode: RUNNING",
            "Safetymode: NORMAL",
        ]
        dashboard.send(b"quit\n")
        assert dashboard.line() == "Disconnected"
        with pytest.raises(EOFError):
            dashboard.line()


def test_a_cut_ends_in_order(client, control):
    control.do("cut", ports=["rtde"])
    assert ended(client) == "FIN"


def test_a_cut_can_be_a_reset(client, control):
    control.do("cut", ports=["rtde"], reset=True)
    assert ended(client) == "RST"


def test_a_cut_of_one_port_leaves_the_others(host, client, control):
    with contextlib.closing(Client(host, 29999)) as dashboard:
        dashboard.line()
        control.do("cut", ports=["dashboard"])
        with pytest.raises(EOFError):
            dashboard.line()
        client.timestamp()


def test_nobody_listens_after_a_refusal_until_somebody_does_again(host, control):
    control.do("refuse", ports=["rtde"])
    with pytest.raises(ConnectionRefusedError):
        Client(host)
    Client(host, 29999).close()
    control.do("accept", ports=["rtde"])
    with contextlib.closing(Client(host).stream()) as client:
        client.timestamp()


def test_a_frozen_controller_says_nothing_and_goes_on_later(client, control):
    before = client.timestamp()
    control.do("freeze", seconds=0.3)
    begin = time.monotonic()
    last = before
    while (stamp := client.timestamp()) - last < 0.2:
        last = stamp
    assert time.monotonic() - begin >= 0.25
    assert stamp - last >= 0.29


def test_a_frozen_controller_still_accepts_and_answers_once_thawed(host, control):
    control.do("freeze")
    with contextlib.closing(Client(host)) as client:
        client.send(packet("V", b"\0\x02"))
        client.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.packet()
        client.socket.settimeout(10.0)
        control.do("thaw")
        assert client.packet() == ("V", b"\x01")


def test_a_mute_controller_hears(host, client, control):
    client.ask(input_setup(["input_int_register_30"]))
    with contextlib.closing(Client(host, 30003)) as script:
        script.send(
            b"def echo():\n while True:\n"
            b"  write_output_integer_register(30, read_input_integer_register(30))\n"
            b"  sync()\n end\nend\n"
        )
        control.do("mute", ports=["rtde"])
        client.send(packet("U", struct.pack(">Bi", 1, 77)))
        wait_until(lambda: control.state()["out_int"][30] == 77)
    client.data = b""
    client.socket.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while client.socket.recv(65536):
            pass
    time.sleep(0.05)
    with pytest.raises(BlockingIOError):
        client.socket.recv(1)


def test_delayed_packages_keep_their_order(client, control):
    control.do("delay", ports=["rtde"], seconds=0.1, jitter=0.1)
    stamps = [client.timestamp() for _ in range(150)]
    assert stamps == sorted(stamps)
    assert control.state()["timestamp_s"] - stamps[-1] >= 0.09


def test_garbage_comes_between_the_packages(client, control):
    control.do("garbage", ports=["rtde"], bytes=50, seed=3)
    garbage, seen = random.Random(3).randbytes(50), b""
    while garbage not in seen:
        seen += client.socket.recv(4096)


def test_a_restart_resets_connections_and_takes_the_clock_back(host, client, control):
    wait_until(lambda: control.state()["timestamp_s"] > 0.5)
    before = control.state()["timestamp_s"]
    control.do("restart", seconds=0.3)
    assert ended(client) == "RST"
    with pytest.raises(ConnectionRefusedError):
        Client(host)
    wait_until(lambda: control.state()["robot_mode"] == "RUNNING")
    with contextlib.closing(Client(host).stream()) as again:
        assert again.timestamp() < before + 0.3


def test_a_client_that_breaks_the_protocol_is_cut_off_alone(host, client, control):
    with contextlib.closing(Client(host)) as hostile:
        hostile.send(b"GET / HTTP/1.1\r\n\r\n\0\0\0")
        hostile.send(b"\0\0\0" * 30_000)
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            assert hostile.socket.recv(100) == b""
    client.timestamp()


def test_a_client_that_takes_nothing_does_not_hold_up_the_others(host, client, control):
    with contextlib.closing(Client(host)) as lazy:
        lazy.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.stream("timestamp,actual_q,actual_qd,target_q,actual_TCP_pose")
        first = client.timestamp()
        while client.timestamp() < first + 1.0:
            pass


def test_a_client_that_leaves_frees_its_inputs(host, client, control):
    with contextlib.closing(Client(host)) as owner:
        assert owner.ask(input_setup(["input_int_register_40"]))[1][0] == 1
        other = Client(host)
        assert other.ask(input_setup(["input_int_register_40"])) == ("I", b"\0IN_USE")
    wait_until(lambda: other.ask(input_setup(["input_int_register_40"]))[1][0] == 1)
    other.close()


def test_inputs_of_a_fieldbus_are_in_use(host, control):
    control.do("claim", names=["input_int_register_41"])
    with contextlib.closing(Client(host)) as client:
        assert client.ask(input_setup(["input_int_register_41"])) == ("I", b"\0IN_USE")


def test_conditions_come_and_go(control):
    for op, mode in (
        ("safeguard", "SAFEGUARD_STOP"),
        ("reduced", "REDUCED"),
        ("recovery", "RECOVERY"),
    ):
        control.do(op)
        assert control.state()["safety_mode"] == mode
        control.do(op, on=False)
        assert control.state()["safety_mode"] == "NORMAL"


def test_another_identity_is_told(host, control):
    control.do("identity", serial="999", model="ur10e")
    with contextlib.closing(Client(host, 29999)) as dashboard:
        dashboard.line()
        dashboard.send(b"get serial number\nget robot model\n")
        assert [dashboard.line(), dashboard.line()] == ["999", "UR10"]
    control.do("identity", serial="20225500001", model="ur5e")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"op": "no_such"}, "expected one of"),
        ({"op": "slider", "fraction": 2}, "fraction"),
        ({"op": "cut", "ports": ["x"]}, "ports"),
        ({"op": "block", "joints": [6]}, "joints"),
        ({"op": "cut", "nonsense": 1}, "nonsense"),
        ({"op": "identity", "version": "x"}, "version"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_in_a_sentence(control, words, said):
    with pytest.raises(DeviceError, match=said):
        control.do(**words)


def test_events_have_the_time_of_this_computer(control):
    number = control.events()[-1]["n"] + 1
    before = time.monotonic_ns()
    control.do("protective_stop")
    control.do("restart")
    found = control.events(number)
    assert [e["what"] for e in found][:1] == ["protective_stop"]
    assert before <= found[0]["t_ns"] <= time.monotonic_ns()
    wait_until(lambda: control.state()["robot_mode"] == "RUNNING")


def test_a_second_controller_on_the_same_address_is_refused(host):
    command = [sys.executable, "-m", "robotd.cli", "sim", "ur", "--address", host]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert b"is another controller there?" in done.stderr
    assert b"Traceback" not in done.stderr


def test_the_command_takes_model_and_version_and_ends_with_a_signal():
    with emulator("ur5", "3.14") as host, contextlib.closing(Client(host)) as client:
        _, payload = client.ask(packet("v"))
        assert struct.unpack(">4I", payload)[:2] == (3, 14)
        begin = client.stream().timestamp()
        stamps = [client.timestamp() for _ in range(10)]
    assert stamps[-1] - begin == pytest.approx(0.08, abs=0.03)


def test_several_stand_side_by_side(host, client):
    with emulator("ur5") as other, contextlib.closing(Client(other).stream()) as beside:
        assert beside.timestamp() > 0
        assert client.timestamp() > 0
        with Injection(other) as control:
            control.do("freeze")
            client.timestamp()
