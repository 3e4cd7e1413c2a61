"""What a Push-T policy that sees positions is sent and answers: keys, units and the whole spec."""

from typing import Final

from robotd.core.spec import ObsFeature, PolicySpec, SamplerSpec

AGENT_XY: Final = "agent_xy"
"""Key of the tool's place on the board, (2,) [px]."""

BLOCK_POSE: Final = "block_pose"
"""Key of the block's pose, (3,) [px, px, rad]; as a tracker's signal in the table frame
[m, m, rad]."""

BOARD_XY: Final = "board_xy"
"""Action space: (2,) where on the board the tool is to be [px]."""

XY_UNIT: Final = "px"
POSE_UNIT: Final = "px px rad"

PUSHT_OBSERVATION: Final = (
    ObsFeature(key=AGENT_XY, shape=(2,), dtype="float32", unit=XY_UNIT),
    ObsFeature(key=BLOCK_POSE, shape=(3,), dtype="float32", unit=POSE_UNIT),
)
"""What such a policy is sent: positions in 1/512 of the board's side."""


def pusht_spec(
    name: str,
    *,
    n_obs_steps: int = 2,
    dt_s: float = 0.1,
    horizon: int = 15,
    n_action_steps: int = 8,
    sampler: str = "none",
    steps: int = 1,
) -> PolicySpec:
    """Return the spec of a policy that answers targets on the board.

    Args:
        name: The policy's.
        n_obs_steps: Rows that it sees.
        dt_s: Time between rows [s]; the demonstrations' by default.
        horizon: Rows that it serves.
        n_action_steps: Rows executed before it is asked again.
        sampler: Its one sampler.
        steps: The sampler's steps.
    """
    return PolicySpec(
        name=name,
        observation=PUSHT_OBSERVATION,
        n_obs_steps=n_obs_steps,
        dt_s=dt_s,
        horizon=horizon,
        n_action_steps=n_action_steps,
        action_dim=2,
        action_space=BOARD_XY,
        action_unit=XY_UNIT,
        meaning="command",
        samplers=(SamplerSpec(name=sampler, steps=steps),),
    )
