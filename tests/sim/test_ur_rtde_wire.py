"""RTDE of the emulated controller, byte by byte."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robotd.core.errors import WireError
from robotd.sim.ur.ports.fields import INPUTS, OUTPUTS
from robotd.sim.ur.ports.rtde_wire import Level
from tests.sim.ur_site import Bench, input_setup, output_setup, packet, packets


def taken(session):
    found = packets(session.out)
    session.out.clear()
    return found


def asked(session, data):
    session.receive(data)
    return taken(session)


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def session(bench):
    return bench.session()


def test_version_two_is_accepted(session):
    assert asked(session, packet("V", b"\0\x02")) == [("V", b"\x01")]


@pytest.mark.parametrize("version", [b"\0\x01", b"\0\x03", b""])
def test_another_version_is_refused(session, version):
    assert asked(session, packet("V", version)) == [("V", b"\0")]


def test_the_controllers_version_is_four_numbers():
    session = Bench(version="5.9.1.1031110").session()
    [(kind, payload)] = asked(session, packet("v"))
    assert (kind, struct.unpack(">4I", payload)) == ("v", (5, 9, 1, 1031110))


def test_outputs_are_answered_with_a_recipe_and_their_types(session):
    answer = asked(session, output_setup(["timestamp", "actual_q", "joint_mode", "robot_mode"]))
    assert answer == [("O", b"\x01DOUBLE,VECTOR6D,VECTOR6INT32,INT32")]


def test_a_comma_at_the_end_of_a_recipe_names_nothing(session):
    assert asked(session, output_setup(["timestamp", ""])) == [("O", b"\x01DOUBLE")]


def test_an_unknown_output_is_not_found_and_nothing_starts(session):
    assert asked(session, output_setup(["timestamp", "no_such"])) == [("O", b"\0DOUBLE,NOT_FOUND")]
    assert asked(session, packet("S")) == [("S", b"\0")]


@pytest.mark.parametrize(
    ("version", "name", "there"),
    [
        ("3.15", "tcp_offset", False),
        ("5.7", "tcp_offset", False),
        ("5.8", "tcp_offset", True),
        ("5.8", "ft_raw_wrench", False),
        ("5.9", "ft_raw_wrench", True),
        ("5.22", "actual_current_as_torque", False),
        ("5.23", "actual_current_as_torque", True),
        ("3.10", "payload", False),
        ("3.11", "payload", True),
        ("3.14", "payload_inertia", False),
        ("3.15", "payload_inertia", True),
        ("3.8", "output_int_register_24", False),
        ("3.9", "output_int_register_24", True),
        ("5.2", "output_double_register_47", False),
        ("5.3", "output_double_register_47", True),
        ("5.13", "output_double_register_48", False),
    ],
)
def test_an_output_is_there_from_its_version_on(version, name, there):
    model = "ur5" if version.startswith("3") else "ur5e"
    [(_, payload)] = asked(Bench(model, version).session(), output_setup([name]))
    assert (payload[0] == 1) == there


@pytest.mark.parametrize("model", ["ur5", "ur5e"])
def test_every_output_of_the_newest_version_is_sent_with_its_length(model):
    version = "3.15" if model == "ur5" else "5.26"
    bench = Bench(model, version)
    session = bench.session()
    names = [name for name, field in OUTPUTS.items() if field.known(bench.c.version)]
    session.receive(output_setup(names) + packet("S"))
    taken(session)
    bench.cycle()
    [(kind, payload)] = taken(session)
    formats = {"DOUBLE": "d", "VECTOR6D": "6d", "VECTOR3D": "3d", "INT32": "i", "UINT32": "I"}
    formats |= {"UINT64": "Q", "VECTOR6INT32": "6i", "BOOL": "?"}
    expected = struct.calcsize(">B" + "".join(formats[OUTPUTS[name].kind] for name in names))
    assert (kind, len(payload)) == ("U", expected)


@pytest.mark.parametrize(("hz", "sent"), [(500.0, 100), (1000.0, 100), (125.0, 25), (30.0, 6)])
def test_packages_are_sent_at_the_frequency_asked_for(bench, session, hz, sent):
    session.receive(output_setup(["timestamp"], hz) + packet("S"))
    taken(session)
    bench.cycle(100)
    assert abs(len(taken(session)) - sent) <= 1


@pytest.mark.parametrize("hz", [0.0, -1.0, float("nan")])
def test_a_frequency_that_is_none_is_refused(session, hz):
    [(_, payload)] = asked(session, output_setup(["timestamp"], hz))
    assert payload[0] == 0


def test_the_timestamp_grows_by_a_period_a_package(bench, session):
    session.receive(output_setup(["timestamp"]) + packet("S"))
    taken(session)
    bench.cycle(5)
    times = [struct.unpack_from(">d", payload, 1)[0] for _, payload in taken(session)]
    assert times == pytest.approx([0.002, 0.004, 0.006, 0.008, 0.010])


def test_pause_ends_the_packages_until_start(bench, session):
    session.receive(output_setup(["timestamp"]) + packet("S"))
    bench.cycle()
    taken(session)
    assert asked(session, packet("P")) == [("P", b"\x01")]
    bench.cycle(3)
    assert taken(session) == []
    session.receive(packet("S"))
    bench.cycle()
    assert [kind for kind, _ in taken(session)] == ["S", "U"]


def test_start_without_outputs_is_refused(session):
    assert asked(session, packet("S")) == [("S", b"\0")]


def test_input_recipes_are_numbered_in_their_order(session):
    assert asked(session, input_setup(["input_int_register_24"])) == [("I", b"\x01INT32")]
    names = ["input_int_register_24", "input_double_register_24"]
    assert asked(session, input_setup(names)) == [("I", b"\x02INT32,DOUBLE")]


def test_an_unknown_input_is_not_found_and_claims_nothing(bench, session):
    answer = asked(session, input_setup(["input_int_register_0", "input_int_register_48"]))
    assert answer == [("I", b"\0INT32,NOT_FOUND")]
    assert asked(bench.session(), input_setup(["input_int_register_0"])) == [("I", b"\x01INT32")]


def test_an_input_belongs_to_one_client_until_it_leaves(bench, session):
    other = bench.session()
    session.receive(input_setup(["input_int_register_24", "input_double_register_0"]))
    assert asked(other, input_setup(["input_double_register_0"])) == [("I", b"\0IN_USE")]
    session.close()
    assert asked(other, input_setup(["input_double_register_0"])) == [("I", b"\x01DOUBLE")]


def test_an_input_of_a_fieldbus_is_in_use(bench, session):
    bench.c.owners.reserve(["input_int_register_24"])
    assert asked(session, input_setup(["input_int_register_24"])) == [("I", b"\0IN_USE")]


@pytest.mark.parametrize("base", [0, 23, 24, 47])
def test_registers_of_both_ranges_are_written_in_one_package(bench, session, base):
    names = [f"input_int_register_{base}", f"input_double_register_{base}"]
    session.receive(input_setup(names))
    session.receive(packet("U", struct.pack(">Bid", 1, -7, 2.5)))
    assert bench.c.registers.in_int[base] == 0
    bench.cycle()
    assert (bench.c.registers.in_int[base], bench.c.registers.in_double[base]) == (-7, 2.5)


def test_bits_and_outputs_are_set_by_their_masks(bench, session):
    names = ["standard_digital_output_mask", "standard_digital_output", "speed_slider_mask"]
    names += ["speed_slider_fraction", "input_bit_registers0_to_31", "input_bit_register_64"]
    session.receive(input_setup(names))
    session.receive(packet("U", struct.pack(">BBBIdI?", 1, 0b1010, 0b0110, 1, 0.25, 4, True)))
    bench.cycle()
    assert bench.c.digital_outputs == 0b0010
    assert bench.c.slider == 0.25
    assert [bench.c.registers.in_bit(i) for i in (1, 2, 64, 65)] == [False, True, True, False]


def test_every_input_can_be_set(bench):
    bench = Bench(version="5.26")
    session = bench.session()
    for name in INPUTS:
        [(_, payload)] = asked(session, input_setup([name]))
        assert payload[0] > 0, name


def test_a_package_of_a_recipe_that_is_not_there_is_answered_in_words(bench, session):
    session.receive(output_setup(["timestamp"]) + packet("S"))
    taken(session)
    [(kind, payload)] = asked(session, packet("U", b"\x05\0\0\0\0"))
    length = payload[0]
    assert (kind, payload[1 : 1 + length]) == (
        "M",
        b"input package of recipe 5, which there is not",
    )
    assert payload[-1] == Level.WARNING


def test_a_short_package_changes_nothing(bench, session):
    session.receive(output_setup(["timestamp"]) + packet("S"))
    session.receive(input_setup(["input_int_register_0", "input_double_register_0"]))
    taken(session)
    [(kind, _)] = asked(session, packet("U", struct.pack(">Bi", 1, 9)))
    bench.cycle()
    assert (kind, bench.c.registers.in_int[0]) == ("M", 0)


def test_a_long_message_is_cut_to_what_its_length_can_say(session):
    session.receive(output_setup(["timestamp"]) + packet("S"))
    taken(session)
    session.say("x" * 400, Level.ERROR)
    [(_, payload)] = taken(session)
    assert (payload[0], payload[1:256]) == (255, b"x" * 255)


def test_a_client_that_is_not_started_is_told_nothing(session):
    session.say("hello", Level.INFO)
    assert taken(session) == []


def test_packets_may_come_in_any_pieces(session):
    data = packet("V", b"\0\x02") + output_setup(["timestamp"]) + packet("S")
    for byte in data:
        session.receive(bytes((byte,)))
    assert [kind for kind, _ in taken(session)] == ["V", "O", "S"]


@pytest.mark.parametrize("data", [b"\0\0\x56", b"\0\x02\x56", packet("Q"), packet("O", b"abc")])
def test_what_is_not_rtde_ends_the_connection(session, data):
    with pytest.raises(WireError):
        session.receive(data)


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_no_bytes_do_more_than_end_the_connection(pieces):
    bench = Bench()
    session = bench.session()
    session.receive(input_setup(["input_int_register_0"]))
    try:
        for piece in pieces:
            session.receive(piece)
    except WireError:
        return
    bench.cycle()
