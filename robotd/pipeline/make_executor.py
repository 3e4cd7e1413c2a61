"""Builds the executor that a cell's configuration names, for one policy."""

from robotd.core.clock import seconds_to_ns
from robotd.core.config import CellConfig
from robotd.core.errors import SpecMismatchError
from robotd.core.spec import PolicySpec
from robotd.pipeline.action_map import action_map_for
from robotd.pipeline.ensemble import EnsembleExecutor, Weights
from robotd.pipeline.executor import Executor
from robotd.pipeline.plan_path import PlanPath
from robotd.pipeline.receding import RecedingExecutor
from robotd.pipeline.slower import slowed


def lead_ns_for(spec: PolicySpec, cell: CellConfig) -> int:
    """Return how much earlier than its path time a pose is sent [ns].

    The calibrated action latency where rows, or the path that the filter makes of them, say where
    the tool is at a time; 0 for unfiltered commands, whose lag is in the data.
    """
    path_is_reached = spec.meaning == "reached" or cell.task.command_filter != "none"
    return seconds_to_ns(cell.arm.action_latency_s) if path_is_reached else 0


def make_executor(
    spec: PolicySpec,
    cell: CellConfig,
    *,
    expected_response_s: float = 0.1,
    first_epoch: int = 0,
    speed: float = 1.0,
) -> Executor:
    """Build a cell's executor for a policy.

    Args:
        spec: The policy's.
        cell: The cell's configuration.
        expected_response_s: From asking the policy to its answer [s], until some were measured.
        first_epoch: Epoch of its first plan.
        speed: Share of the policy's own speed.

    Raises:
        SpecMismatchError: The policy's actions do not fit the cell.
    """
    action_map = action_map_for(spec, cell.task)
    config = cell.executor
    path = PlanPath(
        action_map=action_map,
        command_filter=cell.task.command_filter,
        lead_ns=lead_ns_for(spec, cell),
        max_jump_m=config.max_jump_m,
        first_epoch=first_epoch,
        speed=speed,
    )
    spec = slowed(spec, speed)
    if config.kind == "ensemble":
        weights = Weights(kind=config.weights, m=config.m)
        return EnsembleExecutor(path=path, action_map=action_map, dt_s=spec.dt_s, weights=weights)
    steps = config.n_action_steps or spec.n_action_steps
    if steps > spec.horizon:
        raise SpecMismatchError(
            f"executor.n_action_steps: got {steps}, policy {spec.name} answers {spec.horizon} rows"
        )
    return RecedingExecutor(
        path=path,
        action_map=action_map,
        n_action_steps=steps,
        expected_response_s=expected_response_s,
    )
