"""What clients ask of a replay, and what they are shown of it."""

from typing import Annotated

from msgspec import Meta, Struct

from robotd.core.journal import EpisodeId
from robotd.modes.start_place import BoardState, Seed


class ReplayRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One episode's path again.

    Attributes:
        episode: Which.
        track: File with its commanded path, as `replay.track.Track` writes it.
        seed: Of its world.
        board_state: The mock's world at its start; None in a real cell.
    """

    episode: EpisodeId
    track: Annotated[str, Meta(max_length=4096)]
    seed: Seed = 0
    board_state: BoardState | None = None


class ReplayStatus(Struct, frozen=True, kw_only=True, tag="replay"):
    """How a replay is doing.

    Attributes:
        phase: `go`, `settle`, `act` or `done`.
        outcome: Why it ended; empty while it runs.
        episode: Where it is recorded; empty before.
        elapsed_s: Since the first command [s].
        duration_s: Of the recorded path [s].
        score: Best so far, where a world tells; else -1.
        refused_n: Setpoints that the gate refused.
    """

    phase: str
    outcome: str
    episode: str
    elapsed_s: float
    duration_s: float
    score: float
    refused_n: int
