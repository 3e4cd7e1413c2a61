"""Keeps the arm's last two seconds and saves them at every stop, beside the control loop."""

import logging
import secrets
import threading
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from robotd.core.clock import MonoNs, S, wall_now
from robotd.core.types import ArmTick
from robotd.modes.flight.file import FlightAbout, write_flight

KEPT_NS: Final = 2 * S
FILES_N: Final = 20
"""So many records are kept; the oldest go."""
CLOSE_S: Final = 3.0
PATTERN: Final = "*.npz"

log = logging.getLogger(__name__)


class Flights:
    """Used by the conductor's thread; files are written by one of its own, so that no disk waits.

    Attributes:
        newest: The record saved last, whole or still being written; None before the first.
    """

    def __init__(self, folder: Path, cell: str) -> None:
        """Take where records go; the folder is made with the first."""
        self._folder, self._cell = folder, cell
        self._ticks: deque[ArmTick] = deque()
        self._writer: threading.Thread | None = None
        self.newest: Path | None = None

    def add(self, ticks: Sequence[ArmTick]) -> None:
        """Take what came in one cycle of the daemon; forget what is older than two seconds."""
        self._ticks.extend(ticks)
        while self._ticks and self._ticks[0].t_ns < self._ticks[-1].t_ns - KEPT_NS:
            self._ticks.popleft()

    def save(
        self,
        now: MonoNs,
        *,
        before: str,
        state: str,
        event: str,
        cause: str,
        reason: str,
        episode: str = "",
    ) -> Path:
        """Begin to write a record; return its path at once."""
        wall = datetime.fromtimestamp(wall_now() / S, UTC)
        about = FlightAbout(
            cell=self._cell,
            t_wall=wall.isoformat(timespec="milliseconds"),
            t_stop_ns=now,
            before=before,
            state=state,
            event=event,
            cause=cause,
            reason=reason,
            doing=self._ticks[-1].source.name.lower() if self._ticks else "",
            episode=episode,
        )
        name = f"{wall:%Y%m%d-%H%M%S}-{state.lower()}-{secrets.token_hex(2)}.npz"
        path = self.newest = self._folder / name
        before_it = self._writer
        self._writer = threading.Thread(
            target=self._write,
            args=(path, about, list(self._ticks), before_it),
            name="flight",
            daemon=True,
        )
        self._writer.start()
        return path

    def _write(
        self,
        path: Path,
        about: FlightAbout,
        ticks: list[ArmTick],
        before_it: threading.Thread | None,
    ) -> None:
        if before_it is not None:
            before_it.join()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for cut_off in self._folder.glob(".*.partial"):  # of a daemon that was killed
                cut_off.unlink()
            write_flight(path, about, ticks)
            for old in sorted(self._folder.glob(PATTERN))[:-FILES_N]:
                old.unlink()
        except OSError as error:
            log.warning("flight record: %s", error)

    def close(self) -> None:
        """Wait a moment for a record that is being written."""
        if self._writer is not None:
            self._writer.join(CLOSE_S)
