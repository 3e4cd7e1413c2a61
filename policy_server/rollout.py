"""Many Push-T episodes in lockstep, driven by one policy with batched inference."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from robotd.core.errors import ConfigError
from robotd.core.protocols import Policy
from robotd.core.pusht_spec import AGENT_XY, BLOCK_POSE
from robotd.core.types import PolicyRequest
from robotd.sim.pusht_geometry import score
from robotd.sim.pusht_protocol import EPISODE_STEPS

if TYPE_CHECKING:
    from robotd.sim.pusht_batch import PushTBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """What happened in N episodes.

    Attributes:
        seeds: (N,) their seeds.
        max_coverage: (N,) largest raw coverage of each.
        success: (N,) whether it passed the success threshold.
        steps: (N,) actions executed.
        states: (T + 1, N, 5) board states [px, rad]; an ended episode repeats its last one.
    """

    seeds: NDArray[np.int64]
    max_coverage: NDArray[np.float64]
    success: NDArray[np.bool_]
    steps: NDArray[np.int64]
    states: NDArray[np.float64]

    @property
    def scores(self) -> NDArray[np.float64]:
        """(N,) the paper's figure: largest clip(coverage / 0.95, 0, 1)."""
        return score(self.max_coverage) + 0.0  # no minus zero


def require_board(source: str, key: str) -> None:
    """Load the simulated board now, rather than after a thousand steps.

    Args:
        source: The file or place that asks for it, for the message.
        key: Its name there.

    Raises:
        ConfigError: Its physics is not installed.
    """
    try:
        import_module("robotd.sim.pusht_batch")
    except ImportError as error:
        raise ConfigError(
            source,
            key,
            got=f"no module {error.name}",
            expected="the simulated board's packages",
            hint="pip install 'robotd[sim]'",
        ) from error


def roll_out(
    policy: Policy,
    seeds: Sequence[int],
    *,
    sampler_steps: int = 0,
    latency_steps: int = 0,
    max_steps: int = EPISODE_STEPS,
    boards: "PushTBatch | None" = None,
) -> Rollout:
    """Run one episode a seed.

    Every `n_action_steps` rows the policy is asked; its chunk takes over `latency_steps` later,
    at the row due then, and the chunk before it goes on until then.

    Args:
        policy: A Push-T state policy.
        seeds: Seeds of the start states, which also decide the sampling noise.
        sampler_steps: Denoising steps; 0 for the policy's own.
        latency_steps: Steps from an observation to the first action of its chunk.
        max_steps: Longest episode.
        boards: Where to play; new ones by default.

    Raises:
        ValueError: The latency leaves no rows of a chunk to execute.
    """
    from robotd.sim.pusht_batch import PushTBatch  # only here: it needs pymunk

    spec = policy.spec
    longest = spec.horizon - spec.n_action_steps
    if not 0 <= latency_steps <= longest:
        raise ValueError(f"latency_steps: got {latency_steps}, expected 0..{longest}")
    boards = PushTBatch(max_steps=max_steps) if boards is None else boards
    states = boards.reset(seeds)  # (N, 5)
    history = [states] * spec.n_obs_steps
    trace, steps = [states], np.zeros(len(seeds), dtype=np.int64)
    live = np.ones(len(seeds), dtype=np.bool_)
    chunks = np.repeat(states[:, None, :2], spec.horizon, axis=1)  # (N, H, 2): stay until asked
    coming, asked_at, begins_at = chunks, 0, 0
    for step in range(max_steps):
        if step % spec.n_action_steps == 0:
            coming, asked_at = chunks.copy(), step
            chosen = np.flatnonzero(live)
            window = np.stack(history[-spec.n_obs_steps :], axis=1)  # (N, n_obs, 5)
            requests = [
                _request(window[n], seed=(int(seeds[n]) << 16) + step, steps=sampler_steps)
                for n in chosen.tolist()
            ]
            coming[chosen] = np.stack(policy.infer(requests))
        if step == asked_at + latency_steps:
            chunks, begins_at = coming, asked_at
        row = min(step - begins_at, spec.horizon - 1)
        states, _, done = boards.step(chunks[:, row])
        steps[live] += 1
        history = [*history[1:], states]
        trace.append(states)
        live = ~done
        if not live.any():
            break
    return Rollout(
        seeds=np.asarray(seeds, dtype=np.int64),
        max_coverage=boards.max_coverage,
        success=boards.success,
        steps=steps,
        states=np.stack(trace),
    )


def _request(window: NDArray[np.float64], *, seed: int, steps: int) -> PolicyRequest:
    rows = window.astype(np.float32)  # (n_obs, 5)
    return PolicyRequest(
        arrays={AGENT_XY: rows[:, :2], BLOCK_POSE: rows[:, 2:]}, seed=seed, steps=steps
    )
