"""A mock cell in lockstep that a scripted operator moves through the real mapping."""

from pathlib import Path

import numpy as np
import pytest

from robotd.core.arm_records import TICK_BYTES, pack_orders, pack_tick
from robotd.core.board_frame import BoardFrame
from robotd.core.config import CellConfig
from robotd.core.config_load import load_toml
from robotd.core.journal import NOTE_BYTES, BeginEpisode, PlanNote, pack_note
from robotd.core.ring import RingWriter
from robotd.core.run_files import ARM_RING, JOURNAL, WORLD_RING
from robotd.core.types import Orders
from robotd.core.world_state import WORLD_STATE_BYTES, pack_world_state
from robotd.modes.drivers import direct
from robotd.modes.lockstep.cell import LockstepCell
from robotd.pipeline.action_map import BoardXy
from robotd.pipeline.approach import leg, lifted
from teleop.deadman import Reading
from teleop.mapping import TeleopMapping

CELL = Path(__file__).parents[2] / "configs/mock/cell.toml"


class OperatedCell:
    """Arm, world, mapping and rings; the operator's samples arrive one cycle later."""

    def __init__(self, run_dir, cell, seed):
        self.config = cell
        self.cell = LockstepCell(cell, seed=seed)
        self.mapping = TeleopMapping(cell.teleop, cell.envelope)
        self.worlds = RingWriter.create(run_dir / WORLD_RING, WORLD_STATE_BYTES, 64)
        self.ticks = RingWriter.create(run_dir / ARM_RING, TICK_BYTES, 64)
        self.journal = RingWriter.create(run_dir / JOURNAL, NOTE_BYTES, 192)
        self.epoch = 0
        self.reading = None
        self.target_px = []

    def place(self, state, seed):
        """Put the board into a recorded state and take the tool there, lifted."""
        task = self.config.task
        self.cell.world.place(state, 1, seed=seed)
        start = BoardXy(BoardFrame.of_task(task), task.tip_height_m).poses(np.array([state[:2]]))[0]
        z_m = task.travel_height_m
        for target in (lifted(self.cell.tick.T_base_cmd, z_m), lifted(start, z_m), start):
            self.epoch += 1
            plan = leg(
                self.cell.tick.T_base_cmd, target, t_start_ns=self.cell.now, epoch=self.epoch
            )
            self.cell.order(plan)
            while self.cell.now < plan.t_ns[-1] + 300_000_000:
                self.cell.beat()
                self.cell.cycle()

    def begin(self):
        self._publish()
        note = BeginEpisode(t_ns=self.cell.now, number=1, episode="e", kind="collect")
        self.journal.write(pack_note(note))
        self.mapping.begin(self.cell.now, self.cell.tick.T_base_cmd)

    def step(self, operator):
        """One period: what the operator said last moves the tool; then it looks and speaks."""
        now = self.cell.now
        done = self.mapping.step(now, self.reading, self.cell.tick.T_base_cmd, epoch=self.epoch + 1)
        self.epoch += done.plan is not None
        if done.plan is None:
            self.cell.beat()
        else:
            self.cell.order(done.plan)
            orders = Orders(t_ns=now, session=1, plan=done.plan)
            self.journal.write(pack_note(PlanNote(t_ns=now, orders=pack_orders(orders))))
        sample = operator.read()
        if sample is not None:
            self.reading = Reading(number=sample.number, sample=sample)
        self.cell.cycle()
        self._publish()
        return sample

    def _publish(self):
        self.worlds.write(pack_world_state(self.cell.state))
        self.ticks.write(pack_tick(self.cell.tick))


@pytest.fixture
def mock_cell():
    return direct(load_toml(CELL, CellConfig))


@pytest.fixture
def operated_cell(tmp_path, mock_cell):
    """Return how to make one: by the seed, and the cell where it differs from the shipped one."""
    return lambda seed, cell=mock_cell: OperatedCell(tmp_path, cell, seed)
