import pytest

torch = pytest.importorskip("torch")

from policy_server.diffusion.ddim import ddim_sample, ddim_table, request_noise  # noqa: E402
from policy_server.diffusion.objective import add_noise, loss_of  # noqa: E402
from policy_server.diffusion.schedule import alpha_bars, ddim_steps  # noqa: E402

ANY_K = [1, 2, 3, 4, 5, 7, 10, 16, 33, 50, 99, 100]
DIVISORS = [1, 2, 4, 5, 10, 20, 25, 50, 100]
CASES = [("leading", k) for k in ANY_K] + [("trailing", k) for k in DIVISORS]


def wild_network(x, t, obs):
    """Answer well outside the clip, and differently at every step."""
    return 1.7 * torch.sin(3 * x + 0.1 * t[:, None, None])


@pytest.mark.parametrize("prediction", ["epsilon", "sample"])
@pytest.mark.parametrize(("spacing", "count"), CASES)
def test_equals_diffusers(spacing, count, prediction):
    diffusers = pytest.importorskip("diffusers")
    reference = diffusers.DDIMScheduler(
        num_train_timesteps=100,
        beta_schedule="squaredcos_cap_v2",
        clip_sample=True,
        set_alpha_to_one=True,
        steps_offset=0,
        prediction_type=prediction,
        timestep_spacing=spacing,
    )
    reference.set_timesteps(count)
    noise = torch.randn(3, 16, 2, generator=torch.Generator().manual_seed(5))

    expected = noise
    for t in reference.timesteps:
        output = wild_network(expected, torch.full((3,), int(t)), None)
        expected = reference.step(output, t, expected, eta=0.0).prev_sample
    table = ddim_table(train_steps=100, count=count, spacing=spacing, prediction=prediction)
    got = ddim_sample(table, wild_network, noise=noise, obs=torch.zeros(3, 2, 20))

    assert list(table.steps) == reference.timesteps.tolist()
    assert torch.allclose(got, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("count", "nearest"), [(3, 2), (16, 20), (30, 25), (99, 100)])
def test_refuses_uneven_trailing_steps_and_names_the_nearest(count, nearest):
    with pytest.raises(ValueError, match=rf"nearest valid number is {nearest}$"):
        ddim_steps(100, count, "trailing")


@pytest.mark.parametrize("count", [0, 101])
def test_refuses_more_steps_than_were_trained(count):
    with pytest.raises(ValueError, match=r"outside 1\.\.100"):
        ddim_steps(100, count, "leading")


def test_trailing_begins_at_pure_noise_and_leading_does_not():
    assert ddim_steps(100, 10, "trailing")[0] == 99
    assert ddim_steps(100, 10, "leading")[0] == 90


def test_schedule_equals_diffusers():
    diffusers = pytest.importorskip("diffusers")
    reference = diffusers.DDPMScheduler(100, beta_schedule="squaredcos_cap_v2")

    assert torch.equal(alpha_bars(100), reference.alphas_cumprod)


def test_schedule_falls_from_signal_to_noise():
    alpha_bar = alpha_bars(100)

    assert bool((alpha_bar.diff() < 0).all())
    assert float(alpha_bar[0]) == pytest.approx(0.99937, abs=1e-5)
    assert float(alpha_bar[-1]) == pytest.approx(2.4e-7, rel=0.1)


def test_noising_keeps_the_variance():
    generator = torch.Generator().manual_seed(0)
    sample, noise = torch.randn(2, 4000, 8, 2, generator=generator)
    for step in (0, 30, 99):
        noised = add_noise(sample, noise, torch.full((4000,), step), alpha_bars(100))
        assert float(noised.var()) == pytest.approx(1.0, abs=0.02)


def test_loss_is_zero_for_the_right_answer():
    sample, noise = torch.randn(2, 4, 16, 2)

    assert float(loss_of(noise, kind="epsilon", sample=sample, noise=noise)) == 0
    assert float(loss_of(sample, kind="sample", sample=sample, noise=noise)) == 0
    assert float(loss_of(noise, kind="sample", sample=sample, noise=noise)) > 0.1


def test_a_perfect_denoiser_gives_back_the_sample():
    sample = torch.rand(2, 16, 2) * 2 - 1
    table = ddim_table(train_steps=100, count=10, spacing="trailing", prediction="sample")

    got = ddim_sample(
        table, lambda *_: sample, noise=torch.randn(2, 16, 2), obs=torch.zeros(2, 2, 20)
    )

    assert torch.allclose(got, sample, atol=1e-6)


def test_noise_of_a_request_is_its_seeds_alone():
    together = request_noise([3, 4, 5], horizon=16, action_width=2)
    alone = request_noise([4], horizon=16, action_width=2)

    assert torch.equal(together[1], alone[0])
    assert not torch.equal(together[0], together[1])
