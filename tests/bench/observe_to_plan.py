"""From streams to a plan without the server: observe, arrays, chunk, splice, plan."""

import time

import numpy as np

from policy_server.constant import ConstantPolicy
from robotd.core.board_frame import BoardFrame
from robotd.core.clock import FakeClock, MonoNs, S
from robotd.core.pusht_spec import BLOCK_POSE
from robotd.core.types import ArmState, Signal
from robotd.pipeline.action_map import BoardXy
from robotd.pipeline.driver import PolicyDriver
from robotd.pipeline.local_policy import LocalPolicyClient
from robotd.pipeline.make_executor import make_executor
from robotd.pipeline.observe import tool_stream
from robotd.pipeline.request import TOOL_STREAM
from tests.bench.machine import quantiles
from tests.bench.motion import mock_cell


def run(*, rounds: int = 300) -> dict[str, object]:
    """Time the conductor's two steps of a chunk: asking, and turning the answer into a plan."""
    cell, clock, policy = mock_cell(), FakeClock(MonoNs(10 * S)), ConstantPolicy()
    source = LocalPolicyClient(policy, clock, latency_s=0.0)
    source.hello(1.0)
    executor = make_executor(policy.spec, cell)
    driver = PolicyDriver(
        cell=cell,
        spec=policy.spec,
        source=source,
        executor=executor,
        start_ns=clock.now(),
        seed=0,
    )
    T = BoardXy(BoardFrame.of_task(cell.task), cell.task.tip_height_m).poses(
        np.array([[256.0, 256.0]])
    )[0]
    ask, plan_costs = [], []
    for _ in range(rounds):
        now = clock.now()
        kept = _kept(now, T)
        t0 = time.perf_counter_ns()
        driver.step(now, lambda kept=kept: _streams(*kept), T)
        t1 = time.perf_counter_ns()
        clock.advance(S // 100)
        plan = driver.step(clock.now(), lambda kept=kept: _streams(*kept), T)
        t2 = time.perf_counter_ns()
        if plan is not None:
            ask.append(t1 - t0)
            plan_costs.append(t2 - t1)
        clock.advance(S)
    return {
        "rounds": len(plan_costs),
        "ask": quantiles(ask, "ms", factor=1e-6),
        "answer_to_plan": quantiles(plan_costs, "ms", factor=1e-6),
    }


def _kept(now: MonoNs, T_base_tcp):
    """A second of arm states at 500 Hz and of tracker samples at 30 Hz, as the daemon keeps."""
    times = now - 2_000_000 * np.arange(500)[::-1]
    states = [
        ArmState(
            t_ns=MonoNs(int(t)), q_rad=np.zeros(6), qd_rad_s=np.zeros(6), T_base_tcp=T_base_tcp
        )
        for t in times
    ]
    seen = now - 33_000_000 * np.arange(30)[::-1]
    return states, Signal(t_ns=seen.astype(np.int64), value=np.tile([0.15, 0.15, 0.8], (30, 1)))


def _streams(states, block):
    """Make streams of them, which is part of asking."""
    return {TOOL_STREAM: tool_stream(states), BLOCK_POSE: block}
