import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from policy_server.checkpoint import Checkpoint, load_checkpoint  # noqa: E402
from policy_server.engine import Engine  # noqa: E402
from policy_server.models.mlp import MlpConfig  # noqa: E402
from policy_server.training.loop import train  # noqa: E402
from policy_server.training.progress import SilentProgress  # noqa: E402
from robotd.core.errors import WireError  # noqa: E402
from robotd.core.protocols import Policy  # noqa: E402
from robotd.core.types import PolicyRequest  # noqa: E402


@pytest.fixture(scope="module")
def engine(tiny_run):
    return Engine(load_checkpoint(tiny_run / "best"))


def request_of(seed=0, **changes):
    generator = np.random.default_rng(abs(seed))
    arrays = {
        "agent_xy": generator.uniform(50, 450, (2, 2)).astype(np.float32),
        "block_pose": generator.uniform(0, 6, (2, 3)).astype(np.float32),
    }
    return PolicyRequest(**{"arrays": arrays, "seed": seed} | changes)


def test_answers_the_whole_tail_of_the_horizon(engine):
    policy: Policy = engine
    (chunk,) = policy.infer([request_of()])

    assert chunk.shape == (15, 2) == (policy.spec.horizon, policy.spec.action_dim)
    assert chunk.dtype == np.float32
    assert chunk.flags.writeable
    assert policy.spec.i0 == 0


def test_row_zero_belongs_to_the_newest_observation(tiny_run):
    checkpoint = load_checkpoint(tiny_run / "best")

    class Counting(torch.nn.Module):
        """Predicts the row's own number, in normalised units."""

        def forward(self, x, *_):
            rows = torch.arange(x.shape[1]) / 100
            return rows[None, :, None].expand(x.shape)

    engine = Engine(Checkpoint(about=checkpoint.about, network=Counting()))
    (chunk,) = engine.infer([request_of()])

    normalised = checkpoint.about.action_range.normalize(chunk)
    assert np.allclose(normalised[:, 0], np.arange(1, 16) / 100, atol=1e-5)


def test_a_policy_in_the_block_frame_answers_on_the_board(tiny_config, episodes, tmp_path):
    data = msgspec.structs.replace(tiny_config.data, features="pusht_block_frame")
    config = msgspec.structs.replace(tiny_config, data=data, network=MlpConfig(width=16, blocks=1))
    train(config, episodes, tmp_path, progress=SilentProgress())
    checkpoint = load_checkpoint(tmp_path / "best")

    class Still(torch.nn.Module):
        """Predicts the middle of the actions' range: the same step in the block's frame."""

        def forward(self, x, *_):
            return torch.zeros_like(x)

    engine = Engine(Checkpoint(about=checkpoint.about, network=Still()))
    ranges = checkpoint.about.action_range
    middle = (np.array(ranges.minimum) + np.array(ranges.maximum)) / 2
    agent = np.array([[50, 60], [100, 200]], np.float32)  # the newest row counts
    pose = np.array([[300, 300, 0.0], [310, 300, np.pi / 2]], np.float32)

    (chunk,) = engine.infer([request_of(arrays={"agent_xy": agent, "block_pose": pose})])

    assert checkpoint.about.features.width == 10
    assert chunk.dtype == np.float32
    assert np.allclose(chunk, agent[1] + np.array([-middle[1], middle[0]]), atol=1e-3)


def test_the_same_request_gives_the_same_bits(engine):
    first, second = (engine.infer([request_of(3)])[0] for _ in range(2))

    assert first.tobytes() == second.tobytes()


def test_another_seed_gives_another_chunk(engine):
    arrays = request_of().arrays
    first, second = engine.infer([request_of(1, arrays=arrays), request_of(2, arrays=arrays)])

    assert np.abs(first - second).max() > 1e-3


def test_a_batch_answers_as_single_requests_do(engine):
    requests = [request_of(seed) for seed in range(5)]

    together = engine.infer(requests)
    alone = [engine.infer([request])[0] for request in requests]

    assert np.allclose(together, alone, atol=0.01)  # px


def test_requests_of_different_steps_share_a_batch(engine):
    requests = [request_of(1, steps=1), request_of(2, steps=5), request_of(3, steps=1)]

    together = engine.infer(requests)

    for request, chunk in zip(requests, together, strict=True):
        assert np.allclose(chunk, engine.infer([request])[0], atol=0.01)


def test_an_empty_batch_has_no_answers(engine):
    assert engine.infer([]) == []


def without(key):
    return {name: array for name, array in request_of().arrays.items() if name != key}


def with_array(key, array):
    return dict(request_of().arrays) | {key: array}


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"arrays": without("agent_xy")}, "mismatch", "expected agent_xy, block_pose"),
        ({"arrays": with_array("more", np.zeros(2))}, "mismatch", "more"),
        (
            {"arrays": with_array("agent_xy", np.zeros((3, 2), np.float32))},
            "mismatch",
            r"agent_xy: got \(3, 2\)",
        ),
        (
            {"arrays": with_array("agent_xy", np.zeros((2, 2)))},
            "mismatch",
            "float64, expected .* float32",
        ),
        (
            {"arrays": with_array("block_pose", np.full((2, 3), np.nan, np.float32))},
            "not_finite",
            "block_pose",
        ),
        (
            {"arrays": with_array("block_pose", np.full((2, 3), np.inf, np.float32))},
            "not_finite",
            "block_pose",
        ),
        ({"sampler": "ddpm"}, "unsupported", "this policy has 'ddim'"),
        ({"steps": 3}, "unsupported", "nearest valid number is 2"),
        ({"steps": 101}, "unsupported", r"outside 1\.\.100"),
        ({"seed": -1}, "malformed", "seed"),
        ({"seed": 2**63}, "malformed", "seed"),
    ],
)
def test_a_request_that_does_not_fit_is_refused(engine, changes, code, says):
    with pytest.raises(WireError, match=says) as caught:
        engine.infer([request_of(), request_of(**changes)])
    assert caught.value.code == code


def test_the_largest_seed_works(engine):
    assert np.isfinite(engine.infer([request_of(2**63 - 1)])[0]).all()


def test_clipping_keeps_actions_within_the_training_range(tiny_run):
    checkpoint = load_checkpoint(tiny_run / "best")
    engine = Engine(checkpoint)
    ranges = checkpoint.about.action_range

    chunk = engine.infer([request_of(9)])[0]

    assert (chunk >= np.array(ranges.minimum) - 1e-2).all()
    assert (chunk <= np.array(ranges.maximum) + 1e-2).all()


def test_epsilon_policies_are_served_too(tiny_run):
    checkpoint = load_checkpoint(tiny_run / "best")
    training = checkpoint.about.training
    diffusion = msgspec.structs.replace(training.diffusion, prediction="epsilon")
    about = msgspec.structs.replace(
        checkpoint.about, training=msgspec.structs.replace(training, diffusion=diffusion)
    )

    chunk = Engine(Checkpoint(about=about, network=checkpoint.network)).infer([request_of()])[0]

    assert np.isfinite(chunk).all()
