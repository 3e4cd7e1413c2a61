import os
import subprocess
import sys
from pathlib import Path


def test_the_checks_reach_every_line_and_branch_of_the_gate(tmp_path):
    command = [sys.executable, "-m", "pytest", str(Path(__file__).with_name("test_gate.py"))]
    command += ["-q", "-k", "the_gate_passes", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += ["--cov=robotd.servo.gate", "--cov-branch", "--cov-fail-under=100"]
    command += ["--cov-report=term-missing"]
    environment = {**os.environ, "COVERAGE_FILE": str(tmp_path / "coverage")}
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stdout[-2000:]
