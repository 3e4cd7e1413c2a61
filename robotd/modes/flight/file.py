"""A flight record as a file: the arm's last cycles as columns, and why it stopped.

An `.npz` of plain numbers and one JSON text, so that NumPy alone reads it, without pickle.
"""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from robotd.core.errors import DatasetError
from robotd.core.types import ArmTick
from robotd.core.whole_file import whole_file

VERSION: Final = 1
ABOUT: Final = "about"


class FlightAbout(Struct, frozen=True, kw_only=True):
    """What goes with the columns.

    Attributes:
        version: Of the file's layout.
        cell: The cell's name.
        t_wall: When it stopped, UTC, ISO 8601.
        t_stop_ns: The same on the robot computer's monotonic clock, as the columns' `t_ns`.
        before: The supervisor's state before the stop.
        state: Its state after it.
        event: What made it stop.
        cause: `causes.Cause`.
        reason: One sentence.
        doing: Who moved the arm.
        episode: The episode that was being recorded; empty where there was none.
    """

    version: int = VERSION
    cell: str
    t_wall: str
    t_stop_ns: int
    before: str
    state: str
    event: str
    cause: str
    reason: str
    doing: str = ""
    episode: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """A record that was read.

    Attributes:
        about: Why it stopped.
        columns: Name to (N, ...) array; the names of `columns_of`.
    """

    about: FlightAbout
    columns: Mapping[str, NDArray[Any]]


def columns_of(ticks: Sequence[ArmTick]) -> dict[str, NDArray[Any]]:
    """Return the arm's cycles as columns: all that an `ArmTick` holds."""
    states = [tick.state for tick in ticks]

    def numbers(values: Sequence[int]) -> NDArray[np.int64]:
        return np.array(values, dtype=np.int64)

    def arrays(values: Sequence[NDArray[np.float64]], *shape: int) -> NDArray[np.float64]:
        return np.array(values, dtype=np.float64).reshape(len(values), *shape)

    return {
        "t_ns": numbers([tick.t_ns for tick in ticks]),
        "t_state_ns": numbers([state.t_ns for state in states]),
        "q_rad": arrays([state.q_rad for state in states], 6),
        "qd_rad_s": arrays([state.qd_rad_s for state in states], 6),
        "T_base_tcp": arrays([state.T_base_tcp for state in states], 4, 4),
        "force_n": arrays([state.force_n for state in states], 6),
        "current_a": arrays([state.current_a for state in states], 6),
        "speed_scaling": np.array([state.speed_scaling for state in states], dtype=np.float64),
        "safety_bits": numbers([state.safety_bits for state in states]),
        "robot_mode": numbers([state.robot_mode for state in states]),
        "runtime_state": numbers([state.runtime_state for state in states]),
        "program_running": np.array([state.program_running for state in states], dtype=np.bool_),
        "q_cmd_rad": arrays([tick.q_cmd_rad for tick in ticks], 6),
        "T_base_cmd": arrays([tick.T_base_cmd for tick in ticks], 4, 4),
        "accepted": np.array([tick.verdict.accepted for tick in ticks], dtype=np.bool_),
        "limit": numbers([tick.verdict.limit for tick in ticks]),
        "phase": numbers([tick.phase for tick in ticks]),
        "fault": numbers([tick.fault for tick in ticks]),
        "hold": numbers([tick.hold for tick in ticks]),
        "source": numbers([tick.source for tick in ticks]),
        "session": numbers([tick.session for tick in ticks]),
        "plan_epoch": numbers([tick.plan_epoch for tick in ticks]),
        "late_ns": numbers([tick.late_ns for tick in ticks]),
        "skipped_n": numbers([tick.skipped_n for tick in ticks]),
    }


def write_flight(path: Path, about: FlightAbout, ticks: Sequence[ArmTick]) -> None:
    """Write a record that appears whole or not at all.

    Raises:
        OSError: No room, or no right.
    """
    text = np.array(msgspec.json.encode(about).decode())
    columns = {ABOUT: text, **columns_of(ticks)}
    with whole_file(path) as partial, partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **columns)


def read_flight(path: Path) -> Flight:
    """Read a record.

    Raises:
        DatasetError: It is none, is damaged, or of another version.
        OSError: It cannot be read.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            columns = {name: stored[name] for name in stored.files}
        about = msgspec.json.decode(str(columns.pop(ABOUT)), type=FlightAbout)
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, msgspec.MsgspecError) as error:
        raise DatasetError(f"{path}: no flight record, or a damaged one ({error})") from error
    wanted = columns_of(())
    lengths = {len(column) for column in columns.values()}
    if about.version != VERSION or not wanted.keys() <= columns.keys() or len(lengths) != 1:
        raise DatasetError(
            f"{path}: a flight record of version {about.version}, expected {VERSION}, whole"
        )
    return Flight(about=about, columns=columns)
