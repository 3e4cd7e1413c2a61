"""A collecting session in the daemon: one RUNNING from `start` until somebody quits.

The session's table says what is to be done; here it is done, with the recorder, the world and the
arm. A device moves the arm in two of its states alone, and only while its button is held.
"""

from collections.abc import Sequence
from typing import Final

from robotd.core.clock import MonoNs, S
from robotd.core.config_teleop import SessionCommand
from robotd.core.errors import SupervisorError
from robotd.core.process_names import TELEOP
from robotd.core.types import ArmTick, Plan
from robotd.core.world_state import WorldState
from robotd.modes.collect.hand import Hand, in_time
from robotd.modes.collect.messages import CollectRequest, CollectStatus
from robotd.modes.collect.places import check_places, place_of
from robotd.modes.collect.recording import Heard, Recording
from robotd.modes.collect.scene import Scene
from robotd.modes.daemon.activity import Workplace
from robotd.modes.daemon.feed import Feed
from teleop.deadman import Readiness
from teleop.mapping import TeleopMapping
from teleop.session import Session, SessionConfig
from teleop.session_actions import (
    Action,
    BeginRecording,
    DropEpisode,
    EndRecording,
    Finish,
    GoTo,
    Mark,
    ResetWorld,
)
from teleop.session_table import PROMPT, TRAVELS, Command, Event, State

SILENT_NS: Final = 1 * S
"""A device silent for so long while it is recorded is lost; its process is started anew."""
SPEAKS_NS: Final = 30 * S
"""A session without a person waits so long for its operator's first word."""
IDLE_NS: Final = 3 * S
"""An operator without a person that has let go for so long has done what it can."""

PAUSED, TIME = "paused", "time"


