"""`serve` as a process: one ready line, one line for a fault, a clean end on signals."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from robotd.core.clock import MonoNs, SystemClock
from robotd.core.types import PolicyRequest
from robotd.pipeline.policy_client import PolicyClient

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60


def spawn(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "policy_server", "serve", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_ready_and_ends_cleanly_on_a_signal(tmp_path, number):
    ready = tmp_path / "ready.json"
    arguments = ["--policy", "constant", "--endpoint", "tcp://127.0.0.1:0"]
    with spawn(*arguments, "--ready-file", str(ready)) as process:
        try:
            line = process.stdout.readline()
            told = json.loads(ready.read_text())
            process.send_signal(number)
            _, errors = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()

    assert line.startswith("ready: tcp://127.0.0.1:")
    assert "policy constant" in line
    assert told["endpoint"] in line
    assert (told["pid"], told["policy"]) == (process.pid, "constant")
    assert told["latency_s"]["none-1"] > 0
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert not ready.exists()


SIGNAL_IN_ANOTHER_THREAD = """
import pathlib, signal, sys, threading, time
from policy_server.__main__ import main

ready = pathlib.Path(sys.argv[1])

def signal_once_waiting():
    while not ready.exists():
        time.sleep(0.01)
    time.sleep(0.2)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

threading.Thread(target=signal_once_waiting, daemon=True).start()
sys.exit(main([
    "serve", "--policy", "constant", "--endpoint", "tcp://127.0.0.1:0", "--ready-file", sys.argv[1]
]))
"""


def test_a_signal_that_does_not_interrupt_the_wait_still_ends_it(tmp_path):
    command = [sys.executable, "-c", SIGNAL_IN_ANOTHER_THREAD, str(tmp_path / "ready.json")]

    finished = subprocess.run(
        command, cwd=ROOT, check=False, timeout=PATIENCE_S, capture_output=True, text=True
    )

    assert finished.returncode == 0, finished.stderr


def test_a_client_outlives_the_server_being_killed(tmp_path):
    arguments = ["--policy", "constant", "--endpoint", f"ipc://{tmp_path}/policy"]
    client = PolicyClient(arguments[-1], "mock", SystemClock())
    try:
        with spawn(*arguments) as first:
            client.hello(PATIENCE_S)
            assert ask_until_answered(client).actions.shape == (15, 2)
            first.kill()
        with spawn(*arguments) as second:
            chunk = ask_until_answered(client)
            second.kill()
        failed_n = client.failures.total_n
    finally:
        client.close()

    assert (chunk.actions == 1).all()
    assert failed_n >= 1


def ask_until_answered(client):
    """Ask as a conductor does, again after every deadline."""
    arrays = {"agent_xy": np.ones((2, 2), np.float32), "block_pose": np.ones((2, 3), np.float32)}
    give_up_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_s:
        client.request(PolicyRequest(arrays=arrays, seed=0), t_obs_ns=MonoNs(0), deadline_s=0.3)
        failed_n = client.failures.total_n
        while client.failures.total_n == failed_n:
            chunk = client.newest_chunk()
            if chunk is not None:
                return chunk
            time.sleep(0.002)
    raise AssertionError("no answer")


def one_line(*arguments):
    process = spawn(*arguments)
    output, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert output == ""
    assert errors.count("\n") == 1
    return errors


def test_a_taken_port_is_one_line_and_a_failure():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        line = one_line("--policy", "constant", "--endpoint", f"tcp://127.0.0.1:{port}")

    assert "another process listens" in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--policy", "constant", "--endpoint", "tcp://0.0.0.0:5555"], "unencrypted"),
        (["--policy", "replay:/nowhere.npz", "--endpoint", "tcp://127.0.0.1:0"], "no such file"),
        (["--policy", "constant", "--threads", "0"], "--threads"),
        (
            ["--policy", "constant", "--endpoint", "tcp://127.0.0.1:0", "--ready-file", "/no/x"],
            "--ready-file",
        ),
    ],
)
def test_faults_are_one_line_and_a_failure(arguments, words):
    assert words in one_line(*arguments)


def test_a_checkpoint_that_is_missing_is_one_line_and_a_failure(tmp_path):
    line = one_line("--policy", str(tmp_path / "none"), "--endpoint", "tcp://127.0.0.1:0")

    assert str(tmp_path / "none") in line


def test_the_socket_code_does_not_load_torch():
    code = (
        "import sys, policy_server.server, policy_server.command_serve, policy_server.replay; "
        "sys.exit('torch' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_command_loads_without_pyzmq():
    code = "import sys; sys.modules['zmq'] = None; import policy_server.command_serve"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
