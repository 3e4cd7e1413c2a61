"""From a network's configuration to the network."""

from torch import nn

from policy_server.models.mlp import ChunkMlp, MlpConfig
from policy_server.models.transformer import DiffusionTransformer, TransformerConfig
from policy_server.models.unet1d import ConditionalUnet1d, UnetConfig

NetworkConfig = UnetConfig | TransformerConfig | MlpConfig


def build_network(
    config: NetworkConfig, *, action_width: int, obs_width: int, n_obs: int, horizon: int
) -> nn.Module:
    """Build the network that `config` describes, with fresh weights.

    Every network maps noised actions (B, H, A), steps (B,) and observation features
    (B, n_obs, D) to (B, H, A).

    Raises:
        ValueError: The sizes do not fit together.
    """
    sizes = {
        "action_width": action_width,
        "obs_width": obs_width,
        "n_obs": n_obs,
        "horizon": horizon,
    }
    match config:
        case UnetConfig():
            return ConditionalUnet1d(config, **sizes)
        case TransformerConfig():
            return DiffusionTransformer(config, **sizes)
        case MlpConfig():
            return ChunkMlp(config, **sizes)
