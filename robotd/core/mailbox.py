"""The mailbox: the newest `Orders` of the conductor, read by the arm process in every cycle.

A small ring holds the orders, so a conductor that is killed while writing leaves the orders before;
its heartbeat is the ring's sign of life, so that a beat does not rewrite the plan and a look at an
unchanged mailbox unpacks nothing. Nobody ever waits for anybody.
"""

from dataclasses import replace
from pathlib import Path
from typing import Self

from robotd.core.arm_records import MAX_ORDERS_BYTES, pack_orders, unpack_orders
from robotd.core.clock import MonoNs
from robotd.core.errors import CorruptRecordError
from robotd.core.ring import RingReader, RingWriter
from robotd.core.types import Orders

_SLOTS = 4


class MailboxWriter:
    """The conductor's end; a context manager that leaves the file in place."""

    def __init__(self, ring: RingWriter) -> None:
        self._ring = ring

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make the mailbox under `path`, empty, replacing an older one.

        Raises:
            RobotdError: No room.
            OSError: No right to make the file.
        """
        return cls(RingWriter.create(path, MAX_ORDERS_BYTES, _SLOTS))

    def put(self, orders: Orders) -> None:
        """Replace the orders; `orders.t_ns` is the heartbeat too."""
        self._ring.write(pack_orders(orders))
        self._ring.beat(orders.t_ns)

    def beat(self, t_ns: MonoNs) -> None:
        """Renew the heartbeat alone: the orders stand as they are at `t_ns`."""
        self._ring.beat(t_ns)

    def close(self) -> None:
        """Unmap the file."""
        self._ring.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class MailboxReader:
    """The arm process's end; needs no conductor to have started, or to be alive."""

    def __init__(self, path: Path) -> None:
        self._ring = RingReader(path)
        self._index = -1
        self._refused_n = 0
        self._orders: Orders | None = None
        self._beats_belong = (0, 0)

    @property
    def corrupt_n(self) -> int:
        """Number of damaged orders met so far; the last good ones stayed in force."""
        return self._ring.corrupt_n + self._refused_n

    def read(self) -> Orders | None:
        """Return the newest orders, their `t_ns` the newest heartbeat; None before the first.

        After damaged orders, or when a restarted conductor has not written any, the last good ones
        are returned and no heartbeat counts for them: they grow old, and the arm brakes.
        Real-time: a few microseconds while the orders are unchanged.

        Raises:
            CorruptRecordError: The file is not a mailbox of this version.
        """
        corrupt_n = self.corrupt_n
        record = self._ring.newest(self._index)
        if record is not None:
            self._index = record.index
            try:
                self._orders = unpack_orders(record.payload)
                self._beats_belong = (self._ring.reopened_n, corrupt_n)
            except CorruptRecordError:
                self._refused_n += 1
        if self._orders is not None and self._beats_belong == (
            self._ring.reopened_n,
            self.corrupt_n,
        ):
            beat_ns = self._ring.alive_ns()
            if beat_ns is not None and beat_ns > self._orders.t_ns:
                self._orders = replace(self._orders, t_ns=MonoNs(beat_ns))
        return self._orders

    def close(self) -> None:
        """Unmap the file."""
        self._ring.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
