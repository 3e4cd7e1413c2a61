"""The stop path and the one-time questions, against sockets that a test answers by hand."""

import contextlib
import socket
import struct
import threading
import time

import pytest

from robotd.core.errors import DeviceError
from robotd.hardware import ur_stop
from robotd.hardware.ur_ask import ask
from robotd.hardware.ur_stop import StopPath
from tests.sim.ur_site import free_host

GREETING = b"Connected: Universal Robots Dashboard Server\n"


@contextlib.contextmanager
def listeners(host, *ports):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(socket.create_server((host, port))) for port in ports]


@contextlib.contextmanager
def answering(server, answer):
    """Serve one connection by `answer` in a thread."""

    def serve():
        with contextlib.suppress(OSError):
            wire, _ = server.accept()
            with wire:
                answer(wire)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        thread.join(10)


@contextlib.contextmanager
def opened_stop_path():
    """A stop path with the test's ends of both connections."""
    host = free_host()
    path = StopPath(host, deceleration_rad_s2=5.0, timeout_s=2.0)
    with listeners(host, ur_stop.DASHBOARD_PORT, ur_stop.SCRIPT_PORT) as (dashboard, scripts):
        with answering(dashboard, lambda wire: wire.sendall(GREETING) or ends.append(wire.dup())):
            ends = []
            path.open()
        ends.append(scripts.accept()[0])
        for end in ends:
            end.settimeout(5.0)
        try:
            yield path, *ends
        finally:
            path.close()
            for end in ends:
                end.close()


def test_stop_is_said_over_both_connections():
    with opened_stop_path() as (path, dashboard, scripts):
        assert path.stop()

        assert dashboard.recv(100) == b"stop\n"
        assert scripts.recv(200) == b"def robotd_stop():\n  stopj(5.000)\nend\n"


def test_one_dead_connection_leaves_the_other():
    with opened_stop_path() as (path, dashboard, scripts):
        dashboard.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        dashboard.close()
        time.sleep(0.05)

        assert path.stop()
        assert b"stopj" in scripts.recv(200)


def test_a_stop_path_that_is_gone_says_so_and_raises_nothing():
    with opened_stop_path() as (path, dashboard, scripts):
        for end in (dashboard, scripts):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()
        time.sleep(0.05)

        assert not path.stop()
        path.drain()
    assert not path.opened
    assert not path.stop()


@pytest.mark.parametrize("reset", [False, True])
def test_connections_that_the_controller_ended_are_no_way_to_stop_it(reset):
    with opened_stop_path() as (path, dashboard, scripts):
        for end in (dashboard, scripts):
            if reset:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()
        time.sleep(0.05)
        for _ in range(40):  # the greeting's rest comes first
            path.drain()

        assert not path.opened
        assert not path.stop()


def test_what_the_controller_streams_is_dropped_without_waiting():
    with opened_stop_path() as (path, _, scripts):
        scripts.setblocking(False)
        streamed = 0
        for _ in range(4000):
            with contextlib.suppress(BlockingIOError):
                streamed += scripts.send(b"\0" * 60_000)
            path.drain()

        assert streamed > 8_000_000  # more than any buffer holds


def test_a_stop_path_that_nobody_answers_is_refused_in_time():
    host = free_host()
    path = StopPath(host, deceleration_rad_s2=5.0, timeout_s=0.2)
    with listeners(host, ur_stop.DASHBOARD_PORT, ur_stop.SCRIPT_PORT):
        began = time.monotonic()
        with pytest.raises(DeviceError, match="the stop path could not be opened"):
            path.open()
        assert time.monotonic() - began < 3.0
    with pytest.raises(DeviceError, match="the stop path could not be opened"):
        path.open()


def packet(kind, payload=b""):
    return struct.pack(">HB", 3 + len(payload), kind) + payload


def ask_of(answers, outputs=("timestamp",), timeout_s=1.0, **more):
    """Ask a controller that gives those answers, whatever it is asked."""
    host = free_host()

    def serve(wire):
        for answer in answers:
            wire.recv(1000)
            wire.sendall(answer)
        while wire.recv(1000):
            pass

    with listeners(host, 30004) as (server,), answering(server, serve):
        return ask(host, outputs, rate_hz=125.0, timeout_s=timeout_s, **more)


HELLO = (packet(86, b"\1"), packet(118, struct.pack(">4I", 5, 13, 1, 7)))


def data(*values, layout):
    return packet(85, struct.pack(">B" + layout, 1, *values))


def test_outputs_that_are_not_known_are_left_out():
    found = ask_of(
        [
            *HELLO,
            packet(79, b"\1DOUBLE,NOT_FOUND,VECTOR6D"),
            packet(79, b"\1DOUBLE,VECTOR6D"),
            packet(83, b"\1")
            + data(1.5, *range(6), layout="d6d")
            + data(2.5, *range(6), layout="d6d"),
        ],
        ("timestamp", "tcp_offset", "actual_q"),
        samples_n=2,
    )

    assert found.version == (5, 13, 1, 7)
    assert found.samples[1] == {"timestamp": (2.5,), "actual_q": (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)}


def test_texts_on_the_way_are_dropped():
    text = packet(77, b"\5hello\3src\2")

    found = ask_of(
        [*HELLO, text + packet(79, b"\1DOUBLE"), packet(83, b"\1") + text + data(3.0, layout="d")]
    )

    assert found.samples == ({"timestamp": (3.0,)},)


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ([packet(86, b"\0")], "does not speak RTDE"),
        ([HELLO[0], packet(118, b"123")], "another length"),
        ([*HELLO, packet(79, b"\1DOUBLE,DOUBLE")], "asked for, got 2"),
        ([*HELLO, packet(79, b"\1DOUBLE"), packet(83, b"\0")], "refused to start"),
        ([*HELLO, packet(79, b"\1DOUBLE"), packet(83, b"\1") + data(1, layout="i")], "5 bytes"),
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "garbage"),
        ([], "no answer within 0.3 s"),
        ([*HELLO, packet(79, b"\1DOUBLE"), packet(83, b"\1")], "no answer within 0.3 s"),
    ],
)
def test_what_is_no_controller_is_a_sentence(answers, says):
    with pytest.raises(DeviceError, match=says) as caught:
        ask_of(answers, timeout_s=0.3)
    assert "\n" not in str(caught.value)


def test_nobody_there_is_a_sentence():
    with pytest.raises(DeviceError, match=r"no connection to .* \(Connection refused\)"):
        ask(free_host(), ("timestamp",), rate_hz=125.0)
