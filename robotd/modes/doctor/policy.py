"""Whether a policy server answers, what it serves, and how long a chunk takes."""

from typing import Final, Protocol

import numpy as np

from robotd.core.clock import MS, MonoNs, S, SystemClock
from robotd.core.config import CellConfig
from robotd.core.errors import ConfigError, SpecMismatchError, WireError
from robotd.core.finding import Finding
from robotd.core.protocols import Clock
from robotd.core.spec import PolicySpec
from robotd.core.types import PolicyRequest
from robotd.modes.daemon.offer import offer_of
from robotd.pipeline.chunk_source import ChunkSource
from robotd.pipeline.handshake import check_spec
from robotd.pipeline.policy_client import PolicyClient

ROBOT_ID: Final = "doctor"
"""A lease of its own: a cell that runs with this server keeps its own."""
HELLO_S: Final = 2.0
REQUESTS_N: Final = 10
_POLL_NS: Final = MS


class MakeSource(Protocol):
    """How a policy is reached."""

    def __call__(self, endpoint: str, robot_id: str, clock: Clock) -> ChunkSource:
        """Begin to connect."""
        ...


def check_policy_server(
    endpoint: str,
    cell: CellConfig | None,
    *,
    clock: Clock | None = None,
    make: MakeSource = PolicyClient,
) -> list[Finding]:
    """Ask a policy server for a few chunks of an observation of zeros.

    Args:
        endpoint: Where it is; empty: none was named.
        cell: Whose deadline an answer has to keep, and whose sampler is asked for.
        clock: Of the round trips.
        make: How it is reached.
    """
    if not endpoint:
        return [
            Finding(
                name="policy server",
                found="none named",
                expected="one that answers in time",
                status="unknown",
                fix="name it: --server tcp://127.0.0.1:5555",
            )
        ]
    clock = clock or SystemClock()
    try:
        source = make(endpoint, ROBOT_ID, clock)
    except ConfigError as error:
        return [_no_server(str(error))]
    try:
        spec = source.hello(HELLO_S)
        served = _server(endpoint, spec)
        if (misfit := _misfit(spec, cell)) is not None:
            return [served, misfit]
        return [served, _latency(source, spec, cell, clock)]
    except WireError as error:
        return [_no_server(str(error))]
    finally:
        source.close()


def _no_server(why: str) -> Finding:
    return Finding(
        name="policy server",
        found=why,
        expected="one that answers",
        status="fail",
        fix="start it: robotd serve --policy DIR --endpoint ENDPOINT; another computer's by a "
        "tunnel: ssh -L 5555:127.0.0.1:5555 GPU_MACHINE",
    )


def _server(endpoint: str, spec: PolicySpec) -> Finding:
    return Finding(
        name="policy server",
        found=f"{endpoint} serves {spec.name}: {spec.horizon} rows of {spec.dt_s:g} s",
        expected="one that answers",
        status="ok",
    )


def _misfit(spec: PolicySpec, cell: CellConfig | None) -> Finding | None:
    """Return in what policy and cell do not agree."""
    if cell is None:
        return None
    try:
        check_spec(spec, offer_of(cell), sampler=cell.policy.sampler)
    except SpecMismatchError as error:
        return Finding(
            name="policy and cell",
            found=str(error),
            expected="a policy for this cell",
            status="fail",
            fix="serve another checkpoint, or change the cell",
        )
    return None


def _latency(
    source: ChunkSource, spec: PolicySpec, cell: CellConfig | None, clock: Clock
) -> Finding:
    limit_s = cell.policy.deadline_s if cell is not None else spec.n_action_steps * spec.dt_s
    sampler, steps = (cell.policy.sampler, cell.policy.steps) if cell is not None else ("", 0)
    arrays = {
        feature.key: np.zeros((spec.n_obs_steps, *feature.shape), dtype=feature.dtype)
        for feature in spec.observation
    }
    request = PolicyRequest(arrays=arrays, seed=0, sampler=sampler, steps=steps)
    taken_s = [_ask(source, request, clock, limit_s) for _ in range(REQUESTS_N)]
    answered_s = sorted(each for each in taken_s if each is not None)
    failed_n = REQUESTS_N - len(answered_s)
    found = f"{failed_n} of {REQUESTS_N} requests failed"
    if answered_s:
        median_s = answered_s[len(answered_s) // 2]
        found = f"chunk after {_ms(median_s)}, slowest of {len(answered_s)} {_ms(answered_s[-1])}"
        found += f", {failed_n} failed: {source.failures.reason}" if failed_n else ""
    return Finding(
        name="policy latency",
        found=found,
        expected=f"each within {_ms(limit_s)} (policy.deadline_s)",
        status="fail" if failed_n else "ok",
        fix="fewer sampler steps (policy.steps), a GPU, a nearer server, or a longer deadline"
        if failed_n
        else "",
    )


def _ask(source: ChunkSource, request: PolicyRequest, clock: Clock, limit_s: float) -> float | None:
    """Return how long a chunk took [s]; None where none came in time."""
    begun = clock.now()
    source.request(request, t_obs_ns=begun, deadline_s=limit_s)
    while (now := clock.now()) - begun < limit_s * S:
        if source.newest_chunk() is not None:
            return (clock.now() - begun) / S
        clock.sleep_until(MonoNs(now + _POLL_NS))
    return None


def _ms(duration_s: float) -> str:
    return f"{duration_s * 1e3:.0f} ms"
