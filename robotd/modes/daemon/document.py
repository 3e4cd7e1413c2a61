"""The supervisor's document, made from its tables: `python -m robotd.modes.daemon.document`.

What stands between two marks in `docs/supervisor.md` is made here; a test holds both equal.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from robotd.core.arm_codes import ArmFault, PauseCause
from robotd.modes.daemon.causes import GUIDANCE, HOLDS, cause_of_fault
from robotd.modes.daemon.supervisor import ASKED, PERSONAL, TRANSITIONS, Event, State, mermaid
from robotd.modes.jog.view import help_lines

DOCUMENT: Final = Path(__file__).parents[3] / "docs" / "supervisor.md"
MEANING: Final[dict[State, str]] = {
    State.DISARMED: "The arm obeys nobody. The daemon boots here.",
    State.ARMED: "The arm is engaged and holds still under the gate; somebody holds the lease.",
    State.RUNNING: "A person, a policy or a replay moves it; `robotd status` says which.",
    State.PAUSED: "The arm has braked and holds; a person may resume.",
    State.STOPPING: "It brakes; the session ends once it rests.",
    State.FAULT: "It has stopped and is not obeyed; latched until a person acknowledges it.",
}


def picture() -> str:
    """Return the transitions as a diagram."""
    return f"```mermaid\n{mermaid()}\n```"


def states() -> str:
    """Return what each state means."""
    rows = [f"| {state.value} | {MEANING[state]} |" for state in State]
    return "\n".join(["| state | what it is |", "|---|---|", *rows])


def table() -> str:
    """Return where each event leads from each state, and who raises it."""
    head = ["event", "raised by", *(state.value for state in State)]
    rows = [
        " | ".join([event.value, _who(event), *(_target(state, event) for state in State)])
        for event in Event
    ]
    lines = [" | ".join(head), "|".join(["---"] * len(head)), *rows]
    return "\n".join(f"| {line} |" if line[0] != "-" else f"|{line}|" for line in lines)


def guidance() -> str:
    """Return what happened, what to check and how it goes on, for each cause."""
    rows = [
        f"| {cause.value} | {told.happened} | {' '.join(told.checks)} | {told.then} |"
        for cause, told in GUIDANCE.items()
    ]
    return "\n".join(
        ["| cause | what happened | what to check | then |", "|---|---|---|---|", *rows]
    )


def faults() -> str:
    """Return which cause each word of the arm process amounts to."""
    stops = [(fault.name.lower(), cause_of_fault(fault, 1)) for fault in ArmFault if fault]
    pauses = [(hold.name.lower(), HOLDS[hold]) for hold in PauseCause if hold]
    rows = [f"| {name} | FAULT | {cause.value} |" for name, cause in stops]
    rows += [f"| {name} | PAUSED | {cause.value} |" for name, cause in pauses]
    return "\n".join(["| the arm process says | state | cause |", "|---|---|---|", *rows])


def keys() -> str:
    """Return what the keys of `robotd jog` mean."""
    return "\n".join(["```", *help_lines(), "```"])


PARTS: Final[dict[str, Callable[[], str]]] = {
    "picture": picture,
    "states": states,
    "table": table,
    "faults": faults,
    "guidance": guidance,
    "jog": keys,
}


def filled(text: str) -> str:
    """Return a document with all its parts made anew.

    Raises:
        ValueError: A part's marks are missing.
    """
    for name, make in PARTS.items():
        begin, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
        before, begun, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not (begun and ended):
            raise ValueError(f"docs/supervisor.md: no part between {begin.strip()} and its end")
        text = f"{before}{begin}{make()}{end}{after}"
    return text


def _who(event: Event) -> str:
    if event in PERSONAL:
        return "a person"
    return "anybody" if event in ASKED else "the daemon"


def _target(state: State, event: Event) -> str:
    target = TRANSITIONS.get((state, event))
    return "" if target is None else target.value


def main() -> int:
    """Write the document's parts."""
    DOCUMENT.write_text(filled(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
