"""When the driver does not take hold of a controller: another has it, or its states are old."""

import time

import pytest

from robotd.core.arm_codes import ArmFault, ArmPhase
from robotd.core.clock import SystemClock
from robotd.core.config import UrConfig
from robotd.core.errors import DeviceError
from robotd.hardware.ur import UrArm, UrRtde
from tests.hardware.ur_bench import ENVELOPE, config_of, connected
from tests.sim.ur_site import emulator

pytestmark = pytest.mark.usefixtures("_quiet")


@pytest.fixture
def _quiet(capfd):
    """The library prints; a test that fails shows it."""
    yield
    capfd.readouterr()


@pytest.fixture(scope="module")
def e_series():
    with emulator("ur5e") as host:
        yield host, "ur5e"


@pytest.mark.parametrize("base", [24, 0])
def test_a_second_arm_process_is_refused_and_disturbs_nothing(e_series, base):
    host, model = e_series
    ur = UrConfig(register_base=base)
    second = UrArm(
        config_of(model, ur=ur),
        ENVELOPE,
        SystemClock(),
        find_host=lambda: host,
        gap_fault_s=0.4,
        library=UrRtde(),
    )
    with second, connected(host, model) as bench:
        bench.moving()
        with pytest.raises(DeviceError, match="playing, expected stopped"):
            second.engage()
        second.read()
        ticks = bench.run(0.5)

    assert {tick.fault for tick in ticks} == {ArmFault.NONE}
    assert ticks[-1].phase is ArmPhase.FOLLOWING


class StillLibrary(UrRtde):
    """Its states stand still once a test says so: a connection that died by itself."""

    still = False

    def receive(self, host, rate_hz):
        source, said = super().receive(host, rate_hz), {}

        class Source:
            def __getattr__(_, name):  # noqa: N805
                def answer():
                    if not self.still or name not in said:
                        said[name] = getattr(source, name)()
                    return said[name]

                return answer

        return Source()


def test_an_arm_is_not_engaged_where_an_old_state_says_that_it_stands(e_series):
    host, model = e_series
    library = StillLibrary()
    with connected(host, model) as bench:  # which sets the controller up
        arm = UrArm(
            bench.config,
            ENVELOPE,
            SystemClock(),
            find_host=lambda: host,
            gap_fault_s=0.4,
            library=library,
        )
        programs_n = bench.emulator.state()["programs_n"]
        with arm:
            arm.read()
            library.still = True
            time.sleep(0.6)
            with pytest.raises(DeviceError, match="says nothing new"):
                arm.engage()
        assert bench.emulator.state()["programs_n"] == programs_n
