"""What clients ask of a collecting session, and what they are shown of it."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from robotd.core.config import LONGEST_EPISODE_S
from robotd.core.journal import Label
from robotd.modes.start_place import Place

PLACES_N = 256
"""Places that one session may name."""

Start = Literal["home", "task", "random", "given"]
Word = Annotated[str, Meta(max_length=256)]


class CollectRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One collecting session.

    Attributes:
        operator: Who operates, for the episodes' own account.
        arguments: Of the process `teleop`; None where a client writes the device's samples.
        start: Where the tool starts: the arm's home pose, where the task or the mock's world says,
            anywhere on the board, or where its place says.
        places: Of the episodes in turn; the last one's seed goes on counting.
        max_episode_s: Length of an episode.
        time_label: What an episode is labelled that ended because its time was over.
        episodes: Kept ones after which the session ends; 0: when somebody says so.
        count_failures: Whether those labelled `failure` count as well.
        max_tries: Tries after which it ends in any case; 0: none.
        by_itself: Nobody is there: it records whenever it is ready.
        about: More to write into each episode.
    """

    operator: Annotated[str, Meta(max_length=64)]
    arguments: tuple[str, ...] | None = None
    start: Start = "task"
    places: Annotated[tuple[Place, ...], Meta(min_length=1, max_length=PLACES_N)] = (Place(),)
    max_episode_s: Annotated[float, Meta(gt=0, le=LONGEST_EPISODE_S)] = 30.0
    time_label: Label = ""
    episodes: Annotated[int, Meta(ge=0)] = 0
    count_failures: bool = False
    max_tries: Annotated[int, Meta(ge=0)] = 0
    by_itself: bool = False
    about: Annotated[dict[Word, Word], Meta(max_length=16)] = {}


class OpenStatus(Struct, frozen=True, kw_only=True):
    """The episode that is being recorded.

    Attributes:
        episode: Its name; empty where there is none.
        elapsed_s: How long it is [s].
        max_episode_s: At which it ends.
        score: Best of the present try, where a world tells; else -1.
    """

    episode: str
    elapsed_s: float
    max_episode_s: float
    score: float


class LastStatus(Struct, frozen=True, kw_only=True):
    """The episode that ended last.

    Attributes:
        episode: Its name; empty before the first.
        outcome: Why it ended.
        reason: The sentence that goes with it.
        label: What was said of it.
        score: Its score; -1 where there is none.
        length_s: How long it was [s].
        keep: False: it went to the trash.
        saved: Whether it is complete in the data set.
    """

    episode: str
    outcome: str
    reason: str
    label: Label
    score: float
    length_s: float
    keep: bool
    saved: bool


class CountsStatus(Struct, frozen=True, kw_only=True):
    """How many episodes a session has made.

    Attributes:
        tries_n: That ended.
        kept_n: Kept ones, whatever their label.
        counted_n: Of these, those that the wanted number counts.
        success_n: Kept ones labelled `success`.
        failure_n: Kept ones labelled `failure`.
        dropped_n: Those in the trash.
    """

    tries_n: int
    kept_n: int
    counted_n: int
    success_n: int
    failure_n: int
    dropped_n: int


class CollectStatus(Struct, frozen=True, kw_only=True, tag="collect"):
    """How a collecting session is doing.

    Attributes:
        session: Its state.
        prompt: What it does or waits for, one sentence.
        possible: What a person may say now.
        outcome: Why it is over; empty while it goes on.
        operator: Who operates.
        open: The episode that is being recorded.
        last: The one that ended last.
        counts: How many there are.
        note: What a person should know now, one sentence; empty for nothing.
        teleop: Whether the device is heard.
        neutral: Whether it has to be let go before it moves anything again.
    """

    session: str
    prompt: str
    possible: tuple[str, ...]
    outcome: str
    operator: str
    open: OpenStatus
    last: LastStatus
    counts: CountsStatus
    note: str
    teleop: bool
    neutral: bool
