"""The collecting session: what a person and the machine say in, what is to be done out.

Pure: no clock, no arm, no recorder. It never waits and never asks back; whatever does not fit the
present state is refused in one line that says what would.
"""

from dataclasses import dataclass

from robotd.core.errors import SupervisorError
from teleop.session_actions import (
    Action,
    BeginRecording,
    DropEpisode,
    EndRecording,
    Finish,
    Goal,
    GoTo,
    Mark,
    ResetWorld,
    RestoreEpisode,
)
from teleop.session_table import AT_LEISURE, MOVABLE, TRANSITIONS, Command, Event, State

ENDINGS: dict[Command | Event, EndRecording] = {
    Command.STOP: EndRecording(outcome="stopped"),
    Command.TOGGLE: EndRecording(outcome="stopped"),
    Command.SUCCESS: EndRecording(outcome="success", label="success"),
    Command.FAILURE: EndRecording(outcome="failure", label="failure"),
    Command.DROP: EndRecording(outcome="dropped", keep=False),
    Command.QUIT: EndRecording(outcome="stopped"),
    Event.TASK_DONE: EndRecording(outcome="success", label="success"),
    Event.TIME_UP: EndRecording(outcome="time"),
    Event.PAUSED: EndRecording(outcome="paused"),
}
"""How an episode ends by what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConfig:
    """How a session goes.

    Attributes:
        own_world: The world is simulated and sets itself up; else a person does.
        by_itself: Nobody is there: it records whenever it is ready, and ends where it cannot.
    """

    own_world: bool = False
    by_itself: bool = False


class Session:
    """The present state, changed only through `TRANSITIONS`.

    Attributes:
        state: Where it stands.
        reason: Why the last thing asked of the recorder was refused; empty while all is well.
        attempt: Number of the present attempt, from 1; 0 before the first.
        stage: Stages marked in the open episode.
        kept: Complete episodes, the newest last.
        dropped: Those in the trash, the one dropped last last.
    """

    def __init__(self, config: SessionConfig) -> None:
        """Stand before the first motion; `begin` makes it."""
        self._config = config
        self.state = State.CLEARING
        self.reason = ""
        self.attempt = 0
        self.stage = 0
        self._ending: EndRecording | None = None
        self.kept: list[str] = []
        self.dropped: list[str] = []

    @property
    def movable(self) -> bool:
        """Whether the device may move the tool."""
        return self.state in MOVABLE

    @property
    def recording(self) -> bool:
        """Whether an episode is open for the person."""
        return self.state is State.RECORDING

    @property
    def possible(self) -> tuple[Command, ...]:
        """What can be said now."""
        return tuple(
            command
            for command in Command
            if (self.state, command) in TRANSITIONS and not self._why_not(command)
        )

    def begin(self) -> tuple[Action, ...]:
        """Return what is to be done first."""
        return self._entered(State.CLEARING)

    def command(self, command: Command) -> tuple[Action, ...]:
        """Obey a person; returns what is to be done, in order.

        Raises:
            SupervisorError: It does not fit now; says what does.
        """
        why = "" if (self.state, command) in TRANSITIONS else f"while {self.state.value}"
        if why := why or self._why_not(command):
            possible = ", ".join(self.possible) or "nothing"
            raise SupervisorError(f"cannot {command.value} {why}; possible now: {possible}")
        return self._handle(command)

    def event(self, event: Event, *, episode: str = "", reason: str = "") -> tuple[Action, ...]:
        """Take note of the machine; what comes too late for the present state changes nothing.

        Args:
            event: What happened.
            episode: Of `committed`, and of a `refused` drop or restore: which.
            reason: Of `refused` and `paused`: why, one sentence.
        """
        if event is Event.REFUSED and episode in (*self.kept, *self.dropped):
            self.reason = reason  # it was asked for before whatever goes on now
            return self._revert(episode)
        if (self.state, event) not in TRANSITIONS:
            return ()
        if event in (Event.REFUSED, Event.PAUSED):
            self.reason = reason
        if event is Event.COMMITTED:
            self._sort(episode)
        if event is Event.REFUSED and self.state in AT_LEISURE:
            return ()
        return self._handle(event)

    def _why_not(self, command: Command) -> str:
        """Return what a command lacks, beside the state; empty where nothing."""
        if command is Command.UNDO and not self.dropped:
            return "as nothing was dropped"
        if command is Command.DROP and self.state in AT_LEISURE and not self.kept:
            return "as nothing was kept"
        if self.state is State.RESET and self._config.own_world:
            onward = (Command.START, Command.TOGGLE, Command.RESET)
            return "as the world is setting itself up" if command in onward else ""
        return ""

    def _handle(self, what: Command | Event) -> tuple[Action, ...]:
        before, target = self.state, TRANSITIONS[self.state, what]
        self.state = target
        if what is Event.RESUMED:
            self.reason = ""
        if before is target:
            return self._stayed(what)
        actions: tuple[Action, ...] = ()
        if before is State.RECORDING and what is not Event.REFUSED:
            self._ending = ENDINGS[what]
            actions = (self._ending,)
        if self._config.by_itself and (automatic := self._by_itself(before, what)):
            return actions + self._handle(automatic)
        return actions + self._entered(target)

    def _by_itself(self, before: State, what: Command | Event) -> Command | None:
        """Return what a session without a person says to itself in its new state."""
        if what is Event.REFUSED and before in (State.RECORDING, State.SAVING):
            return Command.QUIT
        if self.state is not State.READY:
            return None
        if what is Event.RESUMED:
            return Command.RESET
        return Command.START if before is State.PLACING else None

    def _entered(self, state: State) -> tuple[Action, ...]:
        if state in (State.CLEARING, State.HOMING):
            return (GoTo(goal=Goal.HOME),)
        if state is State.RESET:
            self.attempt += 1
            return (ResetWorld(attempt=self.attempt),)
        if state is State.PLACING:
            return (GoTo(goal=Goal.START),)
        if state is State.RECORDING:
            self.stage = 0
            return (BeginRecording(attempt=self.attempt),)
        return (Finish(reason=self.reason),) if state is State.ENDED else ()

    def _stayed(self, what: Command | Event) -> tuple[Action, ...]:
        if what is Command.STAGE:
            self.stage += 1
            return (Mark(stage=self.stage),)
        if what is Command.DROP:
            self.dropped.append(self.kept.pop())
            return (DropEpisode(episode=self.dropped[-1]),)
        self.kept.append(self.dropped.pop())
        return (RestoreEpisode(episode=self.kept[-1]),)

    def _sort(self, episode: str) -> None:
        """Take the episode that was just completed to where it belongs."""
        keep = self._ending is None or self._ending.keep
        self._ending = None
        (self.kept if keep else self.dropped).append(episode)

    def _revert(self, episode: str) -> tuple[Action, ...]:
        """The recorder could not drop or restore it: it is still where it was."""
        for pile, other in ((self.kept, self.dropped), (self.dropped, self.kept)):
            if episode in pile:
                pile.remove(episode)
                other.append(episode)
                break
        return ()
