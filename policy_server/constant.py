"""A policy that asks the agent to stay where it is: for tests, benches and first arming."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from robotd.core.pusht_spec import AGENT_XY, pusht_spec
from robotd.core.spec import PolicySpec
from robotd.core.types import PolicyRequest


class ConstantPolicy:
    """Answers the newest `agent_xy` in every row; implements the `Policy` protocol."""

    def __init__(self, spec: PolicySpec | None = None) -> None:
        self._spec = pusht_spec("constant") if spec is None else spec

    @property
    def spec(self) -> PolicySpec:
        """What it sees and answers."""
        return self._spec

    def infer(self, requests: Sequence[PolicyRequest]) -> list[NDArray[np.float32]]:
        """Answer (horizon, 2) float32 targets [px], all equal to the agent's place."""
        return [
            np.tile(request.arrays[AGENT_XY][-1], (self._spec.horizon, 1)).astype(np.float32)
            for request in requests
        ]
