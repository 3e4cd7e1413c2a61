"""Score a checkpoint over many seeds, by as many processes as asked for."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from time import monotonic

import numpy as np
import torch
from msgspec import Struct
from numpy.typing import NDArray

from policy_server.checkpoint import load_checkpoint
from policy_server.engine import Engine
from policy_server.rollout import Rollout, roll_out
from robotd.core.errors import ConfigError
from robotd.core.figures import bootstrap_interval, standard_error, wilson_interval
from robotd.core.parallel import map_in_processes
from robotd.sim.pusht_protocol import ACTION_HZ, EPISODE_STEPS, PROTOCOL_NAME

BLOCK = 50
"""Episodes in lockstep, however many processes there are, so that no score depends on that:
float32 rounding differs between batch sizes, and contacts amplify it."""


class EvalPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to score and how."""

    policy: str
    episodes_n: int
    first_seed: int
    sampler_steps: int
    """0: the policy's own."""
    latency_steps: int = 0
    device: str = "cpu"
    threads: int = 1
    block: int = BLOCK
    """Episodes in lockstep."""


class EvalReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The figures; `mean_max_reward` is the score. Coverages and rewards are ratios."""

    policy: str
    checkpoint_sha256: str
    protocol: str
    mean_max_reward: float
    standard_error: float
    """Of `mean_max_reward`."""
    mean_max_reward_ci95: tuple[float, float]
    """Bootstrap over episodes."""
    mean_max_coverage: float
    success_rate: float
    success_rate_ci95: tuple[float, float]
    """Wilson."""
    episodes_n: int
    first_seed: int
    sampler_steps: int
    latency_steps: int
    mean_steps_n: float
    elapsed_s: float
    workers_n: int
    max_reward_by_seed: tuple[float, ...]


def evaluate(
    plan: EvalPlan, *, workers: int = 1, on_block: Callable[[int], None] = lambda _: None
) -> tuple[EvalReport, Rollout]:
    """Run the episodes and compute the figures.

    Args:
        plan: What to run.
        workers: Processes; each takes blocks of seeds in turn.
        on_block: Called with the number of episodes done so far.

    Raises:
        CheckpointError: The policy cannot be loaded.
        ConfigError: The latency leaves no rows of a chunk to execute.
        WireError: The policy cannot sample as the plan asks.
        ProcessDiedError: A worker was killed.
    """
    began = monotonic()
    about = load_checkpoint(Path(plan.policy)).about
    longest = about.spec.horizon - about.spec.n_action_steps
    if not 0 <= plan.latency_steps <= longest:
        raise ConfigError(
            plan.policy, "latency steps", got=str(plan.latency_steps), expected=f"0 to {longest}"
        )
    end = plan.first_seed + plan.episodes_n
    blocks = [
        range(first, min(first + plan.block, end))
        for first in range(plan.first_seed, end, plan.block)
    ]
    parts: list[Rollout] = []
    for part in map_in_processes(partial(_run_block, plan), blocks, workers):
        parts.append(part)
        on_block(sum(len(each.seeds) for each in parts))
    rollout = _join(parts)
    scores = rollout.scores
    sampler_steps = plan.sampler_steps or about.training.diffusion.sampler_steps
    protocol = (
        f"{PROTOCOL_NAME} starts, seeds {plan.first_seed}..{end - 1}, at most {EPISODE_STEPS} "
        f"steps at {ACTION_HZ} Hz, success ends an episode; {about.spec.n_action_steps} actions "
        f"a chunk, {sampler_steps} DDIM steps, latency {plan.latency_steps} steps"
    )
    report = EvalReport(
        policy=plan.policy,
        checkpoint_sha256=about.spec.checkpoint_sha256,
        protocol=protocol,
        mean_max_reward=float(scores.mean()),
        standard_error=standard_error(scores),
        mean_max_reward_ci95=bootstrap_interval(scores),
        mean_max_coverage=float(rollout.max_coverage.mean()),
        success_rate=float(rollout.success.mean()),
        success_rate_ci95=wilson_interval(int(rollout.success.sum()), len(scores)),
        episodes_n=plan.episodes_n,
        first_seed=plan.first_seed,
        sampler_steps=sampler_steps,
        latency_steps=plan.latency_steps,
        mean_steps_n=float(rollout.steps.mean()),
        elapsed_s=monotonic() - began,
        workers_n=workers,
        max_reward_by_seed=tuple(scores.tolist()),
    )
    return report, rollout


def _run_block(plan: EvalPlan, seeds: range) -> Rollout:
    torch.set_num_threads(plan.threads)
    return roll_out(
        _engine(plan),
        seeds,
        sampler_steps=plan.sampler_steps,
        latency_steps=plan.latency_steps,
    )


@lru_cache(maxsize=1)
def _engine(plan: EvalPlan) -> Engine:
    """Load the policy once a process."""
    return Engine(load_checkpoint(Path(plan.policy)), device=plan.device)


def _join(parts: Sequence[Rollout]) -> Rollout:
    """All blocks as one; traces of shorter blocks repeat their last state."""
    longest = max(len(part.states) for part in parts)

    def lengthened(states: NDArray[np.float64]) -> NDArray[np.float64]:
        last = np.repeat(states[-1:], longest - len(states), axis=0)
        return np.concatenate([states, last])

    return Rollout(
        seeds=np.concatenate([part.seeds for part in parts]),
        max_coverage=np.concatenate([part.max_coverage for part in parts]),
        success=np.concatenate([part.success for part in parts]),
        steps=np.concatenate([part.steps for part in parts]),
        states=np.concatenate([lengthened(part.states) for part in parts], axis=1),
    )
