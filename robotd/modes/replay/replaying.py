"""A replay in the daemon: to where the episode began, then its commands at their recorded times."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np

from robotd.core.arm_codes import Limit
from robotd.core.clock import MS, MonoNs, S, ns_to_seconds
from robotd.core.config_teleop import SessionCommand
from robotd.core.errors import SupervisorError
from robotd.core.types import ArmTick, Plan
from robotd.core.world_state import WorldState
from robotd.modes.daemon.activity import Workplace
from robotd.modes.daemon.feed import Feed
from robotd.modes.daemon.way import Way
from robotd.modes.replay.messages import ReplayRequest, ReplayStatus
from robotd.modes.replay.plans import ReplayPlans
from robotd.modes.replay.track import Track, check_inside

WAIT_NS: Final = 2 * S
"""For the recorder's begin."""
LEAD_NS: Final = 50 * MS
"""Between the first window and its first row: a late cycle does not cut it."""


class Phase(StrEnum):
    """Where a replay is."""

    GO = "go"
    SETTLE = "settle"
    ACT = "act"
    DONE = "done"


class Replaying:
    """Makes the plans of one replay; an `Activity`.

    Attributes:
        phase: Where it is.
        outcome: Why it is over; empty while it goes on.
        problem: Why it cannot go on, one sentence.
        episode: Where it is recorded; empty before.
    """

    full_speed = True

    def __init__(self, place: Workplace, request: ReplayRequest, now: MonoNs) -> None:
        """Read the path.

        Raises:
            DatasetError: It cannot be read.
            EnvelopeError: It leaves the present envelope.
            SupervisorError: The recorder does not hold its data set.
        """
        if not place.scribe.ready:
            raise SupervisorError(f"cannot start: {place.scribe.why_not_ready()}")
        self._place, self._request = place, request
        self._track = Track.load(Path(request.track))
        check_inside(self._track, place.cell.envelope)
        self._way: Way | None = None
        self._plans: ReplayPlans | None = None
        self._epoch = self._world_episode = self._until_ns = self._refused_n = 0
        self._t_act_ns: MonoNs | None = None
        self._ended: tuple[str, str] | None = None
        self._score = -1.0
        self._end_ns = now
        self.phase = Phase.GO
        self.outcome = self.problem = self.episode = ""

    def see(self, now: MonoNs, ticks: Sequence[ArmTick], worlds: Sequence[WorldState]) -> None:
        """Count what the gate refused, and note the world's score."""
        del now
        if self.phase is not Phase.ACT:
            return
        self._refused_n += sum(tick.verdict.limit is not Limit.NONE for tick in ticks)
        for world in worlds:
            if world.episode == self._world_episode:
                self._score = world.best_score

    def step(self, now: MonoNs, tick: ArmTick, feed: Feed) -> Plan | None:
        """Do one cycle; return a new plan, or None where the one before still holds."""
        if self.outcome or self.problem:
            return None
        if self.phase is Phase.SETTLE:
            self._await_recorder(now)
            return None
        if self.phase is Phase.ACT:
            return self._act(now, tick)
        return self._go(now, tick, feed)

    def obey(self, command: SessionCommand, now: MonoNs) -> None:
        """Refuse: a replay has no keys but Ctrl-C.

        Raises:
            SupervisorError: Always.
        """
        del now
        raise SupervisorError(f"{command}: a replay has no use for it; stop it instead")

    def paused(self, reason: str, now: MonoNs) -> None:
        """Give up: a path that was interrupted is not the recorded one any more."""
        if self.phase is not Phase.GO:
            self.end("stopped", reason, now)

    def resume(self, now: MonoNs) -> None:
        """Go to the start again.

        Raises:
            SupervisorError: The replay itself was interrupted.
        """
        del now
        if self._ended is not None:
            raise SupervisorError("cannot resume: the replay was interrupted; start it again")
        self.problem, self.phase, self._way = "", Phase.GO, None

    def end(self, outcome: str, reason: str, now: MonoNs) -> None:
        """Note why it is over; the first one counts."""
        if self._ended is None:
            self._ended, self._end_ns = (outcome, reason), now
            self.outcome, self.phase = outcome, Phase.DONE

    def close(self, now: MonoNs) -> None:
        """End what is being recorded."""
        outcome, reason = self._ended or ("stopped", "")
        scribe = self._place.scribe
        if self.episode and scribe.episode == self.episode:
            scribe.end(outcome, reason=reason, score=self._score, now=now)

    def status(self, now: MonoNs) -> ReplayStatus:
        """Return what clients show."""
        until = self._end_ns if self._ended is not None else now
        return ReplayStatus(
            phase=self.phase.value,
            outcome=self.outcome,
            episode=self.episode,
            elapsed_s=ns_to_seconds(until - self._t_act_ns) if self._t_act_ns else 0.0,
            duration_s=ns_to_seconds(self._track.duration_ns),
            score=self._score,
            refused_n=self._refused_n,
        )

    def _go(self, now: MonoNs, tick: ArmTick, feed: Feed) -> Plan | None:
        """Go on with the way to the start; begin to record there."""
        if self._way is None:
            start, resets = self._track.T_base_cmd[0], self._request.board_state is not None
            self._way = Way(
                self._place.cell.task,
                lambda _: start,
                reset_world=self._reset_world if resets and self._place.world else None,
            )
        plan = self._way.step(now, tick, feed.world, self._epoch + 1)
        if plan is not None:
            self._epoch = plan.epoch
        self.problem = self._way.problem
        if self._way.arrived:
            self.phase, self._until_ns = Phase.SETTLE, now + WAIT_NS
            self._begin(now)
        return plan

    def _reset_world(self) -> int:
        if self._place.world is None:
            return 0
        state = np.array(self._request.board_state)
        self._world_episode = self._place.world.reset(self._request.seed, state)
        return self._world_episode

    def _begin(self, now: MonoNs) -> None:
        about = {"replay_of": self._request.episode, "seed": str(self._request.seed)}
        try:
            self.episode = self._place.scribe.begin("replay", about, now)
        except SupervisorError as error:
            self.problem = str(error)

    def _await_recorder(self, now: MonoNs) -> None:
        scribe = self._place.scribe
        if scribe.problem or now > self._until_ns:
            self.problem = scribe.problem or "recorder: did not begin within 2 s"
        elif scribe.begun:
            self.phase = Phase.ACT
            self._plans = ReplayPlans(self._track, MonoNs(now + LEAD_NS))

    def _act(self, now: MonoNs, tick: ArmTick) -> Plan | None:
        if self._plans is None:
            raise ValueError("Replaying: got no plans, expected them while acting")
        if self._t_act_ns is None:
            self._t_act_ns = now
        if self._plans.over(now):
            self.end("done", "", now)
            return None
        if tick.refused_epoch == self._epoch:
            self.problem = "the recorded path is not where the tool is; it was held up on its way"
            return None
        plan = self._plans.step(now, self._epoch + 1)
        if plan is not None:
            self._epoch = plan.epoch
        return plan
