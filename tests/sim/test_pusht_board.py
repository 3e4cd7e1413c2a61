import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robotd.core.pusht_agent import KP_S2, KV_S, PHYSICS_HZ
from robotd.sim.pusht import PushTBoard
from robotd.sim.pusht_geometry import (
    AGENT_RADIUS_PX,
    GOAL_POSE,
    from_block_frame,
    mirror_state,
    mirror_xy,
)
from robotd.sim.pusht_protocol import draw_start

DT_S = 1 / PHYSICS_HZ
BESIDE = [256.0, 120.0, 256.0, 256.0, 0.0]
"""The agent above the middle of the bar of an upright T."""


def board_at(state):
    board = PushTBoard()
    board.place(state)
    return board


def pursue(board, seed, steps_n):
    """Push the block about; return the states (steps_n, 5)."""
    rng = np.random.default_rng(seed)
    states = []
    for _ in range(steps_n):
        board.step_action(np.clip(board.state[2:4] + rng.normal(0, 50, 2), 20, 490))
        states.append(board.state)
    return np.array(states)


@given(
    st.lists(st.floats(0, 512), min_size=4, max_size=4), st.floats(0, 6.28, allow_subnormal=False)
)
def test_a_recorded_state_is_restored_exactly(places, angle):
    state = [*places, angle]

    np.testing.assert_allclose(board_at(state).state, state, atol=1e-9)


def test_a_drawn_start_is_turned_about_the_centre_of_gravity():
    start = draw_start(100_000)
    board = PushTBoard()

    board.reset(100_000)

    cog = start[2], start[3] + 45  # the block is still upright when its position is set
    origin = from_block_frame([*cog, start[4]], [(0.0, -45.0)])[0]
    np.testing.assert_allclose(board.state[:2], start[:2], atol=1e-12)
    np.testing.assert_allclose(board.state[2:4], origin, atol=1e-9)
    assert board.state[4] == pytest.approx(start[4] % (2 * np.pi), abs=1e-12)


def test_the_agent_is_pulled_by_the_pd_law():
    board = board_at([100.0, 400.0, 400.0, 100.0, 0.0])
    goal, place, speed = np.array([180.0, 300.0]), np.array([100.0, 400.0]), np.zeros(2)
    for _ in range(30):
        speed += (KP_S2 * (goal - place) - KV_S * speed) * DT_S
        place += speed * DT_S

    for _ in range(3):
        board.step_action(goal)

    np.testing.assert_allclose(board.state[:2], place, atol=1e-9)


def test_the_block_rests_while_nobody_touches_it():
    board = board_at(BESIDE)

    for _ in range(5):
        board.step_action((60.0, 60.0))

    assert board.state[2:].tolist() == BESIDE[2:]


def test_the_agent_pushes_the_block_ahead_of_it():
    board = board_at(BESIDE)

    for _ in range(20):
        board.step_action((256.0, 300.0))

    assert board.state[3] == pytest.approx(300.0 + AGENT_RADIUS_PX, abs=1.0)  # px
    assert board.state[2] == pytest.approx(256.0, abs=1.0)  # px


def test_a_wall_holds_the_block():
    board = board_at([256.0, 250.0, 256.0, 400.0, np.pi])  # its stem points up

    for _ in range(40):
        board.step_action((256.0, 420.0))

    lowest = from_block_frame(board.state[2:], [(-60.0, 0.0), (60.0, 0.0)])[:, 1].max()
    assert lowest < 512.0


def test_the_same_seed_gives_the_same_episode_bit_for_bit():
    first, second = PushTBoard(), PushTBoard()
    first.reset(100_003)
    pursue(second, seed=9, steps_n=20)  # what a board did before does not matter
    second.reset(100_003)

    assert np.array_equal(pursue(first, 1, 60), pursue(second, 1, 60))


@pytest.mark.parametrize("offset_px", [-50.0, -20.0, 35.0])
@pytest.mark.parametrize("angle", [0.3, 2.0, 4.5])
def test_a_mirrored_push_is_a_push(angle, offset_px):
    ends = from_block_frame([256.0, 256.0, angle], [(offset_px, -60.0), (offset_px, 60.0)])
    start = [*ends[0], 256.0, 256.0, angle]
    board, mirror = board_at(start), board_at(mirror_state(start))

    for action in np.linspace(*ends, 20):
        board.step_action(action)
        mirror.step_action(mirror_xy(action))

    assert np.abs(board.state[2:] - start[2:]).max() > 10.0  # px: the test has pushed
    np.testing.assert_allclose(mirror_state(mirror.state), board.state, atol=1e-6)  # px, rad


def test_a_tool_on_the_agents_path_moves_the_block_as_the_agent_does():
    by_action, by_tool = board_at(BESIDE), board_at(BESIDE)
    rng = np.random.default_rng(5)
    place, speed = np.array(BESIDE[:2]), np.zeros(2)

    for _ in range(60):
        action = np.clip(by_action.state[2:4] + rng.normal(0, 40, 2), 20, 490)
        by_action.step_action(action)
        for _ in range(10):
            speed += (KP_S2 * (action - place) - KV_S * speed) * DT_S
            place += speed * DT_S
            by_tool.step_tool(place, DT_S)

    moved = np.abs(by_action.state[2:] - BESIDE[2:]).max()
    assert moved > 20.0  # px: the test has pushed
    np.testing.assert_allclose(by_tool.state, by_action.state, atol=1e-3)  # px, rad


def test_a_tool_comes_to_where_it_is_told():
    board = board_at(BESIDE)

    board.step_tool((250.0, 118.0), 0.008)

    np.testing.assert_allclose(board.state[:2], (250.0, 118.0), atol=1e-9)


def test_coverage_is_that_of_the_block():
    assert board_at([20.0, 20.0, *GOAL_POSE]).coverage() == pytest.approx(1.0, abs=1e-9)
    assert board_at(BESIDE).coverage() < 0.7


@pytest.mark.parametrize("action", [(float("nan"), 0.0), (0.0, float("inf")), (1.0, 2.0, 3.0)])
def test_an_action_that_would_break_the_physics_is_refused(action):
    board = board_at(BESIDE)

    with pytest.raises(ValueError, match="action_xy_px"):
        board.step_action(action)
    with pytest.raises(ValueError, match="agent_xy_px"):
        board.step_tool(action)


@pytest.mark.parametrize("dt_s", [0.0, -0.01, float("nan"), float("inf")])
def test_a_time_step_that_is_not_above_zero_is_refused(dt_s):
    with pytest.raises(ValueError, match="dt_s"):
        board_at(BESIDE).step_tool((256.0, 130.0), dt_s)


@pytest.mark.parametrize("state", [[0.0] * 4, [float("nan")] * 5])
def test_a_state_that_is_none_is_refused(state):
    with pytest.raises(ValueError, match="expected 5 finite numbers"):
        PushTBoard().place(state)
    with pytest.raises(ValueError, match="expected 5 finite numbers"):
        PushTBoard().place_legacy(state)
