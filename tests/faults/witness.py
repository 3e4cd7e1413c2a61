"""What a cell did, as seen by one who only reads its rings and has nothing to do with its recorder.

The time of every tick and of every picture is kept, with the orders of the journal and what the
recorder said of itself: what an episode holds is held against this.
"""

import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from robotd.core.arm_codes import ArmPhase
from robotd.core.arm_records import unpack_tick
from robotd.core.errors import CorruptRecordError
from robotd.core.journal import BeginEpisode, EndEpisode, EventNote, unpack_note
from robotd.core.recorder_status import RecorderStatus, unpack_recorder_status
from robotd.core.ring import Record, RingReader
from robotd.core.run_files import ARM_RING, JOURNAL, RECORDER_RING, camera_ring
from robotd.core.sample_records import unpack_frame

POLL_S: Final = 0.01


class Tick(NamedTuple):
    """One cycle of the arm."""

    t_ns: int
    index: int
    phase: ArmPhase
    session: int
    late_ns: int
    p_cmd_m: tuple[float, float, float]


class Picture(NamedTuple):
    """One picture of a camera."""

    t_arrival_ns: int
    index: int


class Witness:
    """Follows the rings of one daemon from a thread; a context manager."""

    def __init__(self, run_dir: Path, cameras: tuple[str, ...]) -> None:
        """Begin with what comes from now on."""
        self.ticks: list[Tick] = []
        self.pictures: dict[str, list[Picture]] = {name: [] for name in cameras}
        self.begins: dict[str, int] = {}
        self.ends: dict[str, EndEpisode] = {}
        self.states: list[EventNote] = []
        self.recorder: list[RecorderStatus] = []
        self.lost_n = 0
        self._tails = [
            _Tail(run_dir / ARM_RING, self._see_tick),
            _Tail(run_dir / JOURNAL, self._see_note),
            _Tail(run_dir / RECORDER_RING, self._see_recorder),
            *(
                _Tail(run_dir / camera_ring(name), lambda r, n=name: self._see_picture(n, r))
                for name in cameras
            ),
        ]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="witness", daemon=True)

    def __enter__(self) -> "Witness":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        for tail in self._tails:
            tail.close()

    def ticks_between(self, t_from_ns: int, t_to_ns: int) -> list[Tick]:
        """Return the cycles of an interval, both ends included."""
        return _between(self.ticks, t_from_ns, t_to_ns)

    def pictures_between(self, camera: str, t_from_ns: int, t_to_ns: int) -> list[Picture]:
        """Return a camera's pictures that arrived in an interval, both ends included."""
        return _between(self.pictures[camera], t_from_ns, t_to_ns)

    def stopped_ns(self, fault_ns: int) -> int:
        """Return when the daemon stopped the arm after a fault, as its journal says."""
        return next(
            note.t_ns
            for note in self.states
            if note.t_ns >= fault_ns and note.text.split()[2] in ("PAUSED", "FAULT")
        )

    def forget_before(self, t_ns: int) -> None:
        """Keep nothing older: a long series of faults would need a lot of memory."""
        for seen in (self.ticks, *self.pictures.values()):
            del seen[: bisect_left(seen, t_ns, key=lambda item: item[0])]
        self.recorder[:] = [status for status in self.recorder if status.t_ns >= t_ns]
        self.lost_n = 0

    def flushed_ns(self, episode: str, at_ns: int) -> int:
        """Return up to when the recorder had said, at an instant, that all is on the disk."""
        said = [s.t_flushed_ns for s in self.recorder if s.episode == episode and s.t_ns <= at_ns]
        return max(said, default=0)

    def _follow(self) -> None:
        ending = False
        while not ending:
            ending = self._stop.is_set()
            for tail in self._tails:
                self.lost_n += tail.read()
            time.sleep(POLL_S)

    def _see_tick(self, record: Record) -> None:
        tick = unpack_tick(record.payload)
        x, y, z = tick.T_base_cmd[:3, 3].tolist()
        self.ticks.append(
            Tick(tick.t_ns, record.index, tick.phase, tick.session, tick.late_ns, (x, y, z))
        )

    def _see_picture(self, camera: str, record: Record) -> None:
        frame = unpack_frame(record.payload)
        self.pictures[camera].append(Picture(frame.t_arrival_ns, record.index))

    def _see_note(self, record: Record) -> None:
        note = unpack_note(record.payload)
        if isinstance(note, BeginEpisode):
            self.begins[note.episode] = note.t_ns
        elif isinstance(note, EndEpisode):
            self.ends[note.episode] = note
        elif isinstance(note, EventNote) and note.name == "state":
            self.states.append(note)

    def _see_recorder(self, record: Record) -> None:
        self.recorder.append(unpack_recorder_status(record.payload))


class _Tail:
    """One ring from its end on, over restarts of its writer."""

    def __init__(self, path: Path, see: Callable[[Record], None]) -> None:
        self._ring, self._see = RingReader(path), see
        self._index = self._ring.newest_index()

    def read(self) -> int:
        """Hand on what came; return how many records were lost."""
        try:
            backlog = self._ring.since(self._index)
        except CorruptRecordError:  # being made anew
            return 0
        self._index = backlog.upto
        for record in backlog.records:
            self._see(record)
        return backlog.lost_n

    def close(self) -> None:
        self._ring.close()


def _between(seen: list, t_from_ns: int, t_to_ns: int) -> list:
    first = bisect_left(seen, t_from_ns, key=lambda item: item[0])
    return seen[first : bisect_right(seen, t_to_ns, key=lambda item: item[0])]
