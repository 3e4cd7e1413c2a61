"""One episode of a policy, from wherever the tool is to the end: go to the start, act. No clock."""

from collections.abc import Callable
from enum import StrEnum

from robotd.core.clock import MonoNs, ns_to_seconds
from robotd.core.config import CellConfig
from robotd.core.spec import PolicySpec
from robotd.core.types import ArmTick, Plan
from robotd.modes.daemon.feed import Feed
from robotd.modes.daemon.messages import RunRequest
from robotd.modes.daemon.way import Way, task_start
from robotd.pipeline.chunk_source import ChunkSource
from robotd.pipeline.driver import PolicyDriver
from robotd.pipeline.make_executor import make_executor


class Phase(StrEnum):
    """Where an episode is; the first three are the stages of its `Way`."""

    LIFT = "lift"
    RESET = "reset"
    TRAVEL = "travel"
    READY = "ready"
    ACT = "act"
    DONE = "done"


class PolicyEpisode:
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
        may_act: Callable[[MonoNs], bool] = lambda _: True,
    ) -> None:
        """Prepare.

        Args:
            cell: The cell.
            spec: The policy's.
            source: Answers of the policy.
            request: Seed and length.
            reset_world: Orders the simulated world's start and returns the episode's number; None
                in a real cell.
            may_act: Whether the policy may take over now; asked in each cycle once the tool is at
                its start, until it may.
        """
        self._cell, self._spec, self._source, self._request = cell, spec, source, request
        self._reset_world, self._may_act = reset_world, may_act
        self._way = self._way_to_start()
        self._epoch = 0
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
        if self.phase is Phase.READY:
            return self._take_over(now)
        return self._go(now, tick, feed)

    @property
    def next_epoch(self) -> int:
        """Epoch of the next plan."""
        return self._epoch + 1

    def yield_to(self, plan: Plan | None, now: MonoNs, feed: Feed) -> None:
        """Let a person drive in this cycle, by that plan; `resume` gives the arm back."""
        if plan is not None:
            self._epoch = plan.epoch
        self._over(now, feed)

    def resume(self, now: MonoNs) -> None:
        """Go on after a pause or a person: the policy where the tool is, an approach anew."""
        self.problem = ""
        if self.phase is Phase.ACT:
            self._begin(now)
        else:
            self.phase, self._way = Phase.LIFT, self._way_to_start()

    def _way_to_start(self) -> Way:
        task = self._cell.task
        return Way(task, lambda world: task_start(task, world), reset_world=self._reset_world)

    def _go(self, now: MonoNs, tick: ArmTick, feed: Feed) -> Plan | None:
        """Go on with the way to the start; let the policy take over there."""
        plan = self._way.step(now, tick, feed.world, self._epoch + 1)
        if plan is not None:
            self._epoch = plan.epoch
        self.problem, self.phase = self._way.problem, Phase(self._way.stage)
        if self._way.arrived:
            self.phase = Phase.READY
            self._take_over(now)
        return plan

    def _take_over(self, now: MonoNs) -> None:
        if self._may_act(now):
            self.phase = Phase.ACT
            self._begin(now)

    def _begin(self, now: MonoNs) -> None:
        self._source.reset()
        self.t_act_ns = now if self.t_act_ns is None else self.t_act_ns
        speed = self._request.speed
        self.drivers.append(
            PolicyDriver(
                cell=self._cell,
                spec=self._spec,
                source=self._source,
                executor=make_executor(
                    self._spec, self._cell, first_epoch=self._epoch + 1, speed=speed
                ),
                start_ns=now,
                seed=self._request.seed,
                speed=speed,
            )
        )

    def _act(self, now: MonoNs, tick: ArmTick, feed: Feed) -> Plan | None:
        if self._over(now, feed):
            return None
        plan = self.drivers[-1].step(now, feed.streams, tick.T_base_cmd)
        if plan is not None:
            self._epoch = plan.epoch
        self.problem = self.drivers[-1].why_stuck(now)
        return plan

    def _over(self, now: MonoNs, feed: Feed) -> bool:
        """Whether the episode has its goal, or its time is over."""
        if self.t_act_ns is None:
            raise ValueError("PolicyEpisode: got no start time, expected one while acting")
        if feed.world is not None and feed.world.success:
            self.outcome = "success"
        elif ns_to_seconds(now - self.t_act_ns) > self._request.max_episode_s:
            self.outcome = "time"
        self.phase = Phase.DONE if self.outcome else self.phase
        return bool(self.outcome)
