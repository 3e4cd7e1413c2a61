"""What a reader of a ring gets."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """One record, copied out of the ring.

    Attributes:
        index: Its number; strictly growing, across restarts of the writer too.
        payload: What was written, parts joined.
    """

    index: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a reader had not seen yet.

    Attributes:
        records: Oldest first.
        lost_n: Records that were overwritten or damaged before they were read.
        upto: Index of the last record that counts as looked at, lost or not: ask after it next,
            so that what is damaged is counted once.
    """

    records: tuple[Record, ...]
    lost_n: int
    upto: int