class Collecting:
    """Implements `Activity`.

    Attributes:
        outcome: Why it is over; empty while it goes on.
        problem: Why it cannot go on, one sentence.
    """

    full_speed = False

    def __init__(self, place: Workplace, request: CollectRequest, now: MonoNs) -> None:
        """Prepare; nothing moves.

        Raises:
            SupervisorError: The recorder does not hold its data set, or the request is none.
            EnvelopeError: The tool could not go to where episodes start.
        """
        if not place.scribe.ready:
            raise SupervisorError(f"cannot start: {place.scribe.why_not_ready()}")
        if request.by_itself and place.world is None:
            raise SupervisorError("cannot start: a real arm is not moved without a person")
        check_places(place.cell, request)
        self._place, self._request = place, request
        self._scene = Scene(place, request)
        self._session = Session(
            SessionConfig(own_world=self._scene.simulated, by_itself=request.by_itself)
        )
        self._recording = Recording(place.scribe)
        self._hand = Hand(place.run_dir, place.cell.teleop, now)
        self._mapping = TeleopMapping(in_time(place.cell.teleop), place.cell.envelope)
        self._readiness = Readiness.STALE
        self._score = -1.0
        self._epoch = 0
        self._began = self._movable = False
        self._due: Event | None = None
        self._due_ns = now
        self._told = ""
        self.outcome = self.problem = ""

    # What comes in

    def see(self, now: MonoNs, ticks: Sequence[ArmTick], worlds: Sequence[WorldState]) -> None:
        """Hear the device, the recorder and the world; also while paused."""
        del ticks
        for world in worlds:
            if self._scene.own(world) is not None:
                self._score = world.best_score
        for command in self._hand.read(now):
            try:
                self._say(command, now)
            except SupervisorError as error:
                self._told = str(error)
        for heard in self._recording.look():
            self._hear(heard, now)

    def _hear(self, heard: Heard, now: MonoNs) -> None:
        self._do(self._session.event(heard.event, episode=heard.episode, reason=heard.reason), now)
        self._end_where_enough(now)

    def _end_where_enough(self, now: MonoNs) -> None:
        request, account = self._request, self._recording.account
        counted_n = account.counted_n(failures=request.count_failures)
        enough = 0 < request.episodes <= counted_n
        if not enough and not 0 < request.max_tries <= account.tries_n:
            return
        if self._session.state not in (State.ENDING, State.ENDED):
            self._do(self._session.command(Command.QUIT), now)

    def obey(self, command: SessionCommand, now: MonoNs) -> None:
        """Do what the person says.

        Raises:
            SupervisorError: It does not fit now; says what does.
        """
        self._told = ""
        self._say(Command(command), now)

    def _say(self, command: Command, now: MonoNs) -> None:
        """Pass a command on; on a way, the key that begins and ends all else halts the arm."""
        by_person = not self._request.by_itself
        if by_person and command is Command.TOGGLE and self._session.state in TRAVELS:
            self.problem = "halted on its way"
            return
        self._do(self._session.command(command), now)

    # What is done

    def step(self, now: MonoNs, tick: ArmTick, feed: Feed) -> Plan | None:
        """Do one cycle of motion."""
        if self.outcome or self.problem:
            return None
        if not self._began:
            self._began = True
            if self._request.arguments is not None:
                self._place.children.start_one(TELEOP, self._request.arguments)
            self._do(self._session.begin(), now)
        self._watch(now, feed.world)
        plan = self._drive(now, tick) if self._session.movable else self._go(now, tick, feed)
        if self._session.movable and not self._movable:
            self._mapping.begin(now, tick.T_base_cmd)
        self._movable = self._session.movable
        if plan is not None:
            self._epoch = plan.epoch
        return plan

    def _watch(self, now: MonoNs, world: WorldState | None) -> None:
        """See what ends an episode by itself."""
        if not self._session.recording:
            return
        own = self._scene.own(world)
        if own is not None and own.success:
            self._do(self._session.event(Event.TASK_DONE), now)
        elif self._recording.elapsed_s(now) > self._request.max_episode_s or self._given_up(now):
            self._do(self._session.event(Event.TIME_UP), now)
        elif self._hand.silent_ns(now) > SILENT_NS:
            self.problem = f"teleop: the device was not heard for {SILENT_NS // S} s"
            if self._request.arguments is not None:
                self._place.children.kill(TELEOP)  # it hangs: only a new one can be heard again

    def _given_up(self, now: MonoNs) -> bool:
        """Whether an operator without a person has let go: it has done what it can."""
        idle_ns = min(self._hand.idle_ns(now), round(self._recording.elapsed_s(now) * S))
        return self._request.by_itself and idle_ns > IDLE_NS

    def _drive(self, now: MonoNs, tick: ArmTick) -> Plan | None:
        """Let the device move the tool."""
        if not self._movable:
            return None  # in the next cycle, from where the tool stands now
        done = self._mapping.step(now, self._hand.newest, tick.T_base_cmd, epoch=self._epoch + 1)
        self._readiness = done.readiness
        return done.plan

    def _go(self, now: MonoNs, tick: ArmTick, feed: Feed) -> Plan | None:
        """Go on with the way between episodes."""
        plan, event = self._scene.step(now, tick, feed.world, self._epoch + 1)
        if self._scene.problem:
            self.problem = f"{self._session.state.value.lower()}: {self._scene.problem}"
        if event is not None:
            self._due, self._due_ns = event, now
        if self._due is not None and self._may_go_on(now):
            due, self._due = self._due, None
            self._do(self._session.event(due), now)
        return plan

    def _may_go_on(self, now: MonoNs) -> bool:
        """Whether an operator without a person is there before its episode begins."""
        waits = self._request.by_itself and self._session.state is State.PLACING
        if not waits or self._hand.silent_ns(now) < SILENT_NS:
            return True
        if now - self._due_ns > SPEAKS_NS:
            self.problem = f"teleop: its operator says nothing for {SPEAKS_NS // S} s; see its log"
        return False

    def _do(self, actions: tuple[Action, ...], now: MonoNs) -> None:
        """Do what the session wants, and what follows from that."""
        for action in actions:
            answer = self._act(action, now)
            if answer is not None:
                self._hear(answer, now)

    def _act(self, action: Action, now: MonoNs) -> Heard | None:
        if isinstance(action, GoTo):
            self._due = None
            self._scene.go(action)
        elif isinstance(action, ResetWorld):
            self._score = -1.0
            self._scene.reset(action.attempt, now)
        elif isinstance(action, BeginRecording):
            return self._begin(action, now)
        elif isinstance(action, EndRecording):
            return self._end(action, now)
        elif isinstance(action, DropEpisode):
            self._recording.drop(action.episode)
        elif isinstance(action, Mark):
            self._place.scribe.note_event("stage", str(action.stage))
        elif isinstance(action, Finish):
            self.outcome = self.outcome or ("refused" if action.reason else "quit")
            self._told = self._told or action.reason
        else:
            self._recording.restore(action.episode)
        return None

    def _begin(self, action: BeginRecording, now: MonoNs) -> Heard | None:
        request = self._request
        if self._hand.silent_ns(now) > SILENT_NS:
            return Heard(Event.REFUSED, reason="cannot record: the device is not heard")
        about = {
            "operator": request.operator,
            "seed": str(place_of(request, action.attempt - 1).seed),
            "attempt": str(action.attempt),
            "start": request.start,
            "max_episode_s": f"{request.max_episode_s:g}",
            "realtime": str(self._place.realtime).lower(),
            **request.about,
        }
        try:
            self._recording.begin(about, now)
        except SupervisorError as error:
            return Heard(Event.REFUSED, reason=str(error))
        return None

    def _end(self, action: EndRecording, now: MonoNs) -> Heard | None:
        if action.outcome == PAUSED:
            return self._recording.interrupt(self._session.reason, score=self._score, now=now)
        label = self._request.time_label if action.outcome == TIME else action.label
        return self._recording.end(
            action.outcome, label=label, score=self._score, keep=action.keep, now=now
        )

    # How it is interrupted and ends

    def paused(self, reason: str, now: MonoNs) -> None:
        """End the open episode and keep it; a person may resume."""
        self._scene.halt()
        self._movable, self._due = False, None
        self._do(self._session.event(Event.PAUSED, reason=reason), now)

    def resume(self, now: MonoNs) -> None:
        """Go on, with the tool where it is."""
        self.problem = self._told = ""
        self._do(self._session.event(Event.RESUMED), now)

    def end(self, outcome: str, reason: str, now: MonoNs) -> None:
        """Note why it is over; an open episode is kept."""
        self._recording.end(outcome, reason=reason, score=self._score, whole=False, now=now)
        self._movable = False
        self._told = self._told or reason
        self.outcome = self.outcome or outcome

    def close(self, now: MonoNs) -> None:
        """The arm rests: end the operator's process."""
        self.end("stopped", "", now)
        if self._request.arguments is not None:
            self._place.children.stop_one(TELEOP)
        self._hand.close()

    def status(self, now: MonoNs) -> CollectStatus:
        """Return what clients show."""
        for heard in self._recording.look() if self.outcome else ():
            self._hear(heard, now)
        return CollectStatus(
            session=(State.ENDED if self.outcome else self._session.state).value,
            prompt=PROMPT[State.ENDED if self.outcome else self._session.state],
            possible=() if self.outcome else tuple(c.value for c in self._session.possible),
            outcome=self.outcome,
            operator=self._request.operator,
            open=self._recording.status(now, self._request.max_episode_s, self._score),
            last=self._recording.account.last.status(),
            counts=self._recording.account.status(failures=self._request.count_failures),
            note=self._session.reason or self._told,
            teleop=self._hand.silent_ns(now) < SILENT_NS,
            neutral=self._readiness is Readiness.NEUTRAL_NEEDED,
        )
