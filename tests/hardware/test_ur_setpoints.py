"""The setpoint channel against a scripted controller on the loopback."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robotd.core.errors import DeviceError
from robotd.core.script_codes import ScriptRegisters, ScriptState
from robotd.hardware.rtde_wire import LARGEST_PACKET, Packet, PacketCutter, packet
from robotd.hardware.ur_setpoints import SetpointChannel

OUTPUT_TYPES = "DOUBLE,UINT32,UINT32,UINT32,INT32,INT32"
INPUT_TYPES = "INT32,DOUBLE,DOUBLE,DOUBLE,DOUBLE,DOUBLE,DOUBLE"
HOME = np.array([0.1, -1.5, 1.4, -1.3, -1.2, 0.5])


class ScriptedController:
    """Answers the set-up as told, then hands its end of the connection to the test."""

    def __init__(self, **answers: bytes | None):
        self.answers = {
            "V": b"\1",
            "v": struct.pack(">IIII", 5, 13, 0, 1),
            "O": b"\7" + OUTPUT_TYPES.encode(),
            "I": b"\3" + INPUT_TYPES.encode(),
            "S": b"\1",
            **answers,
        }
        self.asked: dict[str, bytes] = {}
        self.wire: socket.socket | None = None
        self.wires: list[socket.socket] = []
        self.ready = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        with suppress(OSError):
            while True:
                wire, _ = self.listener.accept()
                wire.settimeout(10)
                self.ready.clear()
                self.wire = wire
                self.wires.append(wire)
                with suppress(OSError, struct.error):
                    self._set_up(wire)

    def _set_up(self, wire):
        while True:
            size, kind = struct.unpack(">HB", wire.recv(3, socket.MSG_WAITALL))
            self.asked[chr(kind)] = wire.recv(size - 3, socket.MSG_WAITALL) if size > 3 else b""
            answer = self.answers[chr(kind)]
            if answer is not None:
                wire.sendall(packet(Packet.TEXT, b"\5hello\0\0") + packet(Packet(kind), answer))
            if kind == Packet.START:
                self.ready.set()
                return

    def report(self, t_s=1.0, state=2, number=42, recipe_id=7):
        layout = struct.pack(">dIIIii", t_s, 2, 3, 1, number, state)
        return packet(Packet.DATA, bytes([recipe_id]) + layout)

    def close(self):
        self.listener.close()
        for wire in self.wires:
            wire.close()


@pytest.fixture
def controller() -> Iterator[ScriptedController]:
    controller = ScriptedController()
    yield controller
    controller.close()


@pytest.fixture
def channel(controller) -> Iterator[SetpointChannel]:
    with channel_to(controller) as channel:
        assert controller.ready.wait(5)
        yield channel


def channel_to(controller, **options) -> SetpointChannel:
    return SetpointChannel(
        "127.0.0.1", rate_hz=500.0, port=controller.port, **{"timeout_s": 5.0, **options}
    )


def poll_until_something(channel):
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        report = channel.poll()
        if report is not None:
            return report
    raise AssertionError("nothing came within 5 s")


def poll_until_error(channel) -> str:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            channel.poll()
        except DeviceError as error:
            return str(error)
    raise AssertionError("no error within 5 s")


def send_until_refused(channel):
    for number in range(1_000_000):
        channel.send(number, HOME)


def refusal(**answers) -> str:
    controller = ScriptedController(**answers)
    with pytest.raises(DeviceError) as caught:
        channel_to(controller, timeout_s=0.3).connect()
    controller.close()
    return str(caught.value)


def test_it_asks_for_the_protocol_the_recipes_and_the_rate_then_starts(channel, controller):
    assert controller.asked["V"] == b"\0\2"
    assert controller.asked["O"] == struct.pack(">d", 500.0) + (
        b"timestamp,runtime_state,robot_status_bits,safety_status_bits,"
        b"output_int_register_24,output_int_register_25"
    )
    assert controller.asked["I"] == b"input_int_register_24," + b",".join(
        b"input_double_register_%d" % i for i in range(24, 30)
    )
    assert channel.version == (5, 13, 0, 1)
    assert channel.connected


def test_the_lower_registers_are_asked_for_when_configured(controller):
    with channel_to(controller, registers=ScriptRegisters(base=0)):
        assert controller.asked["I"].startswith(b"input_int_register_0,input_double_register_0,")
        assert controller.asked["O"].endswith(b"output_int_register_0,output_int_register_1")


def test_number_and_joints_travel_in_one_packet(channel, controller):
    channel.send(12345, HOME)
    size = 3 + 1 + 4 + 48
    data = controller.wire.recv(size, socket.MSG_WAITALL)
    assert data == struct.pack(">HBBi6d", size, 85, 3, 12345, *HOME)


def test_the_newest_of_several_reports_is_kept(channel, controller):
    controller.wire.sendall(controller.report(1.0, number=41) + controller.report(1.002, number=42))
    report = poll_until_something(channel)
    while report.acknowledged == 41:
        report = poll_until_something(channel)
    assert (report.timestamp_s, report.acknowledged) == (1.002, 42)
    assert report.state is ScriptState.FOLLOWING
    assert (report.runtime_state, report.robot_status_bits, report.safety_status_bits) == (2, 3, 1)


def test_nothing_new_is_none(channel):
    assert channel.poll() is None


def test_half_a_report_waits_for_its_other_half(channel, controller):
    data = controller.report(2.5)
    controller.wire.sendall(data[:11])
    assert channel.poll() is None
    controller.wire.sendall(data[11:])
    assert poll_until_something(channel).timestamp_s == 2.5


def test_texts_of_the_controller_are_passed_over(channel, controller):
    controller.wire.sendall(packet(Packet.TEXT, b"\2hi\0\0") + controller.report(3.0))
    assert poll_until_something(channel).timestamp_s == 3.0


def test_a_state_that_no_script_of_ours_writes_is_none(channel, controller):
    controller.wire.sendall(controller.report(state=-77))
    assert poll_until_something(channel).state is ScriptState.NONE


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (INPUT_TYPES.replace("INT32", "IN_USE"), ["input_int_register_24 is written by another"]),
        (
            ",".join(["IN_USE"] * 2 + ["DOUBLE"] * 5),
            ["input_int_register_24 and input_double_register_24 are", "arm.ur.register_base"],
        ),
        (
            ",".join(["NOT_FOUND"] * 7),
            ["does not know input_int_register_24, input_double", "PolyScope 3.9 or 5.3"],
        ),
        (INPUT_TYPES.replace("INT32", "UINT32"), ["input_int_register_24 is 'UINT32'"]),
        ("INT32,DOUBLE", ["7 variables were asked for"]),
    ],
)
def test_registers_that_cannot_be_had_are_named_in_one_sentence(answer, words):
    message = refusal(I=b"\0" + answer.encode())
    assert all(word in message for word in words)
    assert "\n" not in message


def test_an_output_that_the_controller_does_not_know_is_named():
    types = OUTPUT_TYPES.replace("INT32", "NOT_FOUND")
    message = refusal(O=b"\1" + types.encode())
    assert "output_int_register_24 and output_int_register_25" in message


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"V": b"\0"}, "does not speak version 2"),
        ({"S": b"\0"}, "refused to start"),
        ({"v": b"\0\1"}, "2 bytes, not 16"),
        ({"O": b""}, "6 variables were asked for"),
    ],
)
def test_other_refusals_are_one_sentence(answers, words):
    assert words in refusal(**answers)


@pytest.mark.parametrize("silent_at", ["V", "v", "O", "I", "S"])
def test_a_controller_that_falls_silent_is_given_up_in_time(silent_at):
    start = time.monotonic()
    message = refusal(**{silent_at: None})
    assert "no connection within 0.3 s" in message
    assert time.monotonic() - start < 2.0


def test_a_controller_that_talks_without_answering_is_given_up_in_time():
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def chatter():
        wire, _ = listener.accept()
        with suppress(OSError):
            while not stop.wait(0.0005):
                wire.sendall(packet(Packet.TEXT, b"\1a\0\0"))
        wire.close()

    thread = threading.Thread(target=chatter)
    thread.start()
    channel = SetpointChannel(
        "127.0.0.1", rate_hz=125.0, port=listener.getsockname()[1], timeout_s=0.3
    )
    start = time.monotonic()
    with pytest.raises(DeviceError, match=r"within 0\.3 s"):
        channel.connect()
    assert time.monotonic() - start < 2.0
    stop.set()
    thread.join()
    listener.close()


def test_nobody_there_is_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    channel = SetpointChannel("127.0.0.1", rate_hz=125.0, port=port, timeout_s=1.0)
    with pytest.raises(DeviceError, match=r"127\.0\.0\.1:\d+: no connection within 1 s"):
        channel.connect()
    assert not channel.connected


def test_a_closed_connection_is_an_error_and_stays_closed(channel, controller):
    controller.wire.close()
    assert "closed the connection" in poll_until_error(channel)
    assert not channel.connected
    with pytest.raises(DeviceError, match="not connected"):
        channel.poll()
    with pytest.raises(DeviceError, match="not connected"):
        channel.send(1, HOME)


def test_a_reset_connection_is_an_error(channel, controller):
    controller.wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    controller.wire.close()
    assert "the connection is gone" in poll_until_error(channel)


def test_sending_into_a_reset_connection_is_an_error(channel, controller):
    controller.wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    controller.wire.close()
    with pytest.raises(DeviceError, match="the connection is gone"):
        send_until_refused(channel)


def test_it_reconnects_only_when_told(channel, controller):
    controller.wire.close()
    poll_until_error(channel)
    channel.connect()
    assert controller.ready.wait(5)
    controller.wire.sendall(controller.report(9.0))
    assert poll_until_something(channel).timestamp_s == 9.0


def test_bytes_of_before_a_reconnect_are_forgotten(channel, controller):
    controller.wire.sendall(controller.report()[:9])
    channel.poll()
    channel.connect()
    assert controller.ready.wait(5)
    controller.wire.sendall(controller.report(4.0))
    assert poll_until_something(channel).timestamp_s == 4.0


def test_a_controller_that_reads_nothing_is_an_error_not_a_wait(channel):
    start = time.monotonic()
    with pytest.raises(DeviceError, match="its buffer is full"):
        send_until_refused(channel)
    assert time.monotonic() - start < 20.0
    assert not channel.connected


@pytest.mark.parametrize(
    "q", [np.full(6, np.nan), np.array([0, 0, np.inf, 0, 0, 0.0]), np.zeros(5), np.zeros((2, 3))]
)
def test_what_is_not_six_finite_joints_never_reaches_the_wire(channel, controller, q):
    with pytest.raises(DeviceError, match="not six finite numbers"):
        channel.send(1, q)
    assert controller.wire.recv(1) == b""


def data_packet(size: int, recipe_id: int) -> bytes:
    return packet(Packet.DATA, bytes([recipe_id]) + bytes(size - 1))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\0\0U", "a packet of 0 bytes"),
        (b"\0\2U", "a packet of 2 bytes"),
        (struct.pack(">HB", LARGEST_PACKET + 1, 85), "a packet of 4097 bytes"),
        (b"HTTP/1.1 400", "a packet of 18516 bytes, type 84: garbage"),
        (struct.pack(">HB", 20, 200), "type 200: garbage"),
        (data_packet(28, 7), "a data packet of 28 bytes, recipe 7; expected 29 bytes"),
        (data_packet(30, 7), "a data packet of 30 bytes"),
        (data_packet(29, 6), "recipe 6; expected 29 bytes, recipe 7"),
        (packet(Packet.DATA), "a data packet of 0 bytes, recipe missing"),
        (packet(Packet.START, b"\1"), "type 83 came unasked"),
    ],
)
def test_bytes_that_no_controller_sends_are_an_error(channel, controller, data, words):
    controller.wire.sendall(data)
    assert words in poll_until_error(channel)
    assert not channel.connected


def test_a_timestamp_that_is_no_number_is_an_error(channel, controller):
    controller.wire.sendall(controller.report(float("nan")))
    assert "timestamp is nan" in poll_until_error(channel)


def test_a_flood_cannot_hold_a_poll(channel, controller):
    flood = controller.report() * 4000

    def pour():
        with suppress(OSError):
            while True:
                controller.wire.sendall(flood)

    controller.wire.settimeout(0.5)
    thread = threading.Thread(target=pour)
    thread.start()
    slowest_s, deadline = 0.0, time.monotonic() + 0.3
    with suppress(DeviceError):  # more than 1 MiB at once
        while time.monotonic() < deadline:
            start = time.monotonic()
            channel.poll()
            slowest_s = max(slowest_s, time.monotonic() - start)
    assert slowest_s < 1.0
    channel.close()
    thread.join()


PACKETS = st.lists(st.tuples(st.sampled_from(list(Packet)), st.binary(max_size=60)), max_size=8)


@given(PACKETS, st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_packets_come_out_the_same_however_the_stream_is_cut(packets, cuts):
    stream = b"".join(packet(kind, payload) for kind, payload in packets)
    cutter, found, at, n = PacketCutter(), [], 0, 0
    while at < len(stream):
        step = cuts[n % len(cuts)]
        cutter.feed(stream[at : at + step])
        at, n = at + step, n + 1
        while (one := cutter.next()) is not None:
            found.append(one)
    assert found == [(int(kind), payload) for kind, payload in packets]


@given(st.binary(max_size=300))
def test_any_bytes_end_in_packets_or_one_error(data):
    cutter = PacketCutter()
    cutter.feed(data)
    with suppress(DeviceError):
        for _ in range(len(data) + 1):
            if cutter.next() is None:
                break
        else:
            raise AssertionError("more packets than bytes")
