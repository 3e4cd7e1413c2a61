"""What turns chunks of actions into plans: the seam that every way of executing chunks fills."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import MonoNs, ns_to_seconds
from robotd.core.types import ActionChunk, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRecord:
    """What became of one chunk; times are instants of the robot computer.

    Attributes:
        request_id: The request that it answers.
        t_obs_ns: Capture time of its observation.
        added_ns: When it came.
        rows_n: Rows that it has.
        first_row: The first row executed, hence the number dropped as late; `rows_n` where all
            were late or a newer chunk came first.
        first_sent_ns: When that row begins to act on what the arm is told; None where none does.
        plan_epoch: The plan that brought it to the arm first; None where none did.
        seam_m: Distance between what the chunk before it and this one ask for then [m].
        churn_m: Mean distance between the paths before and after it, where both exist [m].
    """

    request_id: int
    t_obs_ns: MonoNs
    added_ns: MonoNs
    rows_n: int
    first_row: int
    first_sent_ns: MonoNs | None
    plan_epoch: int | None = None
    seam_m: float | None = None
    churn_m: float | None = None

    @property
    def action_age_s(self) -> float | None:
        """From the observation's capture to the first executed row being sent [s]."""
        if self.first_sent_ns is None:
            return None
        return ns_to_seconds(self.first_sent_ns - self.t_obs_ns)


class Executor(Protocol):
    """Chunks in, plans out. Pure: used by one thread, which brings the time along.

    Each cycle: `add` what the policy answered, `plan`, and where `wants` says so observe, ask the
    policy and say that it was `asked`.

    Row i of a chunk is due at `t_obs + (i + i0) dt`, and is executed from then until the next row
    is due. Where the rows are `reached` poses, or a command filter makes a path of them, each pose
    is sent the arm's action latency earlier, so that the tool is there at its time; a `command`
    without a filter is sent at its time. Rows whose interval is over are dropped, by time, whatever
    the delay was expected to be. A plan runs to the end of its chunk; where no other comes, it
    expires there and the arm brakes.
    """

    @property
    def records(self) -> Sequence[ChunkRecord]:
        """What became of every chunk, oldest first."""
        ...

    @property
    def unusable(self) -> str:
        """Why the last chunk was unusable, in one sentence; empty where it was not."""
        ...

    @property
    def starved_n(self) -> int:
        """How often a path ended before the next chunk came."""
        ...

    def reset(self) -> None:
        """Forget the path and all chunks, those too that are still on their way."""
        ...

    def wants(self, now: MonoNs) -> bool:
        """Whether the policy should be asked now."""
        ...

    def asked(self, now: MonoNs, t_obs_ns: MonoNs) -> None:
        """Note that the policy was asked about the observation of `t_obs_ns`."""
        ...

    def add(self, chunk: ActionChunk, now: MonoNs) -> None:
        """Take a chunk; one that is unusable or not newer than the last is left out."""
        ...

    def plan(self, now: MonoNs, T_base_cmd: NDArray[np.float64]) -> Plan | None:
        """Return a new plan, or None where the one before still holds.

        Args:
            now: The present.
            T_base_cmd: (4, 4) tool pose commanded now [m]; a path begins there when none is
                running.
        """
        ...
