"""What a policy sees and answers, as the server says it at `hello` and a checkpoint stores it."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from robotd.core.image import ImageSpec
from robotd.core.types import Meaning

PositiveFloat = Annotated[float, Meta(gt=0)]
PositiveInt = Annotated[int, Meta(ge=1)]


class ObsFeature(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One key of the observation.

    `image` is set for pictures (uint8 RGB) and says how the robot's side prepares them.
    """

    key: str
    shape: tuple[int, ...]
    dtype: Literal["float32", "uint8"]
    unit: str
    image: ImageSpec | None = None


class SamplerSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A way to sample a chunk, with its latency measured on the serving machine."""

    name: str
    steps: PositiveInt
    latency_s: float = 0.0
    """Median over the warm-up; 0 where nothing was measured."""


class PolicySpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The contract between a policy and the cell that it drives.

    Row i of an answer is due at `t_obs + (i + i0) * dt_s`; row 0 belongs to the newest observation.
    """

    name: str
    observation: tuple[ObsFeature, ...]
    n_obs_steps: PositiveInt
    dt_s: PositiveFloat
    horizon: PositiveInt
    """Rows served: the whole tail of the horizon."""
    n_action_steps: PositiveInt
    """Rows that the policy was tuned to execute before it is asked again."""
    i0: int = 0
    action_dim: PositiveInt
    action_space: str
    """For example `board_xy` (planar target) or `tcp_pose` (position and rot6d)."""
    action_unit: str
    meaning: Meaning
    samplers: tuple[SamplerSpec, ...]
    command_filter: Literal["", "none", "pusht_pd"] = ""
    """The cell's `task.command_filter` that the actions were made for; empty: not said."""
    checkpoint_sha256: str = ""
