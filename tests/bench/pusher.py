"""How well and how fast the scripted pusher pushes the T into its goal, on the board alone."""

import time

import numpy as np

from robotd.sim.pusher_plan import PushPlanner
from robotd.sim.pusht_protocol import FIRST_TEST_SEED
from tests.sim.pusher_trial import LAG_S, attempt


def run(*, episodes: int = 100) -> dict[str, object]:
    """Try the first seeds of the paper's evaluation."""
    planner = PushPlanner()
    start_s = time.process_time()
    trials = [attempt(FIRST_TEST_SEED + seed, planner) for seed in range(episodes)]
    cpu_s = time.process_time() - start_s
    scores = np.array([trial.score for trial in trials])
    durations_s = np.array([trial.duration_s for trial in trials])
    return {
        "episodes_n": episodes,
        "tool_lag_s": LAG_S,
        "mean_score": round(float(scores.mean()), 4),
        "median_score": round(float(np.median(scores)), 4),
        "success": round(float(np.mean([trial.success for trial in trials])), 3),
        "duration_median_s": round(float(np.median(durations_s)), 2),
        "duration_p90_s": round(float(np.quantile(durations_s, 0.9)), 2),
        "duration_max_s": round(float(durations_s.max()), 2),
        "idle_mean_s": round(float(np.mean([trial.idle_s for trial in trials])), 3),
        "thinking_share_of_a_core": round(cpu_s / float(durations_s.sum()), 3),
    }
