"""What the recorder says of itself, in its own ring."""

from typing import Final

from msgspec import Struct

from robotd.core.packing import Packing


class RecorderStatus(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the recorder is doing; it says so 20 times a second and after every order.

    Attributes:
        t_ns: When it was so.
        pid: Of the recorder's process: another one has been started anew and knows no orders.
        obeyed: Number of the last order that it has done or refused; 0 before the first.
        refusal: Why it could not do that one, one sentence; empty where it did.
        dataset: The data set that it holds; empty while it holds none.
        recovered: Episodes that a crash had left, completed when the data set was opened.
        quarantined: What was left and could not be read, likewise.
        episode: The episode being written; empty while there is none.
        t_first_ns: The first instant in it; 0 before.
        t_flushed_ns: Everything up to then is safe on the disk, but for notes, and what a process
            brings that was held up for over half a second; 0 before.
        committed: The last episode that was completed; empty before the first.
        problem: Why the episode cannot go on, one sentence: the disk is nearly full, writing
            failed, or it cannot keep up; the conductor stops the arm and ends the episode.
        behind_s: Age of the oldest item that waits to be written [s].
        dropped_n: Items of this episode that were lost, all recorded as gaps.
        bytes_n: Size of the open episode so far.
        free_bytes: Room left on the disk.
        left_s: How long that lasts at the present rate [s]; inf where nothing is written.
    """

    t_ns: int
    pid: int
    obeyed: int = 0
    refusal: str = ""
    dataset: str = ""
    recovered: tuple[str, ...] = ()
    quarantined: tuple[str, ...] = ()
    episode: str = ""
    t_first_ns: int = 0
    t_flushed_ns: int = 0
    committed: str = ""
    problem: str = ""
    behind_s: float = 0.0
    dropped_n: int = 0
    bytes_n: int = 0
    free_bytes: int = 0
    left_s: float = float("inf")


RECORDER_STATUS_BYTES: Final = 16 * 1024
"""Size of the largest status [bytes]."""

_packing = Packing[RecorderStatus]("recorder status", RecorderStatus)
pack_recorder_status = _packing.pack
unpack_recorder_status = _packing.unpack
