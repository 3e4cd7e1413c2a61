"""The collecting session as a table and as a machine."""

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from robotd.core.config_teleop import SessionCommand
from robotd.core.errors import SupervisorError
from teleop.keys import help_lines
from teleop.session import Session, SessionConfig
from teleop.session_actions import (
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
from teleop.session_table import PROMPT, TRANSITIONS, Command, Event, State, mermaid

HOME, START = GoTo(goal=Goal.HOME), GoTo(goal=Goal.START)


def session(**config) -> Session:
    made = Session(SessionConfig(**config))
    made.begin()
    return made


def ready(**config) -> Session:
    made = session(**config)
    for event in (Event.ARRIVED, Event.WORLD_RESET, Event.ARRIVED):
        made.event(event)
    return made


def recorded(made: Session, episode: str, end: Command = Command.STOP) -> Session:
    """One episode, and back to where the next one can begin."""
    made.command(Command.START)
    made.command(end)
    made.event(Event.COMMITTED, episode=episode)
    for event in (Event.ARRIVED, Event.WORLD_RESET, Event.ARRIVED):
        made.event(event)
    return made


def test_commands_are_those_of_the_configuration():
    assert {command.value for command in Command} == set(get_args(SessionCommand))


def test_every_state_can_be_reached_left_and_explained():
    assert {target for target in TRANSITIONS.values()} | {State.CLEARING} == set(State)
    assert {source for source, _ in TRANSITIONS} | {State.ENDED} == set(State)
    assert set(PROMPT) == set(State)


def test_quit_leads_to_the_end_from_everywhere():
    for state in set(State) - {State.ENDED}:
        target = TRANSITIONS[state, Command.QUIT]
        assert target is State.ENDED or TRANSITIONS[target, Command.QUIT] is State.ENDED


def test_a_pause_is_known_wherever_the_arm_may_move():
    still = {State.PAUSED, State.PAUSED_SAVING, State.ENDING, State.ENDED}
    for state in set(State) - still:
        assert (state, Event.PAUSED) in TRANSITIONS


@pytest.mark.parametrize(
    ("mark", "shown"),
    [
        ("session", f"```mermaid\n{mermaid()}\n```\n"),
        ("keys", "```\n" + "\n".join(help_lines(("x", "y"))) + "\n```\n"),
    ],
)
def test_the_document_shows_keys_and_states_as_they_are(mark, shown):
    text = (Path(__file__).parents[2] / "docs" / "collecting.md").read_text()

    assert text.partition(f"<!-- {mark} -->\n")[2].partition(f"<!-- /{mark} -->")[0] == shown


def test_it_is_drawn_from_the_table():
    drawn = mermaid()
    assert drawn.startswith("stateDiagram-v2\n    [*] --> CLEARING\n")
    assert "    READY --> RECORDING: start, toggle\n" in drawn + "\n"


def test_an_attempt_clears_the_scene_sets_it_up_and_goes_to_its_start():
    made = Session(SessionConfig())
    assert made.begin() == (HOME,)
    assert made.event(Event.ARRIVED) == (ResetWorld(attempt=1),)
    assert made.event(Event.WORLD_RESET) == (START,)
    assert made.event(Event.ARRIVED) == ()
    assert made.state is State.READY
    assert made.movable


def test_attempts_are_numbered():
    made = recorded(ready(), "a")
    assert made.command(Command.START) == (BeginRecording(attempt=2),)


def test_a_person_says_when_the_scene_is_set_up():
    made = session()
    made.event(Event.ARRIVED)
    assert made.command(Command.TOGGLE) == (START,)


def test_a_simulated_world_is_waited_for():
    made = session(own_world=True)
    made.event(Event.ARRIVED)
    with pytest.raises(SupervisorError, match="setting itself up"):
        made.command(Command.TOGGLE)
    assert Command.TOGGLE not in made.possible


@pytest.mark.parametrize(
    ("end", "ending"),
    [
        (Command.STOP, EndRecording(outcome="stopped")),
        (Command.TOGGLE, EndRecording(outcome="stopped")),
        (Command.SUCCESS, EndRecording(outcome="success", label="success")),
        (Command.FAILURE, EndRecording(outcome="failure", label="failure")),
        (Command.DROP, EndRecording(outcome="dropped", keep=False)),
    ],
)
def test_a_person_ends_an_episode(end, ending):
    made = ready()
    assert made.command(Command.TOGGLE) == (BeginRecording(attempt=1),)
    assert made.command(end) == (ending,)
    assert made.state is State.SAVING
    assert made.event(Event.COMMITTED, episode="a") == (HOME,)


@pytest.mark.parametrize(("event", "label"), [(Event.TASK_DONE, "success"), (Event.TIME_UP, "")])
def test_the_machine_ends_an_episode(event, label):
    made = ready()
    made.command(Command.START)
    (ending,) = made.event(event)
    assert ending.label == label
    assert ending.keep


def test_it_knows_what_became_of_episodes():
    made = ready()
    for episode, end in (("a", Command.SUCCESS), ("b", Command.FAILURE), ("c", Command.DROP)):
        recorded(made, episode, end)
    assert (made.kept, made.dropped) == (["a", "b"], ["c"])
    assert made.command(Command.UNDO) == (RestoreEpisode(episode="c"),)
    assert (made.kept, made.dropped) == (["a", "b", "c"], [])


def test_drops_are_undone_in_reverse():
    made = recorded(recorded(ready(), "a"), "b")
    assert made.command(Command.DROP) == (DropEpisode(episode="b"),)
    assert made.command(Command.DROP) == (DropEpisode(episode="a"),)
    assert made.command(Command.UNDO) == (RestoreEpisode(episode="a"),)
    assert made.command(Command.UNDO) == (RestoreEpisode(episode="b"),)
    assert made.kept == ["a", "b"]


@pytest.mark.parametrize(
    ("command", "says"), [(Command.DROP, "nothing was kept"), (Command.UNDO, "nothing was dropped")]
)
def test_there_must_be_something_to_drop_or_to_bring_back(command, says):
    made = ready()
    assert command not in made.possible
    with pytest.raises(SupervisorError, match=says):
        made.command(command)


def test_a_refused_drop_and_a_refused_restore_change_nothing():
    made = recorded(ready(), "a")
    made.command(Command.DROP)
    assert made.event(Event.REFUSED, episode="a", reason="the disk is gone") == ()
    assert (made.kept, made.dropped, made.reason) == (["a"], [], "the disk is gone")
    made.command(Command.DROP)
    made.command(Command.UNDO)
    made.event(Event.REFUSED, episode="a", reason="not in the trash")
    assert (made.kept, made.dropped) == ([], ["a"])


@pytest.mark.parametrize("ended", [False, True])
def test_a_drop_that_is_refused_late_does_not_touch_the_episode_recorded_meanwhile(ended):
    made = recorded(ready(), "a")
    made.command(Command.DROP)
    made.command(Command.START)
    if ended:
        made.command(Command.STOP)
    assert made.event(Event.REFUSED, episode="a", reason="the disk is gone") == ()
    assert made.state is (State.SAVING if ended else State.RECORDING)
    assert (made.kept, made.dropped, made.reason) == (["a"], [], "the disk is gone")


def test_what_does_not_fit_is_refused_in_one_line_that_says_what_would():
    made = ready()
    with pytest.raises(SupervisorError) as caught:
        made.command(Command.SUCCESS)
    assert str(caught.value) == (
        "cannot success while READY; possible now: start, toggle, home, reset, quit"
    )


def test_stages_count_anew_in_every_episode():
    made = ready()
    made.command(Command.START)
    assert made.command(Command.STAGE) == (Mark(stage=1),)
    assert made.command(Command.STAGE) == (Mark(stage=2),)
    made.command(Command.STOP)
    made.event(Event.COMMITTED, episode="a")
    for event in (Event.ARRIVED, Event.WORLD_RESET, Event.ARRIVED):
        made.event(event)
    made.command(Command.START)
    assert made.command(Command.STAGE) == (Mark(stage=1),)


def test_home_goes_home_and_reset_sets_the_scene_up_again():
    made = ready()
    assert made.command(Command.HOME) == (HOME,)
    assert made.event(Event.ARRIVED) == ()
    assert made.state is State.READY
    assert made.command(Command.RESET) == (HOME,)
    assert made.event(Event.ARRIVED) == (ResetWorld(attempt=2),)


def test_a_refused_begin_leaves_a_person_where_they_were():
    made = ready()
    made.command(Command.START)
    assert made.event(Event.REFUSED, reason="the disk is full") == ()
    assert made.state is State.READY
    assert made.reason == "the disk is full"
    assert made.kept == []


def test_a_pause_ends_the_episode_and_nothing_moves_by_itself_when_it_is_over():
    made = ready()
    made.command(Command.START)
    assert made.event(Event.PAUSED, reason="arm: stale") == (EndRecording(outcome="paused"),)
    assert made.event(Event.COMMITTED, episode="a") == ()
    assert made.state is State.PAUSED
    assert made.kept == ["a"]
    assert made.event(Event.RESUMED) == ()
    assert made.state is State.READY


def test_quit_while_recording_keeps_the_episode_and_waits_for_it():
    made = ready()
    made.command(Command.START)
    assert made.command(Command.QUIT) == (EndRecording(outcome="stopped"),)
    assert made.event(Event.COMMITTED, episode="a") == (Finish(reason=""),)
    assert (made.state, made.kept) == (State.ENDED, ["a"])


def test_a_second_quit_waits_for_nothing():
    made = ready()
    made.command(Command.START)
    made.command(Command.QUIT)
    assert made.command(Command.QUIT) == (Finish(reason=""),)


def test_what_the_machine_says_too_late_changes_nothing():
    made = ready()
    for event in (Event.ARRIVED, Event.WORLD_RESET, Event.TASK_DONE, Event.TIME_UP):
        assert made.event(event) == ()
    assert made.event(Event.COMMITTED, episode="ghost") == ()
    assert (made.state, made.kept) == (State.READY, [])


def test_by_itself_it_records_one_after_another():
    made = session(own_world=True, by_itself=True)
    for number, end in enumerate((Event.TASK_DONE, Event.TIME_UP), start=1):
        made.event(Event.ARRIVED)
        made.event(Event.WORLD_RESET)
        assert made.event(Event.ARRIVED) == (BeginRecording(attempt=number),)
        made.event(end)
        assert made.event(Event.COMMITTED, episode=f"e{number}") == (HOME,)
    assert made.kept == ["e1", "e2"]


@pytest.mark.parametrize("after_end", [False, True])
def test_by_itself_it_ends_where_the_recorder_refuses(after_end):
    made = session(own_world=True, by_itself=True)
    for event in (Event.ARRIVED, Event.WORLD_RESET, Event.ARRIVED):
        made.event(event)
    if after_end:
        made.event(Event.TASK_DONE)
    assert made.event(Event.REFUSED, reason="no room") == (Finish(reason="no room"),)


def test_by_itself_it_begins_anew_once_resumed():
    made = session(own_world=True, by_itself=True)
    made.event(Event.ARRIVED)
    made.event(Event.PAUSED, reason="camera side died")
    assert made.event(Event.RESUMED) == (HOME,)


class Collecting(RuleBasedStateMachine):
    """Any sequence of what a person and the machine can say."""

    def __init__(self):
        super().__init__()
        self.session = Session(SessionConfig())
        self.open = None  # the begun recording
        self.ending = None
        self.episodes_n = 0
        self.where = {}  # episode to "kept" or "dropped"
        self.drops = []  # in order
        self.finished = False
        self.do(self.session.begin())

    def do(self, actions):
        for action in actions:
            assert not self.finished, "an action after the end"
            match action:
                case BeginRecording():
                    assert self.open is None, "two recordings open"
                    self.episodes_n += 1
                    self.open = f"e{self.episodes_n}"
                case EndRecording():
                    assert self.open is not None, "an end without a begin"
                    assert self.ending is None, "ended twice"
                    self.ending = action
                case DropEpisode(episode=episode):
                    assert self.where[episode] == "kept"
                    self.where[episode] = "dropped"
                    self.drops.append(episode)
                case RestoreEpisode(episode=episode):
                    assert episode == self.drops.pop(), "not what was dropped last"
                    self.where[episode] = "kept"
                case Finish():
                    self.finished = True
                case _:
                    pass

    @rule(command=st.sampled_from(Command))
    def say(self, command):
        possible = self.session.possible
        if command in possible:
            self.do(self.session.command(command))
            return
        with pytest.raises(SupervisorError) as caught:
            self.session.command(command)
        assert "\n" not in str(caught.value)

    @rule(event=st.sampled_from(sorted(set(Event) - {Event.COMMITTED, Event.REFUSED})))
    def happen(self, event):
        self.do(self.session.event(event, reason="so"))

    @precondition(lambda self: self.ending is not None)
    @rule()
    def commit(self):
        episode, ending = self.open, self.ending
        self.open = self.ending = None
        if not self.finished:
            self.where[episode] = "kept" if ending.keep else "dropped"
            if not ending.keep:
                self.drops.append(episode)
        self.do(self.session.event(Event.COMMITTED, episode=episode))

    @precondition(lambda self: self.open is not None)
    @rule()
    def refuse(self):
        self.open = self.ending = None
        self.do(self.session.event(Event.REFUSED, reason="no room"))

    @invariant()
    def counts_are_right(self):
        kept = {episode for episode, where in self.where.items() if where == "kept"}
        assert set(self.session.kept) == kept
        assert self.session.dropped == self.drops

    @invariant()
    def a_recording_is_open_exactly_while_it_says_so(self):
        assert self.session.recording == (self.open is not None and self.ending is None)

    def teardown(self):
        for _ in range(2):
            if not self.finished:
                self.do(self.session.command(Command.QUIT))
        assert self.finished
        assert self.open is None or self.ending is not None


TestCollecting = Collecting.TestCase
TestCollecting.settings = settings(max_examples=80, stateful_step_count=40)
