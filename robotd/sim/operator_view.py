"""What a scripted operator sees of its cell: the world, the arm, and what the conductor noted."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import Source
from robotd.core.arm_records import unpack_orders, unpack_tick
from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MonoNs
from robotd.core.config import TaskConfig
from robotd.core.errors import CorruptRecordError
from robotd.core.journal import BeginEpisode, EndEpisode, PlanNote, unpack_note
from robotd.core.ring import RingReader
from robotd.core.run_files import ARM_RING, JOURNAL, WORLD_RING
from robotd.core.types import ArmTick, Plan
from robotd.core.world_state import WorldState, unpack_world_state


class CellView:
    """The newest of each ring; what is damaged or not there yet is passed over.

    Attributes:
        world: The world's newest state; None before the first.
        collecting: Between the begin and the end of an episode that is collected.
    """

    def __init__(self, run_dir: Path, task: TaskConfig) -> None:
        self._arm = RingReader(run_dir / ARM_RING)
        self._worlds = RingReader(run_dir / WORLD_RING)
        self._journal = RingReader(run_dir / JOURNAL)
        self._board = BoardFrame.of_task(task)
        self._noted = -1
        self._tick: ArmTick | None = None
        self._plan: Plan | None = None
        self.world: WorldState | None = None
        self.collecting = False

    @property
    def armed(self) -> bool:
        """Whether the arm obeys somebody."""
        return self._tick is not None and self._tick.session != 0

    @property
    def obeyed(self) -> bool:
        """Whether the arm does what a hand-held device wants."""
        return self._tick is not None and self._tick.source is Source.HUMAN

    def look(self) -> None:
        """Take in what is new."""
        try:
            if (record := self._worlds.newest()) is not None:
                self.world = unpack_world_state(record.payload)
            if (record := self._arm.newest()) is not None:
                self._tick = unpack_tick(record.payload)
        except CorruptRecordError:
            pass  # the one before holds until the next
        self._read_notes()

    def target(self, now: MonoNs) -> complex:
        """Return where the tool's target is: by the device's plan, or else by the setpoint [px].

        Before there is an arm it is where the episode begins.
        """
        if self._plan is not None and now <= self._plan.valid_until_ns and self.obeyed:
            rows = self._plan.T_base_tcp[:, :3, 3]
            p_base = np.array([np.interp(now, self._plan.t_ns, rows[:, i]) for i in range(3)])
        elif self._tick is not None:
            p_base = self._tick.T_base_cmd[:3, 3]
        else:
            return _complex(self.world.start_xy_px if self.world is not None else np.zeros(2))
        return _complex(self._board.to_px(p_base))

    def close(self) -> None:
        """Unmap the rings."""
        for ring in (self._arm, self._worlds, self._journal):
            ring.close()

    def _read_notes(self) -> None:
        try:
            records = self._journal.since(self._noted).records
        except CorruptRecordError:
            return
        newest_plan: bytes | None = None
        for record in records:
            self._noted = record.index
            try:
                note = unpack_note(record.payload)
            except CorruptRecordError:
                continue
            if isinstance(note, PlanNote):
                newest_plan = note.orders
            elif isinstance(note, BeginEpisode):
                self.collecting = note.kind == "collect"
            elif isinstance(note, EndEpisode):
                self.collecting = False
        if newest_plan is not None:
            self._take_plan(newest_plan)

    def _take_plan(self, orders: bytes) -> None:
        try:
            plan = unpack_orders(orders).plan
        except CorruptRecordError:
            return
        self._plan = plan if plan is not None and plan.source is Source.HUMAN else None


def _complex(xy_px: NDArray[np.float64]) -> complex:
    x, y = xy_px.tolist()
    return complex(x, y)
