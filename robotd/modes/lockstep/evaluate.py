"""Evaluates a policy through the whole cell in lockstep: many episodes, no waiting, by seed."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import ArmPhase, Limit
from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MonoNs, ns_to_seconds, seconds_to_ns
from robotd.core.config import CellConfig
from robotd.core.parallel import map_in_processes
from robotd.core.protocols import Policy
from robotd.core.types import ArmTick
from robotd.modes.lockstep.cell import CYCLE_NS, Faults, LockstepCell, instant
from robotd.modes.lockstep.result import EpisodeResult
from robotd.pipeline.driver import PolicyDriver
from robotd.pipeline.local_policy import LocalPolicyClient
from robotd.pipeline.make_executor import lead_ns_for, make_executor
from robotd.servo.plan_track import pose_at

Array = NDArray[np.float64]
Times = NDArray[np.int64]
PolicyFactory = Callable[[], Policy]

SETTLE_S: Final = 0.3
"""The armed tool rests so long before the policy takes over: the streams are filled."""
STOP_LIMIT_S: Final = 2.0
"""After the policy is lost, the arm is watched so long until it rests."""
REST_CYCLES: Final = 30
"""It has stopped when its setpoint stood still for so many cycles: ten times the servo's lag."""
NEVER_S: Final = 1e6
"""A response that never comes [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """What the cell's own configuration does not say.

    Attributes:
        response_s: Measured times from asking the policy to its answer [s]; each request draws one.
    """

    response_s: tuple[float, ...] = (0.03,)


class _Run:
    """One episode in progress."""

    def __init__(
        self,
        cell: CellConfig,
        policy: Policy,
        seed: int,
        latencies: Latencies,
        faults: Faults,
        speed: float,
    ) -> None:
        spec = policy.spec
        images = frozenset(f.key for f in spec.observation if f.image is not None)
        self.cell = LockstepCell(cell, seed=seed, cameras=images)
        for _ in range(seconds_to_ns(SETTLE_S) // CYCLE_NS):
            self.cell.beat()
            self.cell.cycle()
        self.start_ns = self.cell.now
        self.first_tick = len(self.cell.ticks)
        self._rng = np.random.default_rng(seed)
        self._latencies, self._faults = latencies, faults
        self._server_stops_ns = instant(self.start_ns, faults.server_stops_s)
        self.cell.cameras_stop_ns = instant(self.start_ns, faults.cameras_stop_s)
        source = LocalPolicyClient(policy, self.cell.clock, latency_s=self._response_s)
        executor = make_executor(
            spec,
            cell,
            expected_response_s=max(latencies.response_s),
            first_epoch=1,
            speed=speed,
        )
        self.driver = PolicyDriver(
            cell=cell,
            spec=spec,
            source=source,
            executor=executor,
            start_ns=self.start_ns,
            seed=seed,
            speed=speed,
        )
        self._lead_ns = lead_ns_for(spec, cell)
        self._board = BoardFrame.of_task(cell.task)
        self._sent_px: list[Array] = []
        self._coverage: list[float] = []

    def step(self) -> None:
        """Let the conductor do its cycle, then one period pass."""
        cell, now = self.cell, self.cell.now
        if now < instant(self.start_ns, self._faults.conductor_stops_s):
            plan = self.driver.step(now, cell.streams, cell.tick.T_base_cmd)
            if plan is None:
                cell.beat()
            else:
                cell.order(plan)
        self._note(now)
        cell.cycle()

    def lost(self) -> str:
        """Say why the policy cannot go on; empty while it can."""
        now = self.cell.now
        if now >= instant(self.start_ns, self._faults.conductor_stops_s):
            return "conductor: stopped"
        return self.driver.why_stuck(now)

    def come_to_rest(self) -> None:
        """Watch the arm brake, as far as its plan and the conductor let it."""
        give_up_ns, resting_n = self.cell.now + seconds_to_ns(STOP_LIMIT_S), 0
        while self.cell.now < give_up_ns and resting_n < REST_CYCLES:
            if self.cell.now < instant(self.start_ns, self._faults.conductor_stops_s):
                self.cell.beat()
            self._note(self.cell.now)
            self.cell.cycle()
            resting_n = resting_n + 1 if at_rest(self.cell.tick) else 0

    def result(self, seed: int, outcome: str, message: str) -> EpisodeResult:
        """Sum up."""
        state, ticks = self.cell.state, self.cell.ticks[self.first_tick :]
        limits = [t.verdict.limit for t in ticks if t.verdict.limit is not Limit.NONE]
        t_ns = self.start_ns + CYCLE_NS * np.arange(len(self._sent_px))
        sent_px = np.array(self._sent_px).reshape(-1, 2)
        return EpisodeResult(
            seed=seed,
            outcome=outcome,
            message=message,
            score=state.best_score,
            max_coverage=state.best_coverage,
            success=state.success,
            duration_s=ns_to_seconds(self.cell.now - self.start_ns),
            t_s=(t_ns - self.start_ns) / 1e9,
            coverage=np.array(self._coverage),
            tool_px=self._tool_px(t_ns),
            wanted_px=_at_each(t_ns - self._lead_ns, t_ns, sent_px),
            chunks=tuple(self.driver.executor.records),
            starved_n=self.driver.executor.starved_n,
            refused_n=len(limits),
            limits_n={limit.name.lower(): limits.count(limit) for limit in sorted(set(limits))},
            breaches_n=len(self.cell.arm.oracle.breaches),
            ticks_n=len(ticks),
            at_rest=at_rest(self.cell.tick),
        )

    def _note(self, now: MonoNs) -> None:
        plan = self.cell.plan
        if plan is None or now > plan.valid_until_ns:
            self._sent_px.append(np.full(2, np.nan))
        else:
            self._sent_px.append(self._board.to_px(pose_at(plan, now)[:3, 3]))
        self._coverage.append(self.cell.state.coverage)

    def _tool_px(self, t_ns: Times) -> Array:
        """Return where the tool was at each instant, between the states that the arm reported."""
        states = [tick.state for tick in self.cell.ticks]
        p_base = np.stack([state.T_base_tcp[:3, 3] for state in states])
        measured_ns = np.array([state.t_ns for state in states])
        return _at_each(t_ns, measured_ns, self._board.to_px(p_base))

    def _response_s(self) -> float:
        response_s = float(self._rng.choice(self._latencies.response_s))
        return NEVER_S if self.cell.now >= self._server_stops_ns else response_s


def run_episode(
    cell: CellConfig,
    policy: Policy,
    seed: int,
    latencies: Latencies | None = None,
    faults: Faults | None = None,
    *,
    speed: float = 1.0,
) -> EpisodeResult:
    """Run one Push-T episode through observation, policy, executor, follower, gate, arm and world.

    The tool starts where the paper's protocol puts the agent, armed and at rest. Deterministic.

    Args:
        cell: A mock cell.
        policy: What acts; stateless.
        seed: Of the start, the sampling noise, the tracker's noise and the latencies drawn.
        latencies: What the cell's configuration does not say.
        faults: What goes wrong and when.
        speed: Share of the policy's own speed; an episode may last as much longer.

    Raises:
        SpecMismatchError: The policy does not fit the cell.
        EnvelopeError: The arm cannot stand at the start within its envelope.
    """
    run = _Run(cell, policy, seed, latencies or Latencies(), faults or Faults(), speed)
    end_ns = run.start_ns + seconds_to_ns(cell.task.max_episode_s / speed)
    while run.cell.now < end_ns:
        run.step()
        if run.cell.state.success:
            return run.result(seed, "success", "")
        if message := run.lost():
            run.come_to_rest()
            return run.result(seed, "stopped", message)
    return run.result(seed, "time", "")


def at_rest(tick: ArmTick) -> bool:
    """Whether the arm holds still, by its own account."""
    return tick.phase in (ArmPhase.HOLDING, ArmPhase.DISARMED, ArmPhase.FAULT)


def evaluate(
    cell: CellConfig,
    policy_factory: PolicyFactory,
    seeds: Sequence[int],
    *,
    workers: int = 1,
    latencies: Latencies | None = None,
) -> Generator[EpisodeResult]:
    """Run one episode for each seed and yield the results in their order, as they come.

    Args:
        cell: A mock cell.
        policy_factory: Returns the policy, asked in each process and for each episode; must be
            importable by name.
        seeds: One episode each.
        workers: Processes; 1: this one.
        latencies: As in `run_episode`.

    Raises:
        ProcessDiedError: A process was killed.
    """
    return map_in_processes(partial(_episode, cell, policy_factory, latencies), seeds, workers)


def _episode(
    cell: CellConfig, policy_factory: PolicyFactory, latencies: Latencies | None, seed: int
) -> EpisodeResult:
    return run_episode(cell, policy_factory(), seed, latencies)


def _at_each(t_ns: Times, known_ns: Times, xy_px: Array) -> Array:
    """Return (N, 2) places on the lines between known ones; NaN before the first."""
    axes = [np.interp(t_ns, known_ns, xy_px[:, axis], left=np.nan) for axis in range(2)]
    return np.stack(axes, axis=1)
