from itertools import chain

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from policy_server.features import PushtBlockFrame, PushtKeypoints  # noqa: E402
from policy_server.normalizer import fit_min_max  # noqa: E402
from policy_server.training.batches import batch_order, cut, make_windows, step_generator  # noqa: E402
from policy_server.training.config import WindowConfig  # noqa: E402
from policy_server.training.windows import window_rows  # noqa: E402
from robotd.episodes.source import split_episodes  # noqa: E402


def test_windows_repeat_the_edges_exactly():
    rows = window_rows(np.array([3, 4]), horizon=4, pad_before=1, pad_after=2)

    assert rows.tolist() == [
        [0, 0, 1, 2],
        [0, 1, 2, 2],
        [1, 2, 2, 2],
        [3, 3, 4, 5],
        [3, 4, 5, 6],
        [4, 5, 6, 6],
        [5, 6, 6, 6],
    ]


def test_an_episode_too_short_for_any_window_gives_none():
    assert window_rows(np.array([2]), horizon=8, pad_before=1, pad_after=2).shape == (0, 8)


def test_no_episodes_give_no_windows():
    assert window_rows(
        np.array([], dtype=np.int64), horizon=8, pad_before=1, pad_after=2
    ).shape == (
        0,
        8,
    )


def test_windows_of_the_paper_are_length_minus_seven_each(episodes):
    rows = window_rows(episodes.lengths, horizon=16, pad_before=1, pad_after=7)

    assert len(rows) == sum(length - 7 for length in episodes.lengths.tolist())


def test_a_window_holds_its_observations_and_actions(episodes):
    features = PushtKeypoints()
    encoded, action = features.encode(episodes.arrays), episodes.arrays["action"]
    ranges = fit_min_max(encoded), fit_min_max(action)
    windows = make_windows(
        cut(episodes, features=features, window=WindowConfig()),
        obs_range=ranges[0],
        action_range=ranges[1],
        device=torch.device("cpu"),
    )

    obs, actions = windows.take(torch.tensor([0, 5]))

    assert obs.shape == (2, 2, 20)
    assert actions.shape == (2, 16, 2)
    assert np.allclose(ranges[0].unnormalize(obs[0, 0].numpy()), encoded[0], atol=1e-3)
    assert torch.equal(obs[0, 0], obs[0, 1])  # window 0 begins one row before the episode
    assert np.allclose(ranges[1].unnormalize(actions[1].numpy()), action[4:20], atol=1e-3)


def test_actions_are_written_as_seen_at_the_newest_observation(episodes):
    features = PushtBlockFrame()

    windows = cut(episodes, features=features, window=WindowConfig())

    newest = {key: array[5] for key, array in episodes.arrays.items()}  # of the sixth window
    back = features.decode_actions(windows.action[5], newest)
    assert np.allclose(back, episodes.arrays["action"][4:20], atol=1e-3)
    assert np.allclose(windows.obs[windows.rows[5, -1]], features.encode(newest), atol=1e-9)


def test_an_epoch_shows_every_window_once_and_the_next_in_another_order():
    first = [batch_order(step, windows_n=32, batch=8, seed=3).tolist() for step in range(4)]
    second = [batch_order(step, windows_n=32, batch=8, seed=3).tolist() for step in range(4, 8)]

    assert sorted(chain(*first)) == list(range(32))
    assert sorted(chain(*second)) == list(range(32))
    assert first != second


def test_a_batch_larger_than_the_data_shows_all_of_it():
    assert sorted(batch_order(2, windows_n=5, batch=64, seed=0).tolist()) == list(range(5))


def test_noise_of_a_step_depends_on_seed_and_step_alone():
    def draw(step, seed):
        generator = step_generator(step, seed=seed, device=torch.device("cpu"))
        return torch.randn(4, generator=generator).tolist()

    assert draw(5, 1) == draw(5, 1)
    assert draw(5, 1) != draw(6, 1)
    assert draw(5, 1) != draw(5, 2)


def test_episodes_are_held_out_whole(episodes):
    train, validation = split_episodes(episodes, validation=2, seed=0)

    assert sorted([*train.lengths, *validation.lengths]) == sorted(episodes.lengths)
    assert len(validation.lengths) == 2
    seen = {row.tobytes() for row in train.arrays["action"]}
    assert not any(row.tobytes() in seen for row in validation.arrays["action"])


def test_the_split_follows_the_seed(episodes):
    def held_out(seed):
        return split_episodes(episodes, validation=2, seed=seed)[1].lengths.tolist()

    assert held_out(1) == held_out(1)
    assert len({tuple(held_out(seed)) for seed in range(6)}) > 1


def test_refuses_to_hold_out_everything(episodes):
    with pytest.raises(ValueError, match="leaves none to train on"):
        split_episodes(episodes, validation=6, seed=0)
