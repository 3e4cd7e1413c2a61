"""GPU machines are what they are: the package works with few others present."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from tests.episodes.made_episode import write_episode

ROOT = Path(__file__).parents[2]

ONLY = """
import importlib.machinery, sys

PRESENT = {"numpy", "torch", "safetensors", "msgspec", "msgpack", "robotd", "policy_server"}
TORCHS_OWN = {"typing_extensions", "sympy", "mpmath", "networkx", "jinja2", "markupsafe",
              "filelock", "fsspec", "functorch", "torchgen", "yaml", "packaging", "setuptools"}
KNOWN = PRESENT | TORCHS_OWN | set(sys.stdlib_module_names)

class FewPackages(importlib.machinery.PathFinder):
    # Finds nothing else on the path, as if it were not installed.

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        top = name.partition(".")[0]
        known = top in KNOWN or top.startswith("_sysconfigdata")
        return super().find_spec(name, path, target) if known else None

sys.meta_path[:] = [
    FewPackages if finder is importlib.machinery.PathFinder else finder
    for finder in sys.meta_path
    if isinstance(finder, type)  # editable installs add instances and their own finders
]
"""

IMPORT_ALL = """
import pkgutil
from importlib import import_module
import policy_server

for module in pkgutil.walk_packages(policy_server.__path__, "policy_server."):
    if module.name not in ROBOTS_SIDE and not module.name.endswith("__main__"):
        import_module(module.name)
"""

TRAIN_AND_INFER = """
import pathlib, numpy as np
from policy_server.__main__ import main
from policy_server.checkpoint import load_checkpoint
from policy_server.engine import Engine
from robotd.core.types import PolicyRequest

config, dataset, out = sys.argv[1:]
status = main(["train", "--config", config, "--dataset", dataset, "--out", out, "--debug",
               "--set=network.widths=[8, 16]", "--set=network.groups=4"])
assert status == 0, status
engine = Engine(load_checkpoint(pathlib.Path(out) / "best"))
arrays = {"agent_xy": np.zeros((2, 2), np.float32), "block_pose": np.zeros((2, 3), np.float32)}
(chunk,) = engine.infer([PolicyRequest(arrays=arrays, seed=0)])
assert chunk.shape == (15, 2)
status = main(["train", "--config", config, "--dataset", dataset, "--out", out + "2", "--debug",
               "--set=run.rollout_every=10"])
assert status == 1, status
"""


TRAIN_ON_EPISODES = """
from policy_server.__main__ import main

config, dataset, out = sys.argv[1:]
status = main(["train", "--config", config, "--dataset", dataset, "--out", out, "--debug"])
assert status == 1, status
"""


def run_bare(script, *arguments):
    return subprocess.run(
        [sys.executable, "-c", ONLY + script, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def test_trains_and_infers_without_the_other_packages(episodes, tmp_path):
    arrays = episodes.arrays
    np.savez(
        tmp_path / "tiny.npz",
        state=np.concatenate([arrays["agent_xy"], arrays["block_pose"]], axis=1),
        action=arrays["action"],
        episode_ends=np.cumsum(episodes.lengths),
    )
    config = ROOT / "configs" / "train" / "pusht_state_unet.toml"

    answer = run_bare(TRAIN_AND_INFER, config, tmp_path / "tiny.npz", tmp_path / "run")

    assert answer.returncode == 0, answer.stderr
    assert "pip install 'robotd[sim]'" in answer.stderr.splitlines()[-1]


def test_a_data_set_names_the_packages_that_reading_it_needs(tmp_path):
    write_episode(tmp_path / "data")
    config = ROOT / "configs" / "train" / "pusht_state_unet.toml"

    answer = run_bare(TRAIN_ON_EPISODES, config, tmp_path / "data", tmp_path / "run")

    assert answer.returncode == 0, answer.stderr
    (line,) = answer.stderr.splitlines()
    assert "reading episodes needs" in line
    assert "pip install mcap" in line
    assert "export-npz" in line


def test_every_module_but_the_robots_side_imports_without_the_other_packages():
    robots_side = {
        f"policy_server.{path.stem}"
        for path in (ROOT / "policy_server").glob("*.py")
        if any(name in path.read_text() for name in ("import zmq", "from robotd.modes"))
    }

    answer = run_bare(f"ROBOTS_SIDE = {robots_side!r}" + IMPORT_ALL)

    assert len(robots_side) <= 3

    assert answer.returncode == 0, answer.stderr
