"""A policy that asks the agent to stay where it is: for tests, benches and first arming."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from robotd.core.spec import ObsFeature, PolicySpec, SamplerSpec
from robotd.core.types import PolicyRequest


def pusht_state_spec(name: str, *, horizon: int = 15, n_action_steps: int = 8) -> PolicySpec:
    """Return the spec of a Push-T policy that sees positions: board pixels, 10 Hz, targets."""
    return PolicySpec(
        name=name,
        observation=(
            ObsFeature(key="agent_xy", shape=(2,), dtype="float32", unit="px"),
            ObsFeature(key="block_pose", shape=(3,), dtype="float32", unit="px px rad"),
        ),
        n_obs_steps=2,
        dt_s=0.1,
        horizon=horizon,
        n_action_steps=n_action_steps,
        action_dim=2,
        action_space="board_xy",
        action_unit="px",
        meaning="command",
        samplers=(SamplerSpec(name="none", steps=1),),
    )


class ConstantPolicy:
    """Answers the newest `agent_xy` in every row; implements the `Policy` protocol."""

    def __init__(self, spec: PolicySpec | None = None) -> None:
        self._spec = pusht_state_spec("constant") if spec is None else spec

    @property
    def spec(self) -> PolicySpec:
        """What it sees and answers."""
        return self._spec

    def infer(self, requests: Sequence[PolicyRequest]) -> list[NDArray[np.float32]]:
        """Answer (horizon, 2) float32 targets [px], all equal to the agent's place."""
        return [
            np.tile(request.arrays["agent_xy"][-1], (self._spec.horizon, 1)).astype(np.float32)
            for request in requests
        ]
