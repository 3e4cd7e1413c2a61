"""A policy that plays recorded actions back: for debugging a cell without a network's opinion."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robotd.core.errors import DatasetError
from robotd.core.pusht_spec import pusht_spec
from robotd.core.spec import PolicySpec
from robotd.core.types import PolicyRequest


class ReplayPolicy:
    """Answers rows of a recording; implements the `Policy` protocol.

    It is stateless like every policy: the request's seed k answers the rows from
    `k * n_action_steps` on, so seeds that count requests play the recording in order. At the end
    the last row is repeated, and the next seed begins again.
    """

    def __init__(self, actions: NDArray[np.float32], spec: PolicySpec | None = None) -> None:
        """Take (N, 2) float32 targets [px], one each dt.

        Raises:
            DatasetError: Another shape, no row, or a value that is not finite.
        """
        self._spec = pusht_spec("replay") if spec is None else spec
        dim = self._spec.action_dim
        if actions.ndim != 2 or actions.shape[0] == 0 or actions.shape[1] != dim:
            raise DatasetError(f"replay: `actions` got shape {actions.shape}, expected (N, {dim})")
        if not bool(np.isfinite(actions).all()):
            raise DatasetError("replay: `actions` got a value that is not finite")
        tail = np.repeat(actions[-1:], self._spec.horizon, axis=0)
        self._padded = np.concatenate([actions, tail]).astype(np.float32)
        self._starts_n = -(-actions.shape[0] // self._spec.n_action_steps)

    @classmethod
    def load(cls, path: Path) -> "ReplayPolicy":
        """Read an .npz file with an array `actions`, (N, 2), [px], 10 Hz.

        Raises:
            DatasetError: Missing, damaged, or of another layout.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                actions = np.asarray(archive["actions"], dtype=np.float32)
        except FileNotFoundError as error:
            raise DatasetError(f"{path}: no such file; expected an .npz of actions") from error
        except KeyError as error:
            raise DatasetError(f"{path}: no array `actions`, expected one (N, 2) [px]") from error
        except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise DatasetError(f"{path}: not a readable .npz file; record it again") from error
        return cls(actions)

    @property
    def spec(self) -> PolicySpec:
        """What it sees and answers."""
        return self._spec

    def infer(self, requests: Sequence[PolicyRequest]) -> list[NDArray[np.float32]]:
        """Answer (horizon, 2) float32 recorded targets [px]."""
        return [self._rows(request.seed) for request in requests]

    def _rows(self, seed: int) -> NDArray[np.float32]:
        first = (seed % self._starts_n) * self._spec.n_action_steps
        return self._padded[first : first + self._spec.horizon].copy()
