"""What only shows once processes run: still one line that names the thing, and nothing is left."""

import resource
import shutil
import socket

import msgspec
import pytest

from robotd.episodes.dataset import episodes
from robotd.pipeline.fake_policy_server import FakePolicyServer
from tests.end_to_end.cell_site import CHECKOUT
from tests.end_to_end.moving_server import SPEC, moving

SHIPPED = CHECKOUT / "checkpoints" / "pusht-state"


def complaint_of(process, limit_s=60.0):
    """Return the one line with which it failed."""
    _, stderr = process.communicate(timeout=limit_s)
    assert process.returncode == 1
    [line] = [line for line in stderr.splitlines() if line.startswith("robotd: ")]
    assert "Traceback" not in stderr
    return line


def test_a_damaged_checkpoint_is_named(site, tmp_path):
    pytest.importorskip("torch")
    folder = shutil.copytree(SHIPPED, tmp_path / "damaged")
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])

    run = site.robotd("run", f"--policy={folder}", f"--out={tmp_path}/out")

    line = complaint_of(run)
    assert "policy_server: ended with exit code 1" in line
    assert f"{folder}/model.safetensors" in line


def test_a_policy_that_does_not_fit_is_refused_before_arming(site, tmp_path):
    with FakePolicyServer(msgspec.structs.replace(SPEC, meaning="reached")) as server:
        run = site.robotd("run", f"--server={server.endpoint}", f"--out={tmp_path}/out")

        line = complaint_of(run)
    assert "policy moving" in line
    assert f"cell {site.name}" in line
    assert not (tmp_path / "out" / "figures.png").exists()


def test_a_data_set_that_cannot_be_made_is_named_before_anything_moves(site, tmp_path):
    (tmp_path / "file").write_text("")
    with FakePolicyServer(SPEC, moving) as server:
        run = site.robotd(
            "run",
            f"--server={server.endpoint}",
            f"--out={tmp_path}/out",
            f"--dataset={tmp_path}/file",
        )

        line = complaint_of(run)
    assert f"{tmp_path}/file" in line
    assert not list((tmp_path / "out").iterdir())


def test_figures_that_cannot_be_written_lose_nothing_else(site, tmp_path):
    (tmp_path / "out" / "figures.png").mkdir(parents=True)
    with FakePolicyServer(SPEC, moving) as server:
        run = site.robotd(
            "run",
            f"--server={server.endpoint}",
            f"--out={tmp_path}/out",
            "--set=task.max_episode_s=0.5",
        )

        line = complaint_of(run)
    assert "figures.png" in line
    assert len(episodes(tmp_path / "out" / "episodes")) == 1
    assert (tmp_path / "out" / "run.mp4").exists()


def test_a_daemon_without_room_for_its_rings_ends_with_a_line(site):
    def small_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    line = complaint_of(site.robotd("up", preexec_fn=small_disk))

    assert site.name in line


def test_a_real_arm_that_does_not_answer_is_named(site):
    text = (CHECKOUT / "configs" / "pusht" / "cell.toml").read_text()
    text = text.replace('host = "192.168.1.10"', 'host = "127.93.60.8"', 1)
    site.config.write_text(text.replace('name = "pusht"', f'name = "{site.name}"', 1))
    site.mock = ""

    line = complaint_of(site.robotd("up"))

    assert "127.93.60.8" in line


def test_a_taken_port_is_named(site):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = site.start(
            "-m", "robotd.cli", "serve", "--policy=constant", f"--endpoint=tcp://127.0.0.1:{port}"
        )
        _, stderr = server.communicate(timeout=60.0)

    assert server.returncode == 1
    [line] = stderr.splitlines()
    assert f"127.0.0.1:{port}" in line
