"""What a collecting session asks its caller to do, as data."""

from dataclasses import dataclass
from enum import StrEnum

from robotd.core.journal import Label


class Goal(StrEnum):
    """Where the tool may be sent."""

    HOME = "home"
    START = "start"
    """Where the present attempt starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoTo:
    """Take the tool there; the answer is `arrived`."""

    goal: Goal


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetWorld:
    """Have the scene set up: by the simulated world, else by a person; `world_reset` answers.

    Attributes:
        attempt: Number of the attempt in this session, from 1.
    """

    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginRecording:
    """Begin an episode; there is no answer but `refused`.

    Attributes:
        attempt: Number of the attempt that it records.
    """

    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndRecording:
    """End the open episode; `committed` or `refused` answers.

    Attributes:
        outcome: Why it ended: `stopped`, `success`, `failure`, `dropped`, `time`, `paused`.
        label: What the person or the task says of it.
        keep: False: to the trash.
    """

    outcome: str
    label: Label = ""
    keep: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DropEpisode:
    """Move a kept episode to the trash."""

    episode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreEpisode:
    """Bring an episode back from the trash."""

    episode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Note in the open episode that a stage is done; counts from 1."""

    stage: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The session is over.

    Attributes:
        reason: Why, where nobody asked for it; else empty.
    """

    reason: str


Action = (
    GoTo | ResetWorld | BeginRecording | EndRecording | DropEpisode | RestoreEpisode | Mark | Finish
)
