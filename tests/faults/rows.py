"""The rows of the fault matrix that are tested here: what is done, and what is to hold."""

from typing import Final

from tests.faults import disk_full, disk_slow, flips, kills, second_recorder, signals
from tests.faults.arm_rows import ARM_ROWS
from tests.faults.cell import MAX_ORDERS_AGE_S
from tests.faults.device_cases import DEVICE_CASES
from tests.faults.devices import device_row
from tests.faults.hand import HAND_ROWS
from tests.faults.injection import Bound, Row

LOSS_FACTOR: Final = 1.2
"""Of what a crash may lose: a flush takes a moment itself."""

_INTACT: Final = (
    Bound(measure="tick_tail_s", limit=0.0),
    Bound(measure="picture_tail_s", limit=0.0),
)
_TAIL: Final = tuple(
    Bound(measure=measure, limit=0.5, factor=LOSS_FACTOR)
    for measure in ("tick_tail_s", "picture_tail_s")
)
_WHOLE: Final = (
    "no tick lost, and no picture but where the episode says so itself (a gap); it is complete"
)


def _kill(victim: str, matrix: str, react_ms: float, keeps: str, bounds: tuple[Bound, ...]) -> Row:
    react = (Bound(measure="react_ms", limit=react_ms),) if react_ms else ()
    return Row(
        id=f"kill {victim}",
        matrix=matrix,
        fault=f"kill -9 of the {victim}",
        how=(
            "SIGKILL at a seeded random instant, 0.3 to 2.2 s after an episode of a collecting "
            "session began"
        ),
        promise=f"{keeps}; earlier episodes byte-identical; nothing moves without a person",
        bounds=(*react, *bounds),
    )


def _signal(case: str) -> Row:
    return Row(
        id=signals.row_of(case),
        matrix="K5",
        fault=case,
        how="the signals at a seeded random instant of an episode, the second 50 to 300 ms later",
        promise="no tick lost, the episode complete; no complaint; no process and no file left",
        bounds=(
            Bound(measure="still_ms", limit=250.0),
            Bound(measure="exit_s", limit=5.0),
            Bound(measure="lost_ticks_n", limit=0.0),
        ),
    )


def _disk(name: str, matrix: str, fault: str, how: str, promise: str, *bounds: Bound) -> Row:
    return Row(id=name, matrix=matrix, fault=fault, how=how, promise=promise, bounds=bounds)


_KEPT: Final = "one line says why; the arm brakes; the episode is kept and verifies"
_LATE: Final = Bound(measure="late_p95_during_ms", limit=4.0)
_OPEN_TAIL: Final = Bound(measure="tick_tail_s", limit=0.5, factor=LOSS_FACTOR)

ROWS: Final[tuple[Row, ...]] = (
    _kill(
        "recorder", "K2", 200.0, "no tick lost up to the last flush; the next one recovers", _TAIL
    ),
    Row(
        id=kills.PLAIN,
        matrix="",
        fault="kill -9 of a plain recorder (mp4 + Parquet, closed at the end)",
        how="a recorder as people write it, in its own process beside ours, killed with it",
        promise="the reference: nothing is promised",
    ),
    _kill("camera", "K3", 100.0, _WHOLE, _INTACT),
    _kill("teleop", "K3", 100.0, _WHOLE, _INTACT),
    _kill("world", "K3", 100.0, _WHOLE, _INTACT),
    _kill("conductor", "K3", 250.0, f"{_WHOLE} by the recorder alone", _INTACT),
    _kill("arm", "K1", 0.0, f"{_WHOLE}; the new one is disarmed, a person acknowledges", _INTACT),
    *map(_signal, signals.CASES),
    _disk(
        disk_full.BEFORE,
        "D1",
        "less room than the reserve before an episode",
        "`robotd collect` into a tmpfs of 2 MB with a reserve of 100 MB",
        "refused in one line, exit code 1, nothing begun",
    ),
    _disk(
        disk_full.NEAR,
        "D1",
        "less room than needed to end, during an episode",
        "somebody else fills the tmpfs of 2 MB up to 0.5 MB",
        _KEPT,
        Bound(measure="stop_s", limit=1.0),
        _OPEN_TAIL,
    ),
    _disk(
        disk_full.AT_ONCE,
        "D1",
        "no room at all, at once, during an episode",
        "somebody else fills the tmpfs of 2 MB to the last byte",
        _KEPT,
        Bound(measure="stop_s", limit=1.0),
        _OPEN_TAIL,
    ),
    _disk(
        disk_slow.STALLS,
        "D2",
        "every flush takes 0.8 s longer, for 3 s",
        "the recorder's fdatasync and fsync sleep first",
        "recording goes on, no tick lost, the episode complete",
        Bound(measure="tick_tail_s", limit=0.0),
        _LATE,
    ),
    _disk(
        disk_slow.STUCK,
        "D2",
        f"a flush takes longer than `record.max_behind_s` (here {disk_slow.MAX_BEHIND_S:g} s)",
        "the recorder's fdatasync and fsync sleep for 3.5 s",
        _KEPT,
        Bound(measure="stop_s", limit=disk_slow.MAX_BEHIND_S + 0.5),
        _LATE,
    ),
    _disk(
        disk_slow.FAILS,
        "D2",
        "EIO, EROFS or ENOSPC once; the next flush would succeed",
        "one call of the recorder's fdatasync raises it",
        f"{_KEPT} as lossy: never taken for a success",
        Bound(measure="stop_s", limit=1.0),
        _OPEN_TAIL,
    ),
    _disk(
        disk_slow.HELD_UP,
        "D2",
        f"the recorder stands still for longer than `arm.max_orders_age_s` (here "
        f"{MAX_ORDERS_AGE_S:g} s)",
        "SIGSTOP, and SIGCONT up to 1 s after the arm was stopped",
        _KEPT,
        Bound(measure="stop_s", limit=MAX_ORDERS_AGE_S + 0.1),
        _LATE,
    ),
    Row(
        id=flips.ROW,
        matrix="D4",
        fault="flipped bits, files cut off or missing",
        how="bits of a recorded episode flipped one at a time: all over its log, and in every byte "
        "of its episode.json",
        promise="the reader bears it; the episode beside it stays usable",
        bounds=(
            Bound(measure="missed_n", limit=0.0),
            Bound(measure="accepted_by_reader_n", limit=0.0),
        ),
    ),
    Row(
        id=second_recorder.ROW,
        matrix="D5",
        fault="a second recorder on one data set",
        how="`robotd collect` of another cell into a data set that is being recorded into",
        promise="refused in one line, exit code 1; the first goes on undisturbed",
    ),
    *ARM_ROWS,
    *map(device_row, DEVICE_CASES),
    *HAND_ROWS,
)
BY_ID: Final = {row.id: row for row in ROWS}
