"""The ring between processes: never torn, always in order, whoever is killed and whenever."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from robotd.core.ring import RingReader, RingWriter

WRITER = """
import sys
from pathlib import Path
from robotd.core.ring import RingWriter
path, slot_bytes, slots = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
writer = RingWriter.create(path, slot_bytes, slots)
n = 0
while True:
    payload = bytes([n % 251]) * (slot_bytes - n % 7)
    writer.write(n.to_bytes(8, "little"), payload[8:])
    n += 1
"""

READER = """
import sys
from pathlib import Path
from robotd.core.ring import RingReader
reader = RingReader(Path(sys.argv[1]))
last = -1
print("up", flush=True)
while True:
    backlog = reader.since(last)
    last = backlog.records[-1].index if backlog.records else last
"""


@contextlib.contextmanager
def running(script, *args):
    child = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, args)], stdout=subprocess.PIPE
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def check_payload(payload, slot_bytes):
    """Raise where a payload is not exactly one that WRITER writes; return its number."""
    n = int.from_bytes(payload[:8], "little")
    assert payload[8:] == (bytes([n % 251]) * (slot_bytes - n % 7))[8:]
    return n


def wait_for(condition, timeout_s=10.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "nothing came in time"
        time.sleep(0.001)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "hammer.ring"


@pytest.mark.parametrize(("slot_bytes", "slots"), [(100, 4), (1_024, 64), (300_000, 3)])
def test_a_hammered_ring_is_never_torn_and_always_in_order(path, slot_bytes, slots):
    with running(WRITER, path, slot_bytes, slots), RingReader(path) as reader:
        wait_for(lambda: reader.newest() is not None)
        last, looks, lost_n, numbers = -1, 0, 0, []
        start = time.monotonic()
        while time.monotonic() < start + 0.7 or len(numbers) < 20:
            assert time.monotonic() < start + 20
            looks += 1
            if looks % 2:
                record = reader.newest(after=last)
                records = [] if record is None else [record]
            else:
                backlog = reader.since(last)
                records, lost_n = backlog.records, lost_n + backlog.lost_n
            for record in records:
                assert record.index > last
                last = record.index
                numbers.append(check_payload(record.payload, slot_bytes))

    assert numbers == sorted(set(numbers))
    assert reader.corrupt_n == 0


def test_readers_outlive_writers_killed_at_any_instant(path):
    rng = random.Random(11)
    slot_bytes, last = 300_000, -1
    with RingReader(path) as reader:
        for _ in range(6):
            with running(WRITER, path, slot_bytes, 3) as writer:
                wait_for(lambda seen=last: reader.newest(after=seen) is not None)
                time.sleep(rng.uniform(0, 0.03))
                writer.send_signal(signal.SIGKILL)
                writer.wait()
                record = reader.newest(after=last)
                records = reader.since(last).records
            assert records[-1] == record
            numbers = [check_payload(kept.payload, slot_bytes) for kept in records]
            # Of three slots, at most the one being written is gone.
            assert numbers == list(range(numbers[-1] + 1))[-len(numbers) :]
            assert len(numbers) >= min(2, numbers[-1] + 1)
            last = record.index
        assert reader.reopened_n == 5
        assert reader.corrupt_n == 0

    assert [entry.name for entry in path.parent.iterdir()] == ["hammer.ring"]


def test_a_writer_stopped_in_the_middle_blocks_nobody(path):
    with running(WRITER, path, 300_000, 3) as writer, RingReader(path) as reader:
        wait_for(lambda: reader.newest() is not None)
        for _ in range(10):
            os.kill(writer.pid, signal.SIGSTOP)
            check_payload(reader.newest().payload, 300_000)
            os.kill(writer.pid, signal.SIGCONT)
            time.sleep(0.002)


def test_a_killed_reader_leaves_the_writer_alone(path):
    with RingWriter.create(path, 1024, 8) as writer, running(READER, path) as reader:
        assert reader.stdout.readline() == b"up\n"
        for n in range(2000):
            if n == 1000:
                reader.send_signal(signal.SIGKILL)
            writer.write(bytes([n % 251]) * 1000)

        with RingReader(path) as other:
            assert other.newest().payload == bytes([1999 % 251]) * 1000
            assert len(other.since(-1).records) == 8
