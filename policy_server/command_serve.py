"""`serve`: builds a policy and answers robots until a signal comes."""

import argparse
import json
import logging
import os
import signal
import sys
from pathlib import Path

from robotd.core.data_files import given_or_shipped
from robotd.core.endpoint import check_endpoint
from robotd.core.errors import ConfigError
from robotd.core.process import die_with_parent
from robotd.core.protocols import Policy
from robotd.core.spec import PolicySpec
from robotd.core.whole_file import whole_file

_log = logging.getLogger(__name__)

DEFAULT_ENDPOINT = "tcp://127.0.0.1:5555"


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--policy",
        required=True,
        help="a checkpoint folder, `constant` (hold the place), or `replay:FILE.npz`",
    )
    parser.add_argument("--endpoint", default=DEFAULT_ENDPOINT, help="tcp://127.0.0.1:PORT or ipc:")
    parser.add_argument(
        "--device", default="cpu", help="where a checkpoint runs: cpu, cuda, cuda:1"
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of a checkpoint")
    parser.add_argument(
        "--ready-file", type=Path, help="JSON written when ready, removed at the end"
    )
    parser.set_defaults(run=run_serve)


def run_serve(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT, then return 0.

    Raises:
        RobotdError: The policy cannot be loaded, or the endpoint is taken or not on this machine.
    """
    die_with_parent()
    try:
        from policy_server.server import PolicyServer  # here: training needs no pyzmq
    except ModuleNotFoundError as error:
        raise ConfigError(
            "command line",
            "serve",
            got=f"no module {error.name}",
            expected="pyzmq",
            hint="pip install 'robotd[server]'",
        ) from error
    endpoint = check_endpoint(args.endpoint, key="--endpoint")
    policy = build_policy(args.policy, threads=args.threads, device=args.device)
    server = PolicyServer(policy, endpoint)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")

    def on_signal(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)  # a second one ends it at once
        server.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    signal.set_wakeup_fd(server.wake_fd, warn_on_full_buffer=False)
    with server:
        try:
            _announce(server.endpoint, server.spec, args.ready_file)
            server.main_loop()
        finally:
            signal.set_wakeup_fd(-1)
            if args.ready_file is not None:
                args.ready_file.unlink(missing_ok=True)
    _log.info("policy server at %s stopped", server.endpoint)
    return 0


def build_policy(name: str, *, threads: int = 1, device: str = "cpu") -> Policy:
    """Return the policy that `--policy` names.

    Raises:
        ConfigError: A thread count below 1.
        CheckpointError: The folder is missing or damaged.
        DatasetError: The recording is missing or damaged.
    """
    if threads < 1:
        raise ConfigError("command line", "--threads", got=str(threads), expected="1 or more")
    if name == "constant":
        from policy_server.constant import ConstantPolicy

        return ConstantPolicy()
    if name.startswith("replay:"):
        from policy_server.replay import ReplayPolicy

        return ReplayPolicy.load(Path(name.removeprefix("replay:")))
    return _load_checkpoint(given_or_shipped(name), threads, device)


def _load_checkpoint(folder: Path, threads: int, device: str) -> Policy:
    try:
        import torch

        from policy_server.checkpoint import load_checkpoint
        from policy_server.engine import Engine
    except ModuleNotFoundError as error:
        raise ConfigError(
            "command line",
            "--policy",
            got=f"a checkpoint, but no module {error.name}",
            expected="torch and safetensors",
            hint="pip install 'robotd[server]'",
        ) from error
    torch.set_num_threads(threads)
    return Engine(load_checkpoint(folder), device=device)


def _announce(endpoint: str, spec: PolicySpec, ready_file: Path | None) -> None:
    """Say in the ready file, and then on one line, that clients may come."""
    latencies = {f"{each.name}-{each.steps}": each.latency_s for each in spec.samplers}
    if ready_file is not None:
        content = {
            "endpoint": endpoint,
            "policy": spec.name,
            "checkpoint_sha256": spec.checkpoint_sha256,
            "latency_s": latencies,
            "pid": os.getpid(),
        }
        _write_ready(ready_file, json.dumps(content))
    times = ", ".join(f"{name} {latency * 1e3:.2f} ms" for name, latency in latencies.items())
    checkpoint = spec.checkpoint_sha256[:12] or "none"
    sys.stdout.write(
        f"ready: {endpoint}, policy {spec.name}, checkpoint {checkpoint}, latency {times}\n"
    )
    sys.stdout.flush()


def _write_ready(path: Path, text: str) -> None:
    """Write what may be read at any instant.

    Raises:
        ConfigError: It cannot be written.
    """
    try:
        with whole_file(path) as partial:
            partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            "command line",
            "--ready-file",
            got=str(path),
            expected="a file that can be written",
            hint=str(error.strerror),
        ) from error
