"""The tracked block: the truth of the frame's instant in the table frame, with seeded noise."""

import numpy as np
import pytest

from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MonoNs
from robotd.core.pusht_spec import BLOCK_POSE
from robotd.core.types import Frame
from robotd.sim.tracker import BlockTracker
from robotd.sim.world import World

BOARD = BoardFrame(np.eye(4), 0.3)
WORLD = World(BOARD, 0.01, 100_000)


def frame_at(t_ns):
    return Frame(t_ns=MonoNs(t_ns), t_arrival_ns=MonoNs(t_ns), rgb=np.zeros((2, 2, 3), np.uint8))


def tracker(**noise):
    return BlockTracker(BOARD, WORLD.state, **noise)


def test_without_noise_it_tells_the_truth_in_metres():
    block = WORLD.state(MonoNs(0)).block_pose_px
    measured = tracker().measure(frame_at(5))
    assert measured == pytest.approx([block[0] * 0.3 / 512, block[1] * 0.3 / 512, block[2]])
    assert (tracker().key, tracker().width) == (BLOCK_POSE, 3)


def test_it_looks_up_the_instant_of_the_frame():
    asked = []

    def state_at(t_ns):
        asked.append(t_ns)

    assert BlockTracker(BOARD, state_at).measure(frame_at(77)) is None
    assert asked == [77]


def test_the_noise_has_the_configured_size():
    noisy, truth = tracker(noise_m=0.002, noise_rad=0.05, seed=1), tracker().measure(frame_at(0))
    errors = np.array([noisy.measure(frame_at(i)) - truth for i in range(4000)])
    errors[:, 2] = (errors[:, 2] + np.pi) % (2 * np.pi) - np.pi
    assert errors.std(axis=0) == pytest.approx([0.002, 0.002, 0.05], rel=0.05)
    assert np.abs(errors.mean(axis=0)).max() < 0.004


def test_the_same_seed_gives_the_same_noise_and_another_seed_another():
    rows = [
        [tracker(noise_m=0.01, seed=seed).measure(frame_at(i)) for i in range(3)]
        for seed in (7, 7, 8)
    ]
    assert np.array_equal(rows[0], rows[1])
    assert not np.array_equal(rows[0], rows[2])


def test_the_angle_stays_within_one_turn():
    noisy = tracker(noise_rad=10.0, seed=3)
    angles = [noisy.measure(frame_at(i))[2] for i in range(200)]
    assert min(angles) >= 0
    assert max(angles) < 2 * np.pi
