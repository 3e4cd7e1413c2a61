"""The exact state of a training run, in one file, so that it can go on after any stop.

The order of windows, the noise and the learning rate follow from the step and the seed in the
configuration, so weights, their average, the optimiser's moments and the step are all there is.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from policy_server.training.config import TrainConfig
from robotd.core.errors import CheckpointError
from robotd.core.whole_file import whole_file

STATE = "state.safetensors"


class RunState(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a run stands, apart from its tensors."""

    version: int = 1
    step: int
    """Updates done."""
    best: float | None
    """Figure of the `best` checkpoint: score, or negative validation loss."""
    config: TrainConfig
    dataset_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRun:
    """A run as read from its file: where it stands and its tensors by name."""

    state: RunState
    tensors: dict[str, Tensor]

    def group(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors named `prefix.NAME`, by NAME."""
        start = f"{prefix}."
        return {k.removeprefix(start): v for k, v in self.tensors.items() if k.startswith(start)}


def save_state(folder: Path, state: RunState, tensors: dict[str, Tensor]) -> None:
    """Replace the run's state file, atomically.

    Raises:
        CheckpointError: It cannot be written; the old file stays.
    """
    metadata = {"run": msgspec.json.encode(state).decode()}
    try:
        with whole_file(folder / STATE) as partial:
            save_file({k: v.detach().contiguous() for k, v in tensors.items()}, partial, metadata)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{folder / STATE}: cannot be written: {error}") from error


def load_state(folder: Path) -> SavedRun:
    """Read the run's state file.

    Raises:
        CheckpointError: Missing, damaged, or of another version.
    """
    path = folder / STATE
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; there is no run to resume in {folder}")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = msgspec.json.decode(metadata.get("run", "{}"), type=RunState)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, msgspec.DecodeError) as error:
        raise CheckpointError(f"{path}: damaged, or of another version: {error}") from error
    return SavedRun(state=state, tensors=tensors)
