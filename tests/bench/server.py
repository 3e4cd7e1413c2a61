"""Round trip of the policy server by stage, client and server in processes of their own.

Run it alone: `python -m tests.bench.server [--checkpoint DIR] [--json FILE]`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from robotd.core.clock import MonoNs, SystemClock
from robotd.core.types import PolicyRequest
from robotd.pipeline.policy_client import PolicyClient

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "checkpoints" / "pusht-state"
STAGES = ("round_trip_s", "transport_s", "queue_s", "decode_s", "infer_s", "total_s")
WARM_UP_N = 20
STARTUP_S = 120.0
DEADLINE_S = 10.0


def run(*, checkpoint: Path | None = None, requests_n: int = 300) -> dict[str, object]:
    """Measure the constant policy over ipc and tcp, and the checkpoint where there is one.

    Returns:
        Name of the setting to {stage: {p50_ms, p99_ms}}; `transport_s` is the round trip less
        the server's own time.
    """
    folder = checkpoint or (SHIPPED if (SHIPPED / "policy.json").exists() else None)
    result: dict[str, object] = {
        "constant_ipc": _measure("constant", "ipc", requests_n),
        "constant_tcp": _measure("constant", "tcp", requests_n),
    }
    if folder is not None:
        result["checkpoint_ipc"] = _measure(str(folder), "ipc", requests_n)
    return {"requests_n": requests_n, **result}


def _measure(policy: str, transport: str, requests_n: int) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.json"
        endpoint = f"ipc://{folder}/policy" if transport == "ipc" else "tcp://127.0.0.1:0"
        command = [sys.executable, "-m", "policy_server", "serve", "--policy", policy]
        command += ["--endpoint", endpoint, "--ready-file", str(ready)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as server:
            try:
                _wait_for(ready, server)
                bound = str(json.loads(ready.read_text())["endpoint"])
                return _ask_many(bound, requests_n)
            finally:
                server.terminate()
                _end(server)


def _end(server: subprocess.Popen[bytes]) -> None:
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()


def _wait_for(ready: Path, server: subprocess.Popen[bytes]) -> None:
    give_up_s = time.monotonic() + STARTUP_S
    while not ready.exists():
        if server.poll() is not None or time.monotonic() > give_up_s:
            raise RuntimeError("server: the server did not become ready")
        time.sleep(0.01)


def _ask_many(endpoint: str, requests_n: int) -> dict[str, dict[str, float]]:
    client = PolicyClient(endpoint, "bench", SystemClock())
    try:
        spec = client.hello(DEADLINE_S)
        rng = np.random.default_rng(0)
        for seed in range(WARM_UP_N + requests_n):
            arrays = {
                each.key: rng.uniform(0, 255, (spec.n_obs_steps, *each.shape)).astype(each.dtype)
                for each in spec.observation
            }
            request = PolicyRequest(arrays=arrays, seed=seed)
            client.request(request, t_obs_ns=MonoNs(seed), deadline_s=DEADLINE_S)
            while client.newest_chunk() is None:
                if client.failures.total_n:
                    raise RuntimeError(f"server: {client.failures.reason}")
                time.sleep(0.0002)
        stats = client.take_stats()[WARM_UP_N:]
    finally:
        client.close()
    columns = {
        stage: np.array([getattr(each, stage) for each in stats])
        for stage in STAGES
        if stage != "transport_s"
    }
    columns["transport_s"] = columns["round_trip_s"] - columns["total_s"]
    return {
        stage.removesuffix("_s"): {
            "p50_ms": round(float(np.percentile(columns[stage], 50)) * 1e3, 4),
            "p99_ms": round(float(np.percentile(columns[stage], 99)) * 1e3, 4),
        }
        for stage in STAGES
    }


def main() -> int:
    """Print, or write, the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    text = json.dumps(run(checkpoint=args.checkpoint, requests_n=args.requests), indent=2)
    if args.json is None:
        sys.stdout.write(text + "\n")
    else:
        args.json.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
