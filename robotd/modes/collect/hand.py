"""What the hand-held device says, as it arrives in the daemon."""

from pathlib import Path
from typing import Final

import msgspec

from robotd.core.clock import MonoNs, seconds_to_ns
from robotd.core.config_teleop import TeleopConfig
from robotd.core.errors import CorruptRecordError
from robotd.core.ring import RingReader
from robotd.core.run_files import TELEOP_RING
from robotd.core.sample_records import unpack_teleop
from teleop.buttons import ButtonCommands
from teleop.deadman import Reading
from teleop.session_table import Command

LOOK_S: Final = 0.03
"""From a device's last word to the brake: a cycle of the daemon that saw it, one that misses the
next, and one of the arm."""


def in_time(config: TeleopConfig) -> TeleopConfig:
    """Return the configuration that has the arm brake within `max_age_s` of the last sample.

    The daemon's cycle and the arm's take a part of it.
    """
    age_s = max(config.max_age_s - LOOK_S, 0.5 * config.max_age_s)
    return msgspec.structs.replace(config, max_age_s=age_s)


class Hand:
    """Reads the device's ring from now on; samples of before are nobody's wish any more.

    Attributes:
        newest: The newest sample with its number; None before the first.
    """

    def __init__(self, run_dir: Path, config: TeleopConfig, now: MonoNs) -> None:
        """Open the ring, which need not be there yet."""
        self._ring = RingReader(run_dir / TELEOP_RING)
        self._buttons = ButtonCommands(config)
        self._max_age_ns = seconds_to_ns(config.max_age_s)
        self._heard_ns = self._held_ns = now
        self.newest: Reading | None = None
        try:
            self._index = self._ring.newest_index()
        except CorruptRecordError:
            self._index = -1

    def silent_ns(self, now: MonoNs) -> int:
        """Return since when nothing new has come, by this process's own clock."""
        return now - self._heard_ns

    def idle_ns(self, now: MonoNs) -> int:
        """Return since when no button has been held."""
        return now - self._held_ns

    def read(self, now: MonoNs) -> list[Command]:
        """Take in what came since the last call; return what its buttons say."""
        before = self._ring.reopened_n
        readings = self._new(self._readings())
        if not readings:
            return []
        if self.silent_ns(now) > self._max_age_ns or self._ring.reopened_n != before:
            self._buttons.forget()
        self._heard_ns, self.newest = now, readings[-1]
        samples = [reading.sample for reading in readings]
        if any(sample.buttons for sample in samples):
            self._held_ns = now
        return [said for s in samples for said in self._buttons.update(s.t_ns, s.buttons)]

    def _readings(self) -> list[Reading]:
        try:
            backlog = self._ring.since(self._index)
        except CorruptRecordError:
            return []
        self._index = backlog.upto
        readings: list[Reading] = []
        for record in backlog.records:
            try:
                sample = unpack_teleop(record.payload)
            except CorruptRecordError:
                continue
            writer = self._ring.reopened_n
            readings.append(Reading(number=sample.number, sample=sample, writer=writer))
        return readings

    def _new(self, readings: list[Reading]) -> list[Reading]:
        """Leave out what a program only repeats: the device has not said it again."""
        new: list[Reading] = []
        before = self.newest
        for reading in readings:
            if before is None or _word(before) != _word(reading):
                new.append(reading)
            before = reading
        return new

    def close(self) -> None:
        """Unmap the ring."""
        self._ring.close()


def _word(reading: Reading) -> tuple[int, int]:
    """Return what tells a device's word from its repetition."""
    return reading.writer, reading.number
