"""The collecting session's states and what leads from one to another, as a table."""

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """What a session is doing."""

    CLEARING = "CLEARING"
    """The tool leaves the scene, on its way home."""
    RESET = "RESET"
    """The scene is set up; nothing moves."""
    PLACING = "PLACING"
    """The tool goes to where an episode starts."""
    READY = "READY"
    """The person may move the tool; nothing is recorded."""
    RECORDING = "RECORDING"
    """The person moves the tool, and it is recorded."""
    SAVING = "SAVING"
    """The recorder completes the episode; the tool stands."""
    HOMING = "HOMING"
    """The tool goes home, because somebody asked for it."""
    PAUSED = "PAUSED"
    """The daemon has stopped the arm and waits for a person."""
    PAUSED_SAVING = "PAUSED_SAVING"
    """The same, with an episode still being completed."""
    ENDING = "ENDING"
    """The last episode is being completed."""
    ENDED = "ENDED"


class Command(StrEnum):
    """What a person says; the names of `core.config.SessionCommand`."""

    START = "start"
    STOP = "stop"
    TOGGLE = "toggle"
    SUCCESS = "success"
    FAILURE = "failure"
    DROP = "drop"
    UNDO = "undo"
    STAGE = "stage"
    HOME = "home"
    RESET = "reset"
    QUIT = "quit"


class Event(StrEnum):
    """What the machine says."""

    ARRIVED = "arrived"
    WORLD_RESET = "world_reset"
    COMMITTED = "committed"
    REFUSED = "refused"
    """The recorder could not do what it was last asked for."""
    TASK_DONE = "task_done"
    TIME_UP = "time_up"
    PAUSED = "paused"
    RESUMED = "resumed"


TRAVELS: Final = (State.CLEARING, State.PLACING, State.HOMING)
"""States in which the tool moves by itself."""

_IDLE: Final = (*TRAVELS, State.RESET, State.READY)

AT_LEISURE: Final = frozenset({*_IDLE, State.PAUSED})
"""States without an open episode: the last one may be dropped, and that undone."""

MOVABLE: Final = frozenset({State.READY, State.RECORDING})
"""States in which the device moves the tool."""

TRANSITIONS: Final[dict[tuple[State, Command | Event], State]] = {
    (State.CLEARING, Event.ARRIVED): State.RESET,
    (State.RESET, Event.WORLD_RESET): State.PLACING,
    **{
        (State.RESET, command): State.PLACING
        for command in (Command.START, Command.TOGGLE, Command.RESET)
    },
    (State.PLACING, Event.ARRIVED): State.READY,
    (State.HOMING, Event.ARRIVED): State.READY,
    (State.READY, Command.START): State.RECORDING,
    (State.READY, Command.TOGGLE): State.RECORDING,
    (State.RECORDING, Command.STAGE): State.RECORDING,
    **{
        (State.RECORDING, end): State.SAVING
        for end in (
            Command.STOP,
            Command.TOGGLE,
            Command.SUCCESS,
            Command.FAILURE,
            Command.DROP,
            Event.TASK_DONE,
            Event.TIME_UP,
        )
    },
    (State.RECORDING, Event.REFUSED): State.READY,
    (State.RECORDING, Event.PAUSED): State.PAUSED_SAVING,
    (State.RECORDING, Command.QUIT): State.ENDING,
    (State.SAVING, Event.COMMITTED): State.CLEARING,
    (State.SAVING, Event.REFUSED): State.CLEARING,
    (State.SAVING, Event.PAUSED): State.PAUSED_SAVING,
    (State.SAVING, Command.QUIT): State.ENDING,
    **{
        (state, command): target
        for state in (State.RESET, State.READY)
        for command, target in (
            (Command.HOME, State.HOMING),
            (Command.RESET, State.CLEARING),
        )
        if (state, command) != (State.RESET, Command.RESET)
    },
    **{(state, Event.PAUSED): State.PAUSED for state in _IDLE},
    (State.PAUSED, Event.RESUMED): State.READY,
    (State.PAUSED_SAVING, Event.COMMITTED): State.PAUSED,
    (State.PAUSED_SAVING, Event.REFUSED): State.PAUSED,
    (State.PAUSED_SAVING, Event.RESUMED): State.SAVING,
    (State.PAUSED_SAVING, Command.QUIT): State.ENDING,
    (State.ENDING, Event.COMMITTED): State.ENDED,
    (State.ENDING, Event.REFUSED): State.ENDED,
    (State.ENDING, Command.QUIT): State.ENDED,
    **{
        (state, again): state
        for state in sorted(AT_LEISURE)
        for again in (Command.DROP, Command.UNDO, Event.REFUSED)
    },
    **{(state, Command.QUIT): State.ENDED for state in sorted(AT_LEISURE)},
}

PROMPT: Final[dict[State, str]] = {
    State.CLEARING: "the tool leaves the scene; `toggle` halts it",
    State.RESET: "set up the scene, then `toggle`: the tool goes to its start",
    State.PLACING: "the tool goes to its start; `toggle` halts it",
    State.READY: "`toggle` begins to record; the device may move the tool",
    State.RECORDING: "recording: `toggle` keeps it, `success`, `failure` or `drop` end it too",
    State.SAVING: "the episode is being completed",
    State.HOMING: "the tool goes home; `toggle` halts it",
    State.PAUSED: "paused: see why, then resume",
    State.PAUSED_SAVING: "paused; the episode is being completed",
    State.ENDING: "the last episode is being completed",
    State.ENDED: "done",
}
"""One line a state for the person."""


def mermaid() -> str:
    """Draw the table as a Mermaid state diagram: one arrow for all that lead the same way."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for (source, what), target in TRANSITIONS.items():
        if source is not target:
            arrows.setdefault((source, target), []).append(what.value)
    lines = ["stateDiagram-v2", f"    [*] --> {State.CLEARING.value}"]
    lines += [
        f"    {source.value} --> {target.value}: {', '.join(names)}"
        for (source, target), names in arrows.items()
    ]
    return "\n".join(lines)
