"""One episode of a policy, from wherever the tool is to the end: lift, travel, act. No clock."""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MonoNs, S, ns_to_seconds
from robotd.core.config import CellConfig
from robotd.core.spec import PolicySpec
from robotd.core.types import ArmTick, Plan
from robotd.modes.feed import Feed
from robotd.modes.messages import RunRequest
from robotd.pipeline.action_map import BoardXy
from robotd.pipeline.approach import leg, lifted
from robotd.pipeline.chunk_source import ChunkSource
from robotd.pipeline.driver import PolicyDriver
from robotd.pipeline.make_executor import make_executor

ARRIVED_M: Final = 0.004
ARRIVAL_LIMIT_NS: Final = 4 * S
"""An arm that is not there so long after its leg ended will not come."""
RESET_LIMIT_NS: Final = 2 * S
BOARD_MIDDLE_PX: Final = (256.0, 256.0)


class Phase(StrEnum):
    """Where an episode is."""

    LIFT = "lift"
    RESET = "reset"
    TRAVEL = "travel"
    DESCEND = "descend"
    ACT = "act"
    DONE = "done"


class Episode:
    """Makes the plans of one episode; the conductor brings time and streams.

    Attributes:
        phase: Where it is.
        outcome: `success` or `time` once it is done by itself; else empty.
        problem: Why it cannot go on, one sentence; the supervisor pauses then.
        t_act_ns: When the policy took over; None before.
        drivers: The policy's drivers, one more after each pause; the last one acts.
    """

    def __init__(
        self,
        *,
        cell: CellConfig,
        spec: PolicySpec,
        source: ChunkSource,
        request: RunRequest,
        reset_world: Callable[[], int] | None,
    ) -> None:
        """Prepare.

        Args:
            cell: The cell.
            spec: The policy's.
            source: Answers of the policy.
            request: Seed and length.
            reset_world: Orders the simulated world's start and returns the episode's number; None
                in a real cell.
        """
        self._cell, self._spec, self._source, self._request = cell, spec, source, request
        self._reset_world = reset_world
        self._board = BoardFrame.of_task(cell.task)
        self._tool = BoardXy(self._board, cell.task.tip_height_m)
        self._epoch = 0
        self._target: NDArray[np.float64] | None = None
        self._until_ns = 0
        self._world_episode = 0
        self.phase = Phase.LIFT
        self.outcome = ""
        self.problem = ""
        self.t_act_ns: MonoNs | None = None
        self.drivers: list[PolicyDriver] = []

    def step(self, now: MonoNs, tick: ArmTick, feed: Feed) -> Plan | None:
        """Do one cycle; return a new plan, or None where the one before still holds."""
        if self.outcome or self.problem:
            return None
        if self.phase is Phase.ACT:
            return self._act(now, tick, feed)
        if self.phase is Phase.RESET:
            return self._await_reset(now, tick, feed)
        return self._travel(now, tick, feed)

    def resume(self, now: MonoNs) -> None:
        """Go on after a pause: the policy anew where the tool is, an approach from its lift."""
        self.problem = ""
        if self.phase is Phase.ACT:
            self._begin(now)
        else:
            self.phase, self._target = Phase.LIFT, None

    def _travel(self, now: MonoNs, tick: ArmTick, feed: Feed) -> Plan | None:
        """Go on with the present leg; begin the next one when the tool has arrived."""
        if self._target is None:
            return self._go(now, tick, lifted(tick.T_base_cmd, self._travel_z_m(tick)))
        if now < self._until_ns:
            return None
        gap_m = float(np.linalg.norm(tick.state.T_base_tcp[:3, 3] - self._target[:3, 3]))
        if gap_m > ARRIVED_M:
            if now > self._until_ns + ARRIVAL_LIMIT_NS:
                self.problem = (
                    f"{self.phase.value}: the tool is {gap_m * 1e3:.0f} mm from where it should "
                    f"be, limit {ARRIVED_M * 1e3:.0f} mm; see the gate's refusals"
                )
            return None
        return self._next_leg(now, tick, feed)

    def _next_leg(self, now: MonoNs, tick: ArmTick, feed: Feed) -> Plan | None:
        if self.phase is Phase.LIFT:
            self.phase = Phase.RESET
            self._until_ns = now + RESET_LIMIT_NS
            self._world_episode = self._reset_world() if self._reset_world else 0
            return None
        if self.phase is Phase.TRAVEL:
            self.phase = Phase.DESCEND
            return self._go(now, tick, self._start_pose(feed))
        self.phase, self._target = Phase.ACT, None
        self._begin(now)
        return None

    def _await_reset(self, now: MonoNs, tick: ArmTick, feed: Feed) -> Plan | None:
        """Wait until the simulated world stands at its start; a real one does already."""
        ready = not self._reset_world or (
            feed.world is not None and feed.world.episode == self._world_episode
        )
        if ready:
            self.phase = Phase.TRAVEL
            target = lifted(self._start_pose(feed), self._travel_z_m(tick))
            return self._go(now, tick, target)
        if now > self._until_ns:
            self.problem = "world: did not go to its start within 2 s; is its process alive?"
        return None

    def _go(self, now: MonoNs, tick: ArmTick, target: NDArray[np.float64]) -> Plan:
        plan = leg(tick.T_base_cmd, target, t_start_ns=now, epoch=self._next_epoch())
        self._target, self._until_ns = target, int(plan.t_ns[-1])
        return plan

    def _travel_z_m(self, tick: ArmTick) -> float:
        """Return the travel height in the base frame; never lower than the tool is."""
        table_z_m = float(self._board.T_base_table[2, 3])
        return max(table_z_m + self._cell.task.travel_height_m, float(tick.T_base_cmd[2, 3]))

    def _start_pose(self, feed: Feed) -> NDArray[np.float64]:
        xy_px = np.array(self._cell.task.start_xy_px or BOARD_MIDDLE_PX)
        if self._cell.task.start_xy_px is None and feed.world is not None:
            xy_px = feed.world.start_xy_px
        return self._tool.poses(xy_px[np.newaxis])[0]

    def _begin(self, now: MonoNs) -> None:
        self._source.reset()
        self.t_act_ns = now if self.t_act_ns is None else self.t_act_ns
        self.drivers.append(
            PolicyDriver(
                cell=self._cell,
                spec=self._spec,
                source=self._source,
                executor=make_executor(self._spec, self._cell, first_epoch=self._next_epoch()),
                start_ns=now,
                seed=self._request.seed,
            )
        )

    def _next_epoch(self) -> int:
        self._epoch += 1
        return self._epoch

    def _act(self, now: MonoNs, tick: ArmTick, feed: Feed) -> Plan | None:
        if self.t_act_ns is None:
            raise ValueError("Episode: got no start time, expected one while acting")
        if feed.world is not None and feed.world.success:
            return self._done("success")
        if ns_to_seconds(now - self.t_act_ns) > self._request.max_episode_s:
            return self._done("time")
        plan = self.drivers[-1].step(now, feed.streams, tick.T_base_cmd)
        if plan is not None:
            self._epoch = plan.epoch
        self.problem = self.drivers[-1].why_stuck(now)
        return plan

    def _done(self, outcome: str) -> None:
        self.phase, self.outcome = Phase.DONE, outcome
