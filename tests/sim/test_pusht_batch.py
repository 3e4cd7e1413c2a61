import numpy as np
import pytest

from robotd.sim.pusht import PushTBoard
from robotd.sim.pusht_batch import PushTBatch
from robotd.sim.pusht_geometry import GOAL_POSE, SUCCESS_COVERAGE, coverage, score

FAR = (20.0, 20.0)
"""A place of the agent, and an action, that touches nothing."""


def shifted_goal(target):
    """A block pose beside the goal whose coverage is `target`, by bisection."""
    low, high = 0.0, 60.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if coverage([GOAL_POSE[0] + middle, *GOAL_POSE[1:]]) > target:
            low = middle
        else:
            high = middle
    return [GOAL_POSE[0] + low, *GOAL_POSE[1:]]


def test_a_batch_gives_what_single_boards_give():
    seeds = [100_000, 100_007, 3]
    rng = np.random.default_rng(0)
    batch, boards = PushTBatch(), [PushTBoard() for _ in seeds]
    states = batch.reset(seeds)
    for board, seed in zip(boards, seeds, strict=True):
        board.reset(seed)

    assert np.array_equal(states, [board.state for board in boards])
    for _ in range(40):
        actions = np.clip(states[:, 2:4] + rng.normal(0, 50, (3, 2)), 20, 490)
        states, scores, done = batch.step(actions)
        for board, action in zip(boards, actions, strict=True):
            board.step_action(action)
        assert np.array_equal(states, [board.state for board in boards])
        assert np.array_equal(scores, score([board.coverage() for board in boards]))
        assert not done.any()


def test_an_episode_ends_just_above_the_success_coverage_and_not_just_below():
    batch = PushTBatch()
    poses = [shifted_goal(SUCCESS_COVERAGE + 1e-6), shifted_goal(SUCCESS_COVERAGE - 1e-6)]
    batch.place([[*FAR, *pose] for pose in poses])

    _, scores, done = batch.step([FAR, FAR])

    assert done.tolist() == [True, False]
    assert batch.success.tolist() == [True, False]
    assert scores[0] == 1.0
    assert 0.99 < scores[1] < 1.0


def test_an_episode_ends_after_its_last_step():
    batch = PushTBatch(max_steps=3)
    batch.reset([100_000])

    done = [bool(batch.step([FAR]).done[0]) for _ in range(3)]

    assert done == [False, False, True]
    assert not batch.success[0]


def test_an_ended_episode_stands_still_whatever_it_is_told():
    batch = PushTBatch()
    batch.place([[*FAR, *GOAL_POSE], [*FAR, 300.0, 300.0, 0.0]])
    ended = batch.step([FAR, FAR])

    after = batch.step([(float("nan"), float("nan")), (100.0, 100.0)])

    assert np.array_equal(after.states[0], ended.states[0])
    assert after.scores[0] == ended.scores[0] == 1.0
    assert not np.array_equal(after.states[1], ended.states[1])


def test_the_largest_coverage_is_kept():
    batch = PushTBatch()
    batch.place([[256.0, 130.0, 256.0, 200.0, 0.0]])
    seen = []

    for _ in range(30):
        states, _, _ = batch.step([(256.0, 380.0)])
        seen.append(float(coverage(states[0, 2:])))

    assert batch.max_coverage[0] == max(seen) > seen[-1]


def test_what_is_returned_is_a_copy():
    batch = PushTBatch()
    states = batch.reset([100_000])
    first = batch.step([FAR])
    kept = first.states.copy()

    batch.step([(400.0, 400.0)])

    assert np.array_equal(first.states, kept)
    assert not np.array_equal(states, kept)


@pytest.mark.parametrize("actions", [[FAR], [[1.0, 2.0, 3.0]] * 2, 5.0])
def test_actions_of_another_shape_are_refused(actions):
    batch = PushTBatch()
    batch.reset([1, 2])

    with pytest.raises(ValueError, match="actions_px: got shape"):
        batch.step(actions)


def test_a_batch_that_may_not_step_is_refused():
    with pytest.raises(ValueError, match="max_steps 0, expected >= 1"):
        PushTBatch(max_steps=0)
