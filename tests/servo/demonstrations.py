"""The human demonstrations through plan, follower and gate of a mock cell.

`python -m tests.servo.demonstrations` runs all of them at both rates and prints the figures.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns

import numpy as np

from robotd.core.arm_codes import Source
from robotd.core.arm_model import kinematics_of
from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MonoNs, S
from robotd.core.config import CellConfig
from robotd.core.config_load import load_toml
from robotd.core.types import Plan
from robotd.core.ur_models import ur_model
from robotd.episodes.replay_zip import load_replay
from robotd.pipeline.action_map import BoardXy
from robotd.pipeline.command_filter import FILTER_DT_NS, pusht_pd
from robotd.servo.follower import Follower
from robotd.servo.gate import Gate
from robotd.servo.plan_track import PlanTrack, pose_at

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data" / "pusht_cchi_v7_replay.zarr.zip"
CELLS = {"ur5": ROOT / "configs/mock/cell-ur5.toml", "ur5e": ROOT / "configs/mock/cell.toml"}
EPISODES = 206
PLAN_ROWS, REPLAN_NS = 120, 80 * FILTER_DT_NS
SETTLE_NS = S // 2


@dataclass
class Outcome:
    """What one model did with some episodes."""

    refusals: dict[str, int]
    error_m: np.ndarray
    cycle_us: np.ndarray
    tool_speed_m_s: float

    def figures(self) -> dict[str, object]:
        error, cycle = self.error_m * 1e3, self.cycle_us
        return {
            "ticks_n": len(error),
            "refusals_n": sum(self.refusals.values()),
            "refusals_by_limit": self.refusals,
            "tracking_error_p50_mm": round(float(np.percentile(error, 50)), 3),
            "tracking_error_p99_mm": round(float(np.percentile(error, 99)), 3),
            "tracking_error_max_mm": round(float(error.max()), 3),
            "tool_speed_max_m_s": round(self.tool_speed_m_s, 4),
            "cycle_p50_us": round(float(np.percentile(cycle, 50)), 1),
            "cycle_p99_us": round(float(np.percentile(cycle, 99)), 1),
        }


def run(model: str, episodes: range) -> Outcome:
    """Run episodes on a model at its own rate."""
    cell = load_toml(CELLS[model], CellConfig)
    data = load_replay(DATA)
    ends = np.cumsum(data.lengths)
    refusals, errors, cycles, fastest = {}, [], [], 0.0
    for episode in episodes:
        rows = slice(int(ends[episode] - data.lengths[episode]), int(ends[episode]))
        action = data.arrays["action"][rows].astype(np.float64)
        start = data.arrays["agent_xy"][rows.start].astype(np.float64)
        path, _ = pusht_pd(start, np.zeros(2), np.repeat(action, 10, axis=0))
        T = BoardXy(BoardFrame.of_task(cell.task), cell.task.tip_height_m).poses(path)
        error, cycle, speed, refused = _episode(cell, T)
        errors.append(error)
        cycles.append(cycle)
        fastest = max(fastest, speed)
        for limit in refused:
            refusals[limit] = refusals.get(limit, 0) + 1
    return Outcome(refusals, np.concatenate(errors), np.concatenate(cycles), fastest)


def _episode(cell, T_base_tcp):
    kinematics, model = kinematics_of(cell.arm), ur_model(cell.arm.model)
    period_ns, dt_s = round(S / model.servo_rate_hz), 1.0 / model.servo_rate_hz
    gate = Gate(envelope=cell.envelope, model=model, kinematics=kinematics, dt_s=dt_s)
    follower = Follower(envelope=cell.envelope, kinematics=kinematics, dt_s=dt_s)
    track = PlanTrack(cell.executor.max_jump_m)
    q = np.array(cell.arm.home_q_rad)
    for _ in range(40):
        q = kinematics.ik(T_base_tcp[0], q).q_rad
    gate.reset(q, np.zeros(6))
    follower.seed(q, np.zeros(6), np.zeros(6))
    t_ns = np.arange(len(T_base_tcp)) * FILTER_DT_NS
    plan, emitted, wanted, cycle, refused = None, [q], [T_base_tcp[0]], [], []
    T_cmd = T_base_tcp[0]
    for now in range(0, int(t_ns[-1]) + SETTLE_NS, period_ns):
        epoch = now // REPLAN_NS
        if plan is None or plan.epoch != epoch:
            first = min(now // FILTER_DT_NS, len(t_ns) - 1)
            rows = slice(first, first + PLAN_ROWS)
            plan = Plan(
                epoch=epoch,
                t_ns=t_ns[rows],
                T_base_tcp=T_base_tcp[rows].copy(),
                valid_until_ns=MonoNs(int(t_ns[rows][-1]) + S),
                source=Source.POLICY,
            )
        begun = perf_counter_ns()
        followed = track.follow(plan, MonoNs(now), T_cmd)
        assert followed is plan, "a plan was refused"
        T_cmd = pose_at(plan, now)
        candidate = follower.step(pose_at(plan, now - period_ns), T_cmd)
        setpoint, verdict = gate.step(candidate)
        cycle.append(perf_counter_ns() - begun)
        if not verdict.accepted:
            refused.append(verdict.limit.name)
            follower.seed(gate.q_rad, gate.qd_rad_s, gate.qdd_rad_s2)
        emitted.append(setpoint.q_rad)
        wanted.append(T_cmd)
    p = kinematics.points_batch(np.array(emitted)).p_base_tcp
    error = np.linalg.norm(p - np.array(wanted)[:, :3, 3], axis=1)
    speed = float(np.linalg.norm(np.diff(p, axis=0), axis=1).max()) / dt_s
    return error, np.array(cycle) / 1e3, speed, refused


if __name__ == "__main__":
    every = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    for name in CELLS:
        figures = run(name, range(0, EPISODES, every)).figures()
        sys.stdout.write(json.dumps({"model": name, **figures}) + "\n")
