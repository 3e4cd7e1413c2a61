"""A library that prints without end is silenced; our own words are not."""

import os

import pytest

from robotd.core.clock import MonoNs, S
from robotd.hardware.output_limit import LIMIT_BYTES_S, OutputLimit


@pytest.fixture
def log(tmp_path):
    return tmp_path / "arm.log"


@pytest.fixture
def printing(log):
    """Descriptors as of a process whose output goes to a log."""
    with log.open("ab") as out, log.open("ab") as error:
        yield out.fileno(), error.fileno()


def seconds(limit, count, each):
    for second in range(count):
        each()
        limit.check(MonoNs((second + 1) * S))


@pytest.mark.parametrize(("over_bytes", "silenced"), [(0, False), (1, True)])
def test_more_than_so_much_in_a_second_is_silenced(printing, log, over_bytes, silenced):
    limit = OutputLimit(*printing)

    seconds(limit, 3, lambda: os.write(printing[0], b"x" * (LIMIT_BYTES_S + over_bytes)))

    assert limit.silenced is silenced
    size = log.stat().st_size
    os.write(printing[1], b"again")
    limit.say("ours")
    limit.close()
    text = log.read_text()
    assert ("again" in text) is not silenced
    assert text.endswith("ours\n")
    assert log.stat().st_size > size
    assert ("it is silenced from here on" in text) is silenced


def test_many_calls_in_a_second_look_once(printing):
    limit = OutputLimit(*printing)
    limit.check(MonoNs(S))
    os.write(printing[0], b"x" * 2 * LIMIT_BYTES_S)
    for n in range(500):
        limit.check(MonoNs(S + n))

    assert not limit.silenced
    limit.close()
