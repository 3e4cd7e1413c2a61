"""The mailbox: newest orders win, heartbeats are cheap, damage ends in a brake."""

import signal
import struct
import subprocess
import sys
import time

import numpy as np
import pytest

from robotd.core.arm_codes import Source
from robotd.core.arm_records import MAX_ORDERS_BYTES
from robotd.core.mailbox import MailboxReader, MailboxWriter
from robotd.core.ring import RingWriter
from robotd.core.ring_layout import HEADER_BYTES, Geometry
from robotd.core.types import MAX_PLAN_ROWS, Orders, Plan

STRIDE = Geometry(slot_bytes=MAX_ORDERS_BYTES, slots=4).stride

CONDUCTOR = """
import sys
from pathlib import Path
import numpy as np
from robotd.core.arm_codes import Source
from robotd.core.mailbox import MailboxWriter
from robotd.core.types import Orders, Plan
mailbox = MailboxWriter.create(Path(sys.argv[1]))
epoch = 0
while True:
    epoch += 1
    rows = 1 + epoch % 512
    plan = Plan(
        epoch=epoch,
        t_ns=np.arange(rows) + epoch,
        T_base_tcp=np.full((rows, 4, 4), float(epoch)),
        valid_until_ns=epoch,
        source=Source.POLICY,
    )
    mailbox.put(Orders(t_ns=epoch, session=epoch, plan=plan))
"""


def orders(t_ns, *, session=1, epoch=1, rows=3):
    plan = Plan(
        epoch=epoch,
        t_ns=np.arange(rows) * 10,
        T_base_tcp=np.tile(np.eye(4), (rows, 1, 1)),
        valid_until_ns=1000,
        source=Source.POLICY,
    )
    return Orders(t_ns=t_ns, session=session, plan=plan)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mailbox"


@pytest.fixture
def writer(path):
    with MailboxWriter.create(path) as writer:
        yield writer


@pytest.fixture
def reader(path):
    with MailboxReader(path) as reader:
        yield reader


def spoil(path, put, byte=16):
    """Flip a byte of the n-th put's slot (its first index modulo the slots is unknown)."""
    raw = bytearray(path.read_bytes())
    sequences = sorted(
        (struct.unpack_from("=Q", raw, HEADER_BYTES + slot * STRIDE)[0], slot) for slot in range(4)
    )
    _, slot = [entry for entry in sequences if entry[0]][put]
    with path.open("r+b") as file:
        file.seek(HEADER_BYTES + slot * STRIDE + byte)
        file.write(bytes([raw[HEADER_BYTES + slot * STRIDE + byte] ^ 0xFF]))


def test_an_absent_or_empty_mailbox_holds_no_orders(path, reader):
    assert reader.read() is None

    with MailboxWriter.create(path):
        assert reader.read() is None


def test_the_newest_orders_win(writer, reader):
    writer.put(orders(10, epoch=1))
    writer.put(orders(20, epoch=2, rows=MAX_PLAN_ROWS))

    read = reader.read()

    assert (read.t_ns, read.session, read.plan.epoch) == (20, 1, 2)
    assert read.plan.T_base_tcp.shape == (MAX_PLAN_ROWS, 4, 4)


def test_orders_without_a_plan_come_across(writer, reader):
    writer.put(orders(10))
    reader.read()
    writer.put(Orders(t_ns=20, session=0, plan=None))

    assert reader.read() == Orders(t_ns=20, session=0, plan=None)


def test_unchanged_orders_are_not_unpacked_again(writer, reader):
    writer.put(orders(10))

    assert reader.read() is reader.read()


def test_a_beat_renews_the_time_and_keeps_the_plan(writer, reader):
    writer.put(orders(10))
    plan = reader.read().plan
    writer.beat(25)

    read = reader.read()

    assert read.t_ns == 25
    assert read.plan is plan


def test_a_heartbeat_never_goes_back(writer, reader):
    writer.put(orders(10))
    writer.beat(25)
    reader.read()
    writer.beat(15)

    assert reader.read().t_ns == 25


def test_damaged_orders_leave_the_last_good_ones_to_grow_old(path, writer, reader):
    writer.put(orders(10, epoch=1))
    reader.read()
    writer.put(orders(20, epoch=2))
    spoil(path, 1)
    writer.beat(30)

    read = [reader.read(), reader.read()]

    assert [(r.t_ns, r.plan.epoch) for r in read] == [(10, 1)] * 2
    assert reader.corrupt_n == 1


def test_orders_after_damaged_ones_count_again(path, writer, reader):
    writer.put(orders(10, epoch=1))
    writer.put(orders(20, epoch=2))
    spoil(path, 1)
    assert reader.read().t_ns == 10
    writer.put(orders(30, epoch=3))
    writer.beat(40)

    read = reader.read()

    assert (read.t_ns, read.plan.epoch) == (40, 3)


def test_intact_bytes_that_are_no_orders_are_counted_and_ignored(path, reader):
    with MailboxWriter.create(path) as writer:
        writer.put(orders(10))
        reader.read()
    with RingWriter.create(path, MAX_ORDERS_BYTES, 4) as ring:
        ring.write(b"no orders at all")
        ring.beat(99)

        assert reader.read().t_ns == 10
        assert reader.corrupt_n == 1


def test_a_restarted_conductor_does_not_revive_old_orders_by_its_heartbeat(path, reader):
    with MailboxWriter.create(path) as first:
        first.put(orders(10))
        reader.read()
    with MailboxWriter.create(path) as second:
        second.beat(50)
        before = reader.read()
        second.put(orders(60, session=2))
        after = reader.read()

    assert (before.t_ns, before.session) == (10, 1)
    assert (after.t_ns, after.session) == (60, 2)


def test_a_hammered_mailbox_gives_whole_orders_and_survives_the_kill(path, reader):
    child = subprocess.Popen([sys.executable, "-c", CONDUCTOR, str(path)])
    try:
        start = time.monotonic()
        seen = 0
        while time.monotonic() - start < 10 and seen < 500:
            read = reader.read()
            if read is None:
                continue
            assert read.plan.epoch == read.session == read.plan.valid_until_ns
            assert len(read.plan.t_ns) == 1 + read.session % 512
            assert np.all(read.plan.T_base_tcp == read.session)
            seen += 1
        child.send_signal(signal.SIGKILL)
        child.wait()
        last = reader.read()
    finally:
        child.kill()
        child.wait()

    assert seen == 500
    assert last is reader.read()
    assert reader.corrupt_n == 0
