"""From a device through its ring: the publisher, its thread, and the process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from robotd.core.clock import MS, FakeClock, MonoNs, SystemClock
from robotd.core.errors import AbsentDeviceError, DeviceError
from robotd.core.ring import RingReader
from robotd.core.run_files import TELEOP_RING
from robotd.core.sample_records import unpack_teleop
from robotd.core.types import TeleopSample
from teleop import process
from teleop.publisher import PublisherThread, TeleopPublisher

ROOT = Path(__file__).parents[2]

PROCESS = """
import sys
from pathlib import Path
import numpy as np
from robotd.core.clock import SystemClock
from robotd.core.errors import DeviceError
from robotd.core.types import TeleopSample
from teleop import process
class Device:
    n = 0
    def read(self):
        self.n += 1
        if self.n > int(sys.argv[2]):
            raise DeviceError("spacemouse: unplugged")
        return TeleopSample(t_ns=SystemClock().now(), deflection=np.zeros(6))
    def __enter__(self): return self
    def __exit__(self, *error): print("closed", flush=True)
try:
    process.main(Path(sys.argv[1]), Device())
except DeviceError as error:
    sys.exit(str(error))
"""


class Scripted:
    """A device that says what it is told to, then nothing."""

    def __init__(self, clock, *, silent_after=10**9, fails_after=10**9):
        self.clock, self.n = clock, 0
        self.silent_after, self.fails_after = silent_after, fails_after

    def read(self):
        self.n += 1
        if self.n > self.fails_after:
            raise DeviceError("spacemouse: unplugged")
        if self.n > self.silent_after:
            return None
        return TeleopSample(t_ns=self.clock.now(), deflection=np.full(6, 0.5), buttons={0})

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


def samples(run_dir):
    with RingReader(run_dir / TELEOP_RING) as ring:
        return [unpack_teleop(record.payload) for record in ring.since(-1).records]


def test_it_publishes_a_hundred_samples_a_second(tmp_path):
    clock = FakeClock(MonoNs(10**9))
    with TeleopPublisher(tmp_path, Scripted(clock)) as publisher:
        publisher.run(clock, lambda: clock.now() >= 2 * 10**9)
    found = samples(tmp_path)
    assert [s.t_ns for s in found] == [10**9 + i * 10 * MS for i in range(100)]
    assert found[0].buttons == {0}


def test_a_silent_device_publishes_nothing(tmp_path):
    clock = FakeClock()
    with TeleopPublisher(tmp_path, Scripted(clock, silent_after=5)) as publisher:
        publisher.run(clock, lambda: clock.now() >= 10**9)
    assert len(samples(tmp_path)) == 5


def test_a_late_cycle_never_bursts(tmp_path):
    clock = FakeClock()
    device = Scripted(clock)
    read = device.read
    device.read = lambda: (clock.advance(35 * MS) if device.n == 3 else None, read())[1]
    with TeleopPublisher(tmp_path, device) as publisher:
        publisher.run(clock, lambda: clock.now() >= 100 * MS)
    assert [s.t_ns // MS for s in samples(tmp_path)] == [0, 10, 20, 65, 70, 80, 90]


def test_a_thread_publishes_whatever_its_process_does(tmp_path):
    clock = SystemClock()
    with (
        TeleopPublisher(tmp_path, Scripted(clock)) as publisher,
        PublisherThread(publisher, clock) as thread,
    ):
        time.sleep(0.2)
        thread.check()
    assert len(samples(tmp_path)) >= 5


def test_a_thread_says_that_its_device_is_gone(tmp_path):
    clock = SystemClock()
    with (
        TeleopPublisher(tmp_path, Scripted(clock, fails_after=3)) as publisher,
        PublisherThread(publisher, clock) as thread,
    ):
        thread.join(5.0)
        with pytest.raises(DeviceError, match="unplugged"):
            thread.check()


def started(tmp_path, reads_n):
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(tmp_path), str(reads_n)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "ROBOTD_PARENT_PID": str(os.getpid())},
    )


def test_the_process_publishes_until_it_is_told_to_end(tmp_path):
    process = started(tmp_path, 10**9)
    try:
        end = time.monotonic() + 20.0
        while not (tmp_path / "teleop.ready").exists() and time.monotonic() < end:
            time.sleep(0.01)
        assert (tmp_path / "teleop.ready").read_text() == str(process.pid)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=10)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (0, "closed\n", "")
    assert samples(tmp_path)


def test_a_device_that_is_gone_ends_the_process_with_one_line(tmp_path):
    process = started(tmp_path, 3)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert out == "closed\n"
    assert err == "spacemouse: unplugged\n"


class Unplugged(Scripted):
    """A device that is there at the third look, and gone after two samples."""

    def __init__(self, clock):
        super().__init__(clock, fails_after=2)
        self.looks = 0

    def __enter__(self):
        self.looks += 1
        if self.looks < 3:
            raise AbsentDeviceError("spacemouse: not connected")
        return super().__enter__()


def test_the_process_waits_for_a_device_and_says_so_once(tmp_path, caplog):
    device = Unplugged(SystemClock())
    with pytest.raises(DeviceError, match="unplugged"):
        process.main(tmp_path, device)
    assert device.looks == 3
    assert len(samples(tmp_path)) == 2
    assert [record.message for record in caplog.records] == [
        "spacemouse: not connected; waits for it"
    ]


def test_the_process_does_not_look_for_a_device_for_ever(tmp_path):
    device = Unplugged(SystemClock())
    with pytest.raises(AbsentDeviceError, match="not connected"):
        process.main(tmp_path, device, tries_n=2)
    assert not (tmp_path / "teleop.ready").exists()
    assert not (tmp_path / TELEOP_RING).exists()


def test_a_device_that_cannot_be_had_ends_the_process_at_once(tmp_path):
    class Missing(Scripted):
        def __enter__(self):
            raise DeviceError("spacemouse: no library")

    with pytest.raises(DeviceError, match="no library"):
        process.main(tmp_path, Missing(SystemClock()))
