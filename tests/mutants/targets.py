"""What is mutated, and which tests have to find each change out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Target:
    """One module.

    Attributes:
        module: Its name as imported.
        tests: Words for pytest: files that are to fail on every mutant, the quickest first.
    """

    module: str
    tests: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Its file."""
        return ROOT / f"{self.module.replace('.', '/')}.py"


TARGETS: Final[dict[str, Target]] = {
    "gate": Target(module="robotd.servo.gate", tests=("tests/servo/test_gate.py",)),
    "follower": Target(
        module="robotd.servo.follower",
        tests=("tests/servo/test_follower_figures.py", "tests/servo/test_follower.py"),
    ),
    "plan": Target(module="robotd.servo.plan_track", tests=("tests/servo/test_plan_track.py",)),
    "ik": Target(
        module="robotd.core.inverse_kinematics",
        tests=("tests/core/test_kinematics_figures.py", "tests/core/test_kinematics_inverse.py"),
    ),
}
