"""What clients of the daemon say on the control socket, and what it answers."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from robotd.core.config import LONGEST_EPISODE_S, SEEDS_N

CONTROL_VERSION = 1
MAX_CONTROL_BYTES = 64 * 1024
Op = Literal["status", "prepare", "arm", "disarm", "start", "stop", "resume", "ack", "quit"]


class RunRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One episode of a policy.

    Attributes:
        seed: Start of the mock's world and of the sampling noise.
        max_episode_s: Length from the first action on.
        trace: File that the run's trace is written to; empty for none.
    """

    seed: Annotated[int, Meta(ge=0, lt=SEEDS_N)] = 0
    max_episode_s: Annotated[float, Meta(gt=0, le=LONGEST_EPISODE_S)] = 30.0
    trace: str = ""


class ControlRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One command. `client` names who asks: the client that arms holds the lease."""

    version: int = CONTROL_VERSION
    id: int
    client: Annotated[str, Meta(max_length=64)]
    op: Op
    t_ns: int
    """When it was sent: client and daemon share the computer's monotonic clock."""
    endpoint: Annotated[str, Meta(max_length=256)] = ""
    """Of `prepare`: the policy server."""
    run: RunRequest | None = None
    """Of `start`."""


class ProcessStatus(Struct, frozen=True, kw_only=True):
    """One child process."""

    pid: int
    alive: bool
    restarts_n: int


class ArmStatus(Struct, frozen=True, kw_only=True):
    """The arm process, as its ticks tell."""

    phase: str
    fault: str
    session: int
    age_s: float
    rate_hz: float
    late_p50_ms: float
    late_p99_ms: float
    late_max_ms: float


class RunStatus(Struct, frozen=True, kw_only=True):
    """The episode in progress, or the last one.

    Attributes:
        phase: `lift`, `reset`, `travel`, `descend`, `act` or `done`.
        outcome: Why it ended: `success`, `time`, `stopped`, or what failed; empty while it runs.
        score: Best `clip(coverage / 0.95, 0, 1)` so far, where a world tells; else -1.
    """

    phase: str
    outcome: str
    elapsed_s: float
    score: float
    coverage: float
    chunks_n: int
    failures_n: int
    action_age_p50_ms: float
    action_age_p99_ms: float
    refused_n: int
    ticks_n: int
    pauses_n: int


class DaemonStatus(Struct, frozen=True, kw_only=True):
    """Everything that a client shows."""

    cell: str
    mock: bool
    pid: int
    state: str
    reason: str
    session: int
    owner: str
    policy: str
    """What is served; empty while no server has been found to fit."""
    policy_failure: str
    realtime: bool
    logs: str
    """Folder of the processes' output."""
    processes: dict[str, ProcessStatus] = field(default_factory=dict)
    arm: ArmStatus | None = None
    run: RunStatus | None = None


class ControlReply(Struct, frozen=True, kw_only=True):
    """The answer: whether it was done, why not, and how things stand."""

    version: int = CONTROL_VERSION
    id: int
    ok: bool
    message: str = ""
    status: DaemonStatus | None = None
