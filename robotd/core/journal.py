"""What the conductor notes down, in one ring: its orders to the recorder, and all that it does.

One ordered stream, so that what was done stands between the begin and the end of its episode. The
recorder writes the notes into the open episode; a scripted operator sees from them when to act.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from robotd.core.arm_records import MAX_ORDERS_BYTES
from robotd.core.packing import Packing

NOTE_BYTES = MAX_ORDERS_BYTES + 8 * 1024
"""Size of the largest note [bytes]."""

NOTES_KEPT_N = 192
"""Notes in the ring: two seconds of plans at the conductor's rate."""

EpisodeId = Annotated[str, Meta(pattern=r"^[0-9a-z][0-9a-z_-]{0,63}$")]
"""Name of an episode, and of its folder in the data set."""

Kind = Literal["collect", "run", "replay"]
Label = Literal["", "success", "failure"]


class _Note(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    t_ns: int
    """When the conductor noted it, on the robot computer's monotonic clock."""


class _Order(_Note, frozen=True, kw_only=True):
    number: int
    """Growing; `RecorderStatus.obeyed` follows it."""


class OpenDataset(_Order, frozen=True, kw_only=True, tag="open"):
    """Take this data set: lock it, recover what a crash left, look at the room on its disk."""

    dataset: str
    """Its folder, an absolute path; made where it does not exist."""


class BeginEpisode(_Order, frozen=True, kw_only=True, tag="begin"):
    """Record everything from `t_ns` on."""

    episode: EpisodeId
    kind: Kind
    about: dict[str, str] = {}
    """What it is, for example operator, policy, checkpoint_sha256, seed; free text."""


class EndEpisode(_Order, frozen=True, kw_only=True, tag="end"):
    """Record up to `t_ns`, complete the episode and commit it."""

    episode: EpisodeId
    outcome: str
    """Why it ended, one word or two: `success`, `stopped`, `time`, `fault`, ..."""
    reason: str = ""
    """The sentence that goes with it; empty where all went well."""
    label: Label = ""
    score: float = -1.0
    """The task's score; -1 where there is none."""
    keep: bool = True
    """False: to the trash as soon as it is complete."""


class DropEpisode(_Order, frozen=True, kw_only=True, tag="drop"):
    """Move a complete episode to the trash."""

    episode: EpisodeId


class RestoreEpisode(_Order, frozen=True, kw_only=True, tag="restore"):
    """Bring an episode back from the trash."""

    episode: EpisodeId


class PlanNote(_Note, frozen=True, kw_only=True, tag="plan"):
    """The mailbox got this plan."""

    orders: bytes
    """`records.pack_orders`."""


class ChunkNote(_Note, frozen=True, kw_only=True, tag="chunk"):
    """A chunk came from the policy."""

    request_id: int
    seed: int
    t_obs_ns: int
    dt_s: float
    i0: int
    meaning: str
    dim: int
    actions: bytes
    """(H, dim) float64, row by row."""


class ChunkUse(_Note, frozen=True, kw_only=True, tag="use"):
    """What became of a chunk."""

    request_id: int
    rows_n: int
    first_row: int
    """First row executed, hence the number dropped; `rows_n` where none was."""
    first_sent_ns: int
    """When that row begins to act; 0 where none does."""
    plan_epoch: int
    """The plan that brought it to the arm; -1 where none did."""
    dropped: str
    """Why rows were dropped, one sentence; empty where none were."""


class RequestNote(_Note, frozen=True, kw_only=True, tag="request"):
    """What became of a question to the policy server."""

    request_id: int
    t_obs_ns: int
    outcome: str
    """`answered`, `superseded`, `reset`, `timeout`, or the wire's error code."""
    round_trip_s: float = -1.0
    queue_s: float = 0.0
    decode_s: float = 0.0
    infer_s: float = 0.0
    total_s: float = 0.0


class EventNote(_Note, frozen=True, kw_only=True, tag="event"):
    """Something happened: a transition of the supervisor, a mark, a process that died."""

    name: str
    text: str = ""


Order = OpenDataset | BeginEpisode | EndEpisode | DropEpisode | RestoreEpisode
Note = Order | PlanNote | ChunkNote | ChunkUse | RequestNote | EventNote

_packing = Packing[Note]("note", Note)
pack_note = _packing.pack
unpack_note = _packing.unpack
