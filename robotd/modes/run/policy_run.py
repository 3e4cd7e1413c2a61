"""A policy drives the arm for one episode, which is recorded: the activity of `robotd run`."""

from collections.abc import Sequence

from robotd.core.clock import MonoNs
from robotd.core.config_teleop import SessionCommand
from robotd.core.errors import SupervisorError
from robotd.core.journal import Label
from robotd.core.types import ArmTick, Plan
from robotd.core.world_state import WorldState
from robotd.modes.daemon.activity import Workplace
from robotd.modes.daemon.feed import Feed
from robotd.modes.daemon.messages import RunRequest, RunStatus
from robotd.modes.run.policy_episode import Phase, PolicyEpisode
from robotd.modes.run.policy_notes import ACT, OVER, TAKEN_OVER, PolicyNotes, request_note
from robotd.modes.run.record import RunRecord
from robotd.modes.run.takeover import Takeover
from robotd.pipeline.slower import check_speed


class PolicyRun:
    """Implements `Activity`: a `PolicyEpisode`, its account for clients and its notes."""

    full_speed = True

    def __init__(self, place: Workplace, request: RunRequest, now: MonoNs) -> None:
        """Prepare; nothing moves.

        Raises:
            SupervisorError: No policy is connected, or the recorder does not hold its data set.
            SpecMismatchError: The policy cannot be run so slowly.
        """
        spec, source, scribe = place.link.spec, place.link.source, place.scribe
        if spec is None or source is None:
            why = place.link.failure or "no policy is connected"
            raise SupervisorError(f"cannot start: {why}")
        if scribe.dataset and not scribe.ready:
            raise SupervisorError(f"cannot start: {scribe.why_not_ready()}")
        check_speed(spec, request.speed, place.cell)
        place.feed.watch_cameras(frozenset(f.key for f in spec.observation if f.image is not None))
        world = place.world
        self._place, self._request, self._spec, self._source = place, request, spec, source
        self._records = bool(scribe.dataset)
        self._id = ""
        self._episode = PolicyEpisode(
            cell=place.cell,
            spec=spec,
            source=source,
            request=request,
            reset_world=None if world is None else lambda: world.reset(request.seed),
            may_act=self._may_act,
        )
        self._record = RunRecord(episode=self._episode, now=now)
        self._notes: list[PolicyNotes] = []
        self._takeover: Takeover | None = None
        if request.arguments is not None:
            self._takeover = Takeover(place, request.arguments, now)

    @property
    def outcome(self) -> str:
        """Why it is over; empty while it goes on."""
        return self._record.outcome or self._episode.outcome

    @property
    def problem(self) -> str:
        """Why it cannot go on; empty while it can."""
        return self._episode.problem

    def see(self, now: MonoNs, ticks: Sequence[ArmTick], worlds: Sequence[WorldState]) -> None:
        """Keep account of the arm, the world and the requests."""
        stats = self._source.take_stats()
        self._record.add(ticks, worlds, self._source.failures)
        if self._takeover is not None:
            self._takeover.see(now)
        if self._place.scribe.episode:
            for each in stats:
                self._place.scribe.note(request_note(each, now))

    def step(self, now: MonoNs, tick: ArmTick, feed: Feed) -> Plan | None:
        """Let the episode do its cycle, or the person who has taken over."""
        if self._takeover is not None and self._episode.phase is Phase.ACT:
            plan = self._by_hand(self._takeover, now, tick, feed)
            if self._takeover.drives:
                return plan
        before = self._episode.t_act_ns
        plan = self._episode.step(now, tick, feed)
        if before is None and self._episode.t_act_ns is not None:
            self._place.scribe.note_event(ACT)
        if len(self._notes) < len(self._episode.drivers):
            self._notes.append(PolicyNotes(self._place.scribe, self._episode.drivers[-1]))
        if self._notes:
            self._notes[-1].follow(now)
        return plan

    def _by_hand(self, takeover: Takeover, now: MonoNs, tick: ArmTick, feed: Feed) -> Plan | None:
        """Let the person do their cycle; the policy goes on anew where they surely let go."""
        drove = takeover.drives
        plan = takeover.step(now, tick, self._episode.next_epoch)
        if takeover.problem:
            self._episode.problem = takeover.problem
        elif takeover.drives:
            if not drove:
                self._place.scribe.note_event(TAKEN_OVER, "a person drives")
                if self._notes:
                    self._notes[-1].end("a person took over", now)
            self._episode.yield_to(plan, now, feed)
        elif drove:
            self._place.scribe.note_event("given back", "the policy drives")
            self._episode.resume(now)
        return plan

    def _may_act(self, now: MonoNs) -> bool:
        """Begin to record; whether the recorder has begun, or there is nothing to record into."""
        scribe = self._place.scribe
        if not self._records:
            return True
        if not self._id:
            try:
                self._id = scribe.begin("run", self._about(), now)
            except SupervisorError as error:
                self._episode.problem = str(error)
                return False
        return scribe.begun

    def _about(self) -> dict[str, str]:
        config = self._place.cell.policy
        return {
            "policy": self._spec.name,
            "checkpoint_sha256": self._spec.checkpoint_sha256,
            "seed": str(self._request.seed),
            "sampler": config.sampler or self._spec.samplers[0].name,
            "steps": str(config.steps),
            "executor": self._place.cell.executor.kind,
            "max_episode_s": f"{self._request.max_episode_s:g}",
            "speed": f"{self._request.speed:g}",
            "realtime": str(self._place.realtime).lower(),
        }

    def obey(self, command: SessionCommand, now: MonoNs) -> None:
        """Refuse: a policy is not told anything while it drives.

        Raises:
            SupervisorError: Always.
        """
        del now
        raise SupervisorError(f"cannot {command}: a policy drives; stop it first")

    def paused(self, reason: str, now: MonoNs) -> None:
        """Count the pause, in which the chunk in force runs out."""
        self._record.pauses_n += 1
        if self._takeover is not None:
            self._takeover.restart()
        if self._notes:
            self._notes[-1].end(f"paused: {reason}", now)

    def resume(self, now: MonoNs) -> None:
        """Go on: the policy anew where the tool is; not where its recording was lost."""
        if self._id and not self._place.scribe.episode:
            self._episode.problem = f"{self._id} is recorded no more: stop, and start another"
            return
        self._episode.resume(now)

    def end(self, outcome: str, reason: str, now: MonoNs) -> None:
        """Note the end; the first one counts."""
        if not self._record.outcome:
            self._place.scribe.note_event(OVER, outcome)
        self._record.end(outcome, reason, now)

    def close(self, now: MonoNs) -> None:
        """Complete the recording: the arm rests."""
        if self._takeover is not None:
            self._takeover.close()
            self._takeover = None
        if self._notes:
            self._notes[-1].end(f"the run was over: {self.outcome}", now)
        self._place.scribe.end(
            self._record.outcome or "stopped",
            reason=self._record.problem,
            label=self._label(),
            score=self._record.score,
            now=now,
        )

    def _label(self) -> Label:
        """What the mock's world says; a real one says nothing."""
        if self._place.world is None:
            return ""
        labels: dict[str, Label] = {"success": "success", "time": "failure"}
        return labels.get(self._record.outcome, "")

    def status(self, now: MonoNs) -> RunStatus:
        """Return the account so far."""
        return self._record.status(now, self._id)
