"""What a training run is made of; `configs/train/*.toml` are such files."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from policy_server.diffusion.objective import Prediction
from policy_server.diffusion.schedule import Spacing, ddim_steps
from policy_server.features import FeatureKind
from policy_server.models.build import NetworkConfig
from policy_server.models.unet1d import UnetConfig
from robotd.episodes.demonstrations import Selection

Count = Annotated[int, Meta(ge=1)]
NonNegativeInt = Annotated[int, Meta(ge=0)]

FIRST_SCORING_SEED = 200_000
"""Seeds from here on score a policy, so none of them may pick one."""


class WindowConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Time steps that the network sees and predicts."""

    horizon: Annotated[int, Meta(ge=2, le=256)] = 16
    n_obs: Annotated[int, Meta(ge=1, le=16)] = 2
    n_action_steps: Annotated[int, Meta(ge=1, le=256)] = 8
    """Rows executed before the policy is asked again; training pads so much less one at the end."""

    def __post_init__(self) -> None:
        """Refuse more executed rows than the horizon serves."""
        served = self.horizon - self.n_obs + 1
        if self.n_action_steps > served:
            raise ValueError(
                f"n_action_steps of at most the {served} rows that horizon = {self.horizon} and "
                f"n_obs = {self.n_obs} serve, not {self.n_action_steps}"
            )


class DiffusionConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The noise process and the sampler."""

    train_steps: Annotated[int, Meta(ge=2, le=1000)] = 100
    prediction: Prediction = "sample"
    """Predicting the sample learns in far fewer updates than predicting the noise."""
    clip: Annotated[float, Meta(gt=0)] = 1.0
    sampler_steps: Count = 10
    spacing: Spacing = "trailing"

    def __post_init__(self) -> None:
        """Refuse a number of steps that the spacing cannot do."""
        try:
            ddim_steps(self.train_steps, self.sampler_steps, self.spacing)
        except ValueError as error:
            raise ValueError(f"a sampler that can be ({error})") from error


class DataConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The demonstrations."""

    dataset: str = ""
    select: Selection = field(default_factory=Selection)
    """Which episodes of a data set of ours."""
    validation_episodes: NonNegativeInt = 4
    """Whole episodes held out, drawn by the run's seed."""
    features: FeatureKind = "pusht_keypoints"
    """What the network sees; `pusht_block_frame` learns more from few demonstrations."""
    mirror: bool = True
    """Also train on every demonstration mirrored at the goal's axis."""


class OptimiserConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """AdamW, linear warm-up, then a cosine to zero at the last step."""

    lr: Annotated[float, Meta(gt=0, le=1)] = 1e-3
    beta1: Annotated[float, Meta(ge=0, lt=1)] = 0.95
    beta2: Annotated[float, Meta(ge=0, lt=1)] = 0.999
    weight_decay: Annotated[float, Meta(ge=0)] = 1e-6
    warmup_steps: NonNegativeInt = 200
    batch: Count = 256
    steps: Count = 2500
    ema_power: Annotated[float, Meta(gt=0, le=1)] = 0.75
    ema_max: Annotated[float, Meta(ge=0, lt=1)] = 0.9999


class RunConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the run is carried out."""

    seed: NonNegativeInt = 0
    device: str = "cpu"
    precision: Literal["fp32", "bf16"] = "fp32"
    threads: NonNegativeInt = 0
    """CPU threads; 0 leaves torch's own choice."""
    log_every: Count = 20
    validate_every: Count = 250
    """Steps between validations; each also saves the state and `last`."""
    rollout_every: NonNegativeInt = 0
    """Steps between roll-outs, a multiple of `validate_every`; 0: none.

    With roll-outs, `best` has the best score; without, the least validation loss.
    """
    rollout_episodes: Count = 50
    rollout_first_seed: NonNegativeInt = 100_000

    def __post_init__(self) -> None:
        """Refuse roll-outs between validations, and picking by seeds that score."""
        if self.rollout_every % self.validate_every:
            raise ValueError(
                f"a rollout_every that is a multiple of validate_every = {self.validate_every}, "
                f"not {self.rollout_every}"
            )
        last = self.rollout_first_seed + self.rollout_episodes - 1
        if last >= FIRST_SCORING_SEED:
            raise ValueError(
                f"roll-outs whose seeds stay below {FIRST_SCORING_SEED}, as those from there on "
                f"score a policy and must not pick it, not up to {last}"
            )


class TrainConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One training run."""

    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,63}$")]
    network: NetworkConfig = field(default_factory=UnetConfig)
    window: WindowConfig = field(default_factory=WindowConfig)
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    run: RunConfig = field(default_factory=RunConfig)
