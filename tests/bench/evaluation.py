"""How fast the shipped policy is evaluated: 500 episodes in lockstep on all cores."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "checkpoints" / "pusht-state"


def run(*, episodes: int = 500) -> dict[str, object]:
    """Run `robotd eval` as a user would."""
    workers = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "eval.json"
        command = [sys.executable, "-m", "policy_server", "eval", "--policy", str(SHIPPED)]
        command += ["--episodes", str(episodes), "--workers", str(workers), "--json", str(out)]
        start = time.perf_counter()
        subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
        took_s = time.perf_counter() - start
        report = json.loads(out.read_text())
    return {
        "episodes_n": episodes,
        "workers": workers,
        "took_s": round(took_s, 1),
        "episodes_per_s": round(episodes / took_s, 2),
        "mean_max_reward": report["mean_max_reward"],
        "standard_error": report["standard_error"],
    }
