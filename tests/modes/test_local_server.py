"""A run's own policy server: checked before anything starts, and never waited for in vain."""

import json
import time

import pytest

from robotd.core.errors import CheckpointError, ProcessDiedError
from robotd.core.process import StopFlag
from robotd.modes.run.local_server import check_policy, local_server


@pytest.fixture
def stop():
    with StopFlag() as stop:
        yield stop


@pytest.mark.parametrize("policy", ["constant", "replay:run.npz", "."])
def test_built_in_policies_and_folders_may_be_served(policy):
    check_policy(policy)


def test_a_checkpoint_that_is_not_there_is_named():
    with pytest.raises(CheckpointError, match="runs/none: no such checkpoint folder"):
        check_policy("runs/none")


def test_it_serves_until_the_block_ends(run_dir, tmp_path, stop):
    (run_dir / "policy_server.json").write_text("{}")  # of a server that was killed

    with local_server("constant", run_dir, tmp_path / "log", stop) as (endpoint, server):
        announced = json.loads((run_dir / "policy_server.json").read_text())
        assert announced["endpoint"] == endpoint
        assert announced["pid"] == server.pid
        assert server.alive

    assert not server.alive
    assert not (run_dir / "policy_server.json").exists()


def test_a_server_that_ends_at_once_is_quoted(run_dir, tmp_path, stop):
    with (
        pytest.raises(
            ProcessDiedError, match=r"ended with exit code 1; its last line: .*none\.npz"
        ),
        local_server(f"replay:{tmp_path}/none.npz", run_dir, tmp_path, stop),
    ):
        pass


def test_a_signal_ends_the_wait(run_dir, tmp_path, stop):
    stop.request()
    begun = time.monotonic()

    with (
        pytest.raises(KeyboardInterrupt),
        local_server("constant", run_dir, tmp_path, stop),
    ):
        pass

    assert time.monotonic() - begun < 5.0
