"""What one cycle of the arm process costs: inverse kinematics, follower, gate, together."""

import time

import numpy as np

from robotd.core.arm_model import kinematics_of
from robotd.core.clock import MonoNs, S
from robotd.core.ur_models import ur_model
from robotd.servo.follower import Follower
from robotd.servo.gate import Gate
from robotd.servo.plan_track import pose_at
from tests.bench.machine import quantiles
from tests.bench.motion import CircleOrders, mock_cell


def run(*, cycles: int = 10_000) -> dict[str, object]:
    """Follow a circle for `cycles` periods of 2 ms, as fast as it goes, timing each part."""
    cell = mock_cell()
    kinematics, dt_s = kinematics_of(cell.arm), 0.002
    gate = Gate(
        envelope=cell.envelope, model=ur_model(cell.arm.model), kinematics=kinematics, dt_s=dt_s
    )
    follower = Follower(envelope=cell.envelope, kinematics=kinematics, dt_s=dt_s)
    gate.reset(np.array(cell.arm.home_q_rad), np.zeros(6))
    follower.seed(gate.q_rad, gate.qd_rad_s, gate.qdd_rad_s2)
    orders, period_ns = CircleOrders(cell, MonoNs(S)), round(dt_s * S)
    parts: dict[str, list[int]] = {"ik": [], "follower_with_ik": [], "gate": [], "all": []}
    refused = 0
    for index in range(cycles):
        now = MonoNs(S + index * period_ns)
        plan = orders(now).plan
        before, pose = pose_at(plan, now - period_ns), pose_at(plan, now)
        t0 = time.perf_counter_ns()
        kinematics.ik(pose, gate.q_rad)
        t1 = time.perf_counter_ns()
        candidate = follower.step(before, pose)
        t2 = time.perf_counter_ns()
        _, verdict = gate.step(candidate)
        t3 = time.perf_counter_ns()
        refused += not verdict.accepted
        for name, cost in zip(parts, (t1 - t0, t2 - t1, t3 - t2, t3 - t1), strict=True):
            parts[name].append(cost)
    warm = cycles // 20
    return {
        "cycles": cycles,
        "refused": refused,
        **{name: quantiles(costs[warm:], "ms", factor=1e-6) for name, costs in parts.items()},
    }
