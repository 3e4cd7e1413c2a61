"""`eval --through cell`: the engine and the whole mock cell in one process, in lockstep.

A composition root like `__main__`: it joins a policy with the robot's side, which know nothing of
each other otherwise.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from time import monotonic, perf_counter

import numpy as np
import torch
from msgspec import Struct

from policy_server.checkpoint import load_checkpoint
from policy_server.engine import Engine
from robotd.core.config import CellConfig
from robotd.core.errors import ConfigError
from robotd.core.figures import bootstrap_interval, quantile, standard_error, wilson_interval
from robotd.core.protocols import Policy
from robotd.core.types import PolicyRequest
from robotd.modes.cell_file import load_cell
from robotd.modes.lockstep.evaluate import EpisodeResult, Latencies, evaluate
from robotd.modes.options import CellOptions
from robotd.sim.pusht_protocol import PROTOCOL_NAME

MEASURED_N = 30
"""Inferences that are timed where no response times are given."""
WARM_UP_N = 5


class CellPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to score and how."""

    policy: str
    episodes_n: int
    first_seed: int
    config: str
    """A mock cell's file or folder; `mock` for the shipped one."""
    settings: tuple[str, ...] = ()
    """Values over it, `key=value`."""
    sampler_steps: int = 0
    """0: the policy's own."""
    response_s: tuple[float, ...] = ()
    """Times from asking to the answer; each request draws one. Empty: measured here."""


class CellReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The figures; `mean_max_reward` is the score. Those of time and distance are over all runs."""

    policy: str
    checkpoint_sha256: str
    protocol: str
    mean_max_reward: float
    standard_error: float
    mean_max_reward_ci95: tuple[float, float]
    mean_max_coverage: float
    success_rate: float
    success_rate_ci95: tuple[float, float]
    episodes_n: int
    first_seed: int
    cell: str
    response_p50_s: float
    response_p99_s: float
    action_age_p50_s: float
    action_age_p99_s: float
    tracking_p50_px: float
    tracking_p99_px: float
    refused_n: int
    """Candidates that the gate refused."""
    breaches_n: int
    """Setpoints that the arm's oracle found outside the envelope."""
    starved_n: int
    stopped_n: int
    """Episodes that ended because the policy was lost."""
    ticks_n: int
    elapsed_s: float
    workers_n: int
    max_reward_by_seed: tuple[float, ...]


def evaluate_through_cell(
    plan: CellPlan, *, workers: int = 1, on_episode: Callable[[int], None] = lambda _: None
) -> CellReport:
    """Run the episodes and compute the figures.

    Raises:
        CheckpointError: The policy cannot be loaded.
        ConfigError: The cell's configuration is wrong, or it is no mock.
        SpecMismatchError: The policy does not fit the cell.
        ProcessDiedError: A worker was killed.
    """
    began = monotonic()
    about = load_checkpoint(Path(plan.policy)).about
    cell = _mock_cell(plan)
    load = partial(load_engine, plan.policy)
    response_s = plan.response_s or measure(load(), steps=cell.policy.steps)
    results: list[EpisodeResult] = []
    for result in evaluate(
        cell,
        load,
        range(plan.first_seed, plan.first_seed + plan.episodes_n),
        workers=workers,
        latencies=Latencies(response_s=response_s),
    ):
        results.append(result)
        on_episode(len(results))
    scores = np.array([result.score for result in results])
    wins = sum(result.success for result in results)
    ages_s = np.concatenate([result.action_ages_s for result in results])
    tracking_px = np.concatenate([result.tracking_px for result in results])
    return CellReport(
        policy=plan.policy,
        checkpoint_sha256=about.spec.checkpoint_sha256,
        protocol=(
            f"{PROTOCOL_NAME} starts, seeds {plan.first_seed}.."
            f"{plan.first_seed + plan.episodes_n - 1}, {cell.task.max_episode_s:g} s, success ends "
            f"an episode; lockstep through cell {cell.name}, executor {cell.executor.kind}"
        ),
        mean_max_reward=float(scores.mean()),
        standard_error=standard_error(scores),
        mean_max_reward_ci95=bootstrap_interval(scores),
        mean_max_coverage=float(np.mean([result.max_coverage for result in results])),
        success_rate=wins / len(results),
        success_rate_ci95=wilson_interval(wins, len(results)),
        episodes_n=plan.episodes_n,
        first_seed=plan.first_seed,
        cell=cell.name,
        response_p50_s=quantile(response_s, 0.5),
        response_p99_s=quantile(response_s, 0.99),
        action_age_p50_s=quantile(ages_s, 0.5),
        action_age_p99_s=quantile(ages_s, 0.99),
        tracking_p50_px=quantile(tracking_px, 0.5),
        tracking_p99_px=quantile(tracking_px, 0.99),
        refused_n=sum(result.refused_n for result in results),
        breaches_n=sum(result.breaches_n for result in results),
        starved_n=sum(result.starved_n for result in results),
        stopped_n=sum(result.outcome == "stopped" for result in results),
        ticks_n=sum(result.ticks_n for result in results),
        elapsed_s=monotonic() - began,
        workers_n=workers,
        max_reward_by_seed=tuple(scores.tolist()),
    )


def _mock_cell(plan: CellPlan) -> CellConfig:
    """Read the cell with the plan's values over it.

    Raises:
        ConfigError: It is wrong, or no mock.
    """
    steps = (f"policy.steps={plan.sampler_steps}",) if plan.sampler_steps else ()
    cell = load_cell(CellOptions(config=plan.config, set=(*plan.settings, *steps)))
    if not cell.mock:
        raise ConfigError(plan.config, "world", got="nothing", expected="a mock cell's table")
    return cell


@lru_cache(maxsize=1)
def load_engine(folder: str) -> Policy:
    """Load a checkpoint, once in each process of the evaluation."""
    torch.set_num_threads(1)
    return Engine(load_checkpoint(Path(folder)))


def measure(policy: Policy, *, steps: int) -> tuple[float, ...]:
    """Return how long inferences take on this machine, one by one [s]."""
    arrays = {
        feature.key: np.zeros((policy.spec.n_obs_steps, *feature.shape), dtype=feature.dtype)
        for feature in policy.spec.observation
    }
    took_s: list[float] = []
    for seed in range(WARM_UP_N + MEASURED_N):
        start = perf_counter()
        policy.infer([PolicyRequest(arrays=arrays, seed=seed, steps=steps)])
        took_s.append(perf_counter() - start)
    return tuple(took_s[WARM_UP_N:])
