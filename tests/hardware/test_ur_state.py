"""From the library's newest packet to a state."""

import numpy as np
import pytest

from robotd.core.arm_model import kinematics_of
from robotd.core.clock import MS, FakeClock, MonoNs
from robotd.core.config import ArmConfig, Pose
from robotd.core.errors import DeviceError
from robotd.hardware.ur_state import StateReader
from tests.hardware.ur_fakes import FakeSource, six

CONFIG = ArmConfig(
    kind="ur", model="ur5e", tool=Pose(position_m=(0.0, 0.0, 0.13)), home_q_rad=(0.0,) * 6
)


@pytest.fixture
def source():
    return FakeSource()


@pytest.fixture
def clock():
    return FakeClock(MonoNs(10**9))


@pytest.fixture
def reader(source, clock):
    return StateReader(source, kinematics_of(CONFIG), clock)


def read(reader, **more):
    return reader.read(**({"running": True, "settled": True} | more))


def test_a_state_holds_what_the_packet_says(reader, source):
    source.scaling, source.slider, source.safety_bits = 0.8, 0.5, 0x404

    state = read(reader)

    assert state.q_rad.tolist() == six(0.1)
    assert state.force_n.tolist() == six(1.0)
    assert state.current_a.tolist() == six(0.5)  # 2.5 A measured, 2.0 A expected
    assert state.speed_scaling == pytest.approx(0.4)
    assert (state.safety_bits, state.robot_mode, state.runtime_state) == (0x404, 7, 2)
    assert np.allclose(state.T_base_tcp, kinematics_of(CONFIG).fk(np.full(6, 0.1)))


def test_without_a_new_packet_it_is_the_same_state_of_the_same_instant(reader, clock):
    first = read(reader)
    clock.advance(500 * MS)

    assert read(reader) is first


def test_whether_the_script_follows_is_told_without_a_new_packet(reader):
    assert read(reader).program_running
    assert not read(reader, running=False).program_running


def test_a_state_is_dated_by_the_controllers_own_time(reader, source, clock):
    first = read(reader)
    source.timestamp_s += 0.002
    clock.advance(7 * MS)  # the reader was held up for 5 ms

    assert read(reader).t_ns - first.t_ns == 2 * MS


def test_a_packet_that_comes_while_one_is_read_does_not_mix_with_it(reader, source):
    source.torn_n = 1

    state = read(reader)

    assert source.timestamp_s == pytest.approx(100.002)
    assert state.q_rad.tolist() == pytest.approx(six(0.101))
    assert read(reader) is state


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("q", [0.0] * 5, "without six joints"),
        ("q", [], "without six joints"),
        ("q", six("nan"), "not finite"),
        ("force", six("inf"), "not finite"),
        ("slider", float("nan"), "not finite"),
        ("timestamp_s", float("inf"), "not finite"),
    ],
)
def test_what_is_no_state_is_refused(reader, source, field, value, says):
    setattr(source, field, value)

    with pytest.raises(DeviceError, match=says):
        read(reader)


def test_time_that_goes_back_is_counted_as_a_restart(reader, source, clock):
    read(reader)
    clock.advance(2 * MS)
    source.timestamp_s = 0.5
    read(reader)

    assert reader.restarts_n == 1


def test_a_library_that_has_no_state_is_an_error_of_the_device(reader, source):
    read(reader)

    def nothing():
        raise RuntimeError("unable to get state data for specified key: actual_q\n")

    source.getActualQ, source.timestamp_s = nothing, 101.0
    with pytest.raises(DeviceError, match="actual_q"):
        read(reader)
