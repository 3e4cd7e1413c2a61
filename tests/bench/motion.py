"""A UR5e of the mock cell that follows a circle, for the benches of the arm process."""

import numpy as np

from robotd.core.arm_codes import Source
from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MonoNs, S
from robotd.core.config import CellConfig
from robotd.core.types import Orders, Plan
from robotd.modes.cell_file import load_cell
from robotd.modes.options import CellOptions
from robotd.pipeline.action_map import BoardXy

MIDDLE_PX, RADIUS_PX, TURN_S, ROW_NS, ROWS = 256.0, 110.0, 5.0, 10_000_000, 200


def mock_cell() -> CellConfig:
    """Return the mock cell as shipped."""
    return load_cell(CellOptions(mock="direct"))


class CircleOrders:
    """Orders whose plans go round the board; called by the arm loop every cycle."""

    def __init__(self, cell: CellConfig, start_ns: MonoNs) -> None:
        self._tool = BoardXy(BoardFrame.of_task(cell.task), cell.task.tip_height_m)
        self._start_ns = start_ns
        self._orders = Orders(t_ns=start_ns, session=0, plan=None)
        self._epoch = 0

    def disarmed(self, now: MonoNs) -> Orders:
        """Return orders before the arming."""
        return Orders(t_ns=now, session=0, plan=None)

    def __call__(self, now: MonoNs) -> Orders:
        """Return the newest orders; a new plan every half second."""
        plan = self._orders.plan
        if plan is None or now > plan.t_ns[0] + S // 2:
            self._epoch += 1
            self._orders = Orders(t_ns=now, session=1, plan=self._plan(now))
        return Orders(t_ns=now, session=1, plan=self._orders.plan)

    def _plan(self, now: MonoNs) -> Plan:
        t_ns = now + ROW_NS * np.arange(ROWS, dtype=np.int64)
        angle = 2 * np.pi * (t_ns - self._start_ns) / (TURN_S * S)
        ramp = np.minimum(1.0, (t_ns - self._start_ns) / (2.0 * S))  # out of the middle, smoothly
        xy = MIDDLE_PX + RADIUS_PX * ramp[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
        return Plan(
            epoch=self._epoch,
            t_ns=t_ns,
            T_base_tcp=self._tool.poses(xy),
            valid_until_ns=MonoNs(int(t_ns[-1])),
            source=Source.POLICY,
        )
