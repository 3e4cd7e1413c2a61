import numpy as np
import pytest

from robotd.sim.pusht_protocol import ACTION_HZ, EPISODE_STEPS, draw_start


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (0, [222, 97, 217, 292, 3.0079994677219553]),
        (100000, [235, 124, 335, 128, -0.9049274284249247]),
        (100001, [365, 182, 275, 280, -1.0981131397099535]),
        (4300000, [86, 145, 324, 108, -2.1977067365804968]),
    ],
)
def test_a_seed_draws_the_start_of_the_paper(seed, expected):
    assert draw_start(seed).tolist() == expected


def test_the_draws_come_in_the_order_agent_block_angle():
    generator = np.random.RandomState(7)
    agent = generator.randint(50, 450, size=2)
    block = generator.randint(100, 400, size=2)
    angle = generator.randn() * 2 * np.pi - np.pi

    assert draw_start(7).tolist() == [*agent, *block, angle]


def test_starts_lie_within_the_ranges():
    starts = np.array([draw_start(seed) for seed in range(300)])

    assert starts[:, :2].min() >= 50
    assert starts[:, :2].max() < 450
    assert starts[:, 2:4].min() >= 100
    assert starts[:, 2:4].max() < 400


def test_an_episode_lasts_thirty_seconds():
    assert EPISODE_STEPS / ACTION_HZ == 30
