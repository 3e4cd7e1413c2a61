"""The command filter against the benchmark's own physics."""

import numpy as np

from robotd.pipeline.command_filter import pusht_pd
from robotd.sim.pusht import PushTBoard


def test_it_moves_like_the_agent_of_the_board():
    rng = np.random.default_rng(5)
    actions = rng.uniform(50, 450, (20, 2))
    board = PushTBoard()
    board.place([100.0, 400.0, 420.0, 60.0, 0.0])  # the block out of the way: it cannot push back
    agent = [board.state[:2]]
    for action in actions:
        board.step_action(action)
        agent.append(board.state[:2])

    path, _ = pusht_pd(np.array([100.0, 400.0]), np.zeros(2), np.repeat(actions, 10, axis=0))

    np.testing.assert_allclose(path[::10], agent, atol=1e-9)


def test_a_split_run_continues_where_the_first_part_ended():
    actions = np.random.default_rng(6).uniform(0, 512, (40, 2))
    start = np.array([256.0, 256.0])
    whole, _ = pusht_pd(start, np.zeros(2), actions)

    first, speeds = pusht_pd(start, np.zeros(2), actions[:17])
    second, _ = pusht_pd(first[-1], speeds[-1], actions[17:])

    np.testing.assert_array_equal(np.vstack([first, second[1:]]), whole)


def test_it_settles_on_a_held_action():
    goal = np.array([300.0, 120.0])

    path, speeds = pusht_pd(np.zeros(2), np.zeros(2), np.tile(goal, (200, 1)))

    np.testing.assert_allclose(path[-1], goal, atol=1e-3)  # px, after 2 s
    np.testing.assert_allclose(speeds[-1], 0.0, atol=1e-2)


def test_without_an_action_there_is_only_the_start():
    path, speeds = pusht_pd(np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.empty((0, 2)))

    np.testing.assert_array_equal(path, [[1.0, 2.0]])
    np.testing.assert_array_equal(speeds, [[3.0, 4.0]])
