"""What an episode in lockstep came to."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robotd.pipeline.executor import ChunkRecord

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeResult:
    """One episode.

    Attributes:
        seed: Its start, by the paper's protocol.
        outcome: `success`, `time`, or `stopped`: the policy was lost and the arm braked.
        message: Why it stopped; empty otherwise.
        score: Largest clip(coverage / 0.95, 0, 1), looked at 10 times a second as in the paper.
        max_coverage: Largest coverage, likewise.
        success: Coverage rose above 0.95.
        duration_s: From the policy's start to the end.
        t_s: (N,) times from the policy's start, 10 ms apart.
        coverage: (N,) coverage then.
        tool_px: (N, 2) where the tool was over the board [px].
        wanted_px: (N, 2) where the path wanted it then; NaN while there was none.
        chunks: What became of each chunk.
        starved_n: How often a path ended before the next chunk came.
        refused_n: Candidates that the gate refused.
        limits_n: How often each limit did, by name.
        breaches_n: Setpoints that the arm's oracle found outside the envelope: 0 in a correct run.
        ticks_n: Cycles of the arm.
        at_rest: The arm stood still at the end.
    """

    seed: int
    outcome: str
    message: str
    score: float
    max_coverage: float
    success: bool
    duration_s: float
    t_s: Array
    coverage: Array
    tool_px: Array
    wanted_px: Array
    chunks: tuple[ChunkRecord, ...]
    starved_n: int
    refused_n: int
    limits_n: Mapping[str, int]
    breaches_n: int
    ticks_n: int
    at_rest: bool

    @property
    def action_ages_s(self) -> Array:
        """(M,) action ages of the chunks that were executed [s]."""
        ages = [chunk.action_age_s for chunk in self.chunks]
        return np.array([age for age in ages if age is not None])

    @property
    def tracking_px(self) -> Array:
        """(N',) distances between where the tool was and where the path wanted it then [px]."""
        error = np.linalg.norm(self.tool_px - self.wanted_px, axis=1)
        return error[np.isfinite(error)]
