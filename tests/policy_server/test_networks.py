import msgspec
import pytest

torch = pytest.importorskip("torch")

from policy_server.models.build import NetworkConfig, build_network  # noqa: E402
from policy_server.models.mlp import MlpConfig  # noqa: E402
from policy_server.models.step_embedding import sinusoid  # noqa: E402
from policy_server.models.transformer import SwiGlu, TransformerConfig  # noqa: E402
from policy_server.models.unet1d import UnetConfig  # noqa: E402

SIZES = {"action_width": 2, "obs_width": 20, "n_obs": 2, "horizon": 16}
CONFIGS = {
    "unet": UnetConfig(widths=(8, 16, 32), groups=4, step_width=16),
    "unet_bias_only": UnetConfig(widths=(8, 16), groups=4, step_width=16, film_scale=False),
    "unet_one_level": UnetConfig(widths=(8,), groups=4, step_width=16),
    "transformer": TransformerConfig(width=32, layers=2, heads=4, feedforward=48),
    "mlp": MlpConfig(width=32, blocks=2, step_width=16),
}


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS.keys())
def network(request):
    torch.manual_seed(0)
    return build_network(request.param, **SIZES)


def some_input(batch=5):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(batch, 16, 2, generator=generator)
    t = torch.randint(100, (batch,), generator=generator)
    return x, t, torch.randn(batch, 2, 20, generator=generator)


def test_output_has_the_shape_of_the_actions(network):
    assert network(*some_input()).shape == (5, 16, 2)


def test_every_weight_learns(network):
    x, t, obs = some_input()
    for _ in range(2):  # what is multiplied by a zero-initialised layer learns one step later
        network.zero_grad()
        network(x, t, obs).square().mean().backward()
        with torch.no_grad():
            for weight in network.parameters():
                weight -= 0.1 * weight.grad

    silent = [
        name
        for name, weight in network.named_parameters()
        if weight.grad is None or not bool(weight.grad.any())
    ]
    assert silent == []


def test_observation_and_step_reach_the_output(network):
    x, t, obs = some_input()
    with torch.no_grad():
        answer = network(x, t, obs)
        assert not torch.allclose(answer, network(x, t, obs.flip(1)), atol=1e-4)
        assert not torch.allclose(answer, network(x, (t + 50) % 100, obs), atol=1e-4)


@pytest.mark.parametrize("kind", ["unet_bias_only", "transformer", "mlp"])
def test_overfits_one_batch(kind):
    torch.manual_seed(0)
    network = build_network(CONFIGS[kind], **SIZES)
    x, t, obs = some_input(3)
    target = torch.randn(3, 16, 2, generator=torch.Generator().manual_seed(2)).clamp(-1, 1)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        loss = (network(x, t, obs) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))

    assert losses[-1] < 0.1 * losses[0]


def test_a_batch_equals_its_rows(network):
    x, t, obs = some_input()
    with torch.no_grad():
        together = network(x, t, obs)
        alone = torch.cat([network(x[i : i + 1], t[i : i + 1], obs[i : i + 1]) for i in range(5)])

    assert torch.allclose(together, alone, atol=1e-5)


def test_swiglu_begins_as_zero():
    layer = SwiGlu(16, 32)

    assert not bool(layer(torch.randn(4, 7, 16)).any())


def test_the_first_action_sees_the_last_one():
    torch.manual_seed(0)
    network = build_network(CONFIGS["transformer"], **SIZES)
    x, t, obs = some_input(1)
    with torch.no_grad():
        before = network(x, t, obs)[0, 0].clone()
        x[0, -1] += 1.0
        after = network(x, t, obs)[0, 0]

    assert not torch.allclose(before, after, atol=1e-6)


def test_embedding_tells_steps_apart():
    table = sinusoid(torch.arange(100), 64)

    assert table.shape == (100, 64)
    distance = torch.cdist(table, table) + 10 * torch.eye(100)
    assert float(distance.min()) > 0.05


def test_the_shipped_size_is_small():
    network = build_network(UnetConfig(), **SIZES)

    assert sum(weight.numel() for weight in network.parameters()) == 1_180_002


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"kind": "unet", "widths": [12]}, "multiples of groups = 8, not 12"),
        ({"kind": "unet", "kernel": 4}, "an odd kernel"),
        ({"kind": "unet", "width": [8]}, "unknown field `width`"),
        ({"kind": "transformer", "width": 30}, "divides width = 30, not 4"),
        ({"kind": "rnn"}, "rnn"),
        ({"kind": "mlp", "dropout": 1.0}, "dropout"),
    ],
)
def test_refuses_sizes_that_cannot_be(values, fault):
    with pytest.raises(msgspec.ValidationError, match=fault):
        msgspec.convert(values, NetworkConfig)


def test_refuses_a_horizon_that_cannot_be_halved():
    with pytest.raises(ValueError, match="multiple of 4"):
        build_network(UnetConfig(), **SIZES | {"horizon": 18})
