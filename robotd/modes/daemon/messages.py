"""What clients of the daemon say on the control socket, and what it answers."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from robotd.core.config import LONGEST_EPISODE_S, SEEDS_N
from robotd.core.config_teleop import SessionCommand
from robotd.core.recorder_status import RecorderStatus
from robotd.core.recovery import RecoveryStep
from robotd.modes.collect.messages import CollectRequest, CollectStatus
from robotd.modes.jog.messages import JogRequest, JogStatus
from robotd.modes.replay.messages import ReplayRequest, ReplayStatus

CONTROL_VERSION = 3
MAX_CONTROL_BYTES = 64 * 1024
Op = Literal[
    "status",
    "prepare",
    "arm",
    "disarm",
    "start",
    "say",
    "stop",
    "resume",
    "recover",
    "ack",
    "quit",
]


class RunRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One episode of a policy.

    Attributes:
        seed: Start of the mock's world and of the sampling noise.
        max_episode_s: Length from the first action on.
        speed: Share of the policy's own speed: its rows come, and what it sees is taken, so much
            further apart in time. Under 1 is outside of what it was trained on.
        arguments: Of the process `teleop`, whose device takes over while its button is held; None:
            nobody can.
    """

    seed: Annotated[int, Meta(ge=0, lt=SEEDS_N)] = 0
    max_episode_s: Annotated[float, Meta(gt=0, le=LONGEST_EPISODE_S)] = 30.0
    speed: Annotated[float, Meta(ge=0.2, le=1)] = 1.0
    arguments: tuple[str, ...] | None = None


class ControlRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One command. `client` names who asks: the client that arms holds the lease."""

    version: int = CONTROL_VERSION
    id: int
    client: Annotated[str, Meta(max_length=64)]
    op: Op
    t_ns: int
    """When it was sent: client and daemon share the computer's monotonic clock."""
    endpoint: Annotated[str, Meta(max_length=256)] = ""
    """Of `prepare`: the policy server; empty for none."""
    dataset: Annotated[str, Meta(max_length=4096)] = ""
    """Of `prepare`: the folder to record episodes into, an absolute path; empty for none."""
    run: RunRequest | None = None
    """Of `start`, which carries exactly one request."""
    collect: CollectRequest | None = None
    replay: ReplayRequest | None = None
    jog: JogRequest | None = None
    """Of `start`, and of `arm`, which arms for jogging then."""
    command: SessionCommand | None = None
    """Of `say`."""
    step: RecoveryStep | None = None
    """Of `recover`: what the controller is to do."""


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
    safety: str = ""
    """The controller's safety status by name."""
    mode: str = ""
    """How far the arm is switched on."""
    speed_scaling: float = 1.0


class RunStatus(Struct, frozen=True, kw_only=True):
    """The episode in progress, or the last one.

    Attributes:
        phase: `lift`, `reset`, `travel`, `ready`, `act` or `done`.
        outcome: Why it ended: `success`, `time`, `stopped`, or what failed; empty while it runs.
        score: Best `clip(coverage / 0.95, 0, 1)` so far, where a world tells; else -1.
        episode: Where it is recorded; empty where it is not, or not yet.
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
    episode: str = ""


class TroubleStatus(Struct, frozen=True, kw_only=True):
    """Why the cell stopped by itself, from then until something begins anew.

    Attributes:
        cause: One or two words.
        happened: What happened, one sentence.
        checks: What to look at before anything moves again.
        then: How it goes on after that.
        flight: The record of the arm's last seconds before it.
    """

    cause: str
    happened: str
    checks: tuple[str, ...]
    then: str
    flight: str


class NeedStatus(Struct, frozen=True, kw_only=True):
    """What the controller needs next before the arm can be armed.

    Attributes:
        said: In words; empty where it needs nothing.
        step: What `recover` can ask it for; None where a person has to do it by hand.
        wait_s: It would refuse that for so long still [s].
        asked_n: Number of the step that was asked for last; 0 before the first.
        answered_n: Number of the step that was answered last.
        refusal: The controller's own sentence about that one; empty where it did it.
    """

    said: str
    step: RecoveryStep | None
    wait_s: float
    asked_n: int
    answered_n: int
    refusal: str


ActivityStatus = RunStatus | CollectStatus | ReplayStatus | JogStatus
"""What the activity in progress says, or said when it was over; one type for each kind."""


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
    dataset: str = ""
    """Where episodes are recorded; empty while the recorder holds no data set."""
    dataset_failure: str = ""
    """Why it does not hold the one that was asked for."""
    recording: str = ""
    """The episode that is being recorded or completed; empty while there is none."""
    realtime: bool
    logs: str
    """Folder of the processes' output."""
    processes: dict[str, ProcessStatus] = field(default_factory=dict)
    arm: ArmStatus | None = None
    recorder: RecorderStatus | None = None
    run: RunStatus | None = None
    """Of the activity in progress, or the last one, which is one of these."""
    collect: CollectStatus | None = None
    replay: ReplayStatus | None = None
    jog: JogStatus | None = None
    doing: str = ""
    """Who moves the arm: `human`, `policy`, `replay`, `jog`, `approach`; empty for nobody."""
    trouble: TroubleStatus | None = None
    need: NeedStatus | None = None
    flight: str = ""
    """The newest flight record; empty before the first stop."""


class ControlReply(Struct, frozen=True, kw_only=True):
    """The answer: whether it was done, why not, and how things stand."""

    version: int = CONTROL_VERSION
    id: int
    ok: bool
    message: str = ""
    status: DaemonStatus | None = None
