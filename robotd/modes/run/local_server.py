"""A policy server of our own, for a run that names a checkpoint instead of a server."""

import contextlib
import importlib.util
import sys
from collections.abc import Generator
from pathlib import Path

from robotd.core.clock import MS, MonoNs, S, SystemClock
from robotd.core.data_files import given_or_shipped
from robotd.core.errors import CheckpointError, ConfigError, ProcessDiedError
from robotd.core.process import ChildProcess, StopFlag, spawn
from robotd.core.rundir import socket_path

READY_S = 120.0
"""Loading and warming up a large policy takes its time."""
STOP_S = 5.0
POLL_NS = 20 * MS
BUILT_IN = ("constant", "replay:")


def check_policy(policy: str) -> None:
    """Refuse what no server could be started for.

    Raises:
        ConfigError: The server's packages are not installed.
        CheckpointError: There is no such checkpoint.
    """
    if not policy.startswith(BUILT_IN) and not given_or_shipped(policy).is_dir():
        raise CheckpointError(f"{policy}: no such checkpoint folder; see `robotd train --help`")
    if importlib.util.find_spec("torch") is None and not policy.startswith(BUILT_IN):
        raise ConfigError(
            "command line",
            "--policy",
            got="no torch here",
            expected="the server's packages",
            hint="pip install 'robotd[server]', or name a running --server",
        )


@contextlib.contextmanager
def local_server(
    policy: str, run_dir: Path, log_dir: Path, stop: StopFlag
) -> Generator[tuple[str, ChildProcess]]:
    """Start `python -m policy_server serve`; yield its endpoint and itself once it is warm.

    Raises:
        ProcessDiedError: It did not come up; its last line.
        KeyboardInterrupt: `stop` was raised first.
    """
    endpoint = f"ipc://{socket_path(run_dir, 'policy')}"
    log_dir.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "policy_server", "serve"]
    command += ["--policy", policy, "--endpoint", endpoint]
    ready_file = run_dir / "policy_server.json"
    ready_file.unlink(missing_ok=True)  # of a server that was killed
    command += ["--ready-file", str(ready_file)]
    server = spawn("policy_server", run_dir, command=command, log_dir=log_dir)
    try:
        _await_file(ready_file, server, stop)
        yield endpoint, server
    finally:
        server.terminate(STOP_S)


def _await_file(path: Path, server: ChildProcess, stop: StopFlag) -> None:
    clock = SystemClock()
    deadline_ns = clock.now() + round(READY_S * S)
    while not path.exists():
        if not server.alive:
            raise server.died()
        if stop.requested:
            raise KeyboardInterrupt
        if clock.now() > deadline_ns:
            raise ProcessDiedError(f"policy_server: not ready after {READY_S:g} s ({server.log})")
        clock.sleep_until(MonoNs(clock.now() + POLL_NS))
