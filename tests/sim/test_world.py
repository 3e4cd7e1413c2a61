"""The simulated table: pushed by the tool, scored as in the paper, the same every time."""

import numpy as np
import pytest

from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MonoNs
from robotd.sim.pusht import PushTBoard
from robotd.sim.world import LIFT_M, World

TIP_M = 0.01
SEED = 100_003
RIGHT_PX = np.array([150.0, 0.0])


def cell_board():
    T_base_table = np.eye(4)
    T_base_table[:3, :3] = [[0, -1, 0], [-1, 0, 0], [0, 0, -1]]
    T_base_table[:3, 3] = [0.6, 0.15, 0.0]
    return BoardFrame(T_base_table, 0.3)


BOARD = cell_board()


def tool_at(xy_px, height_m=TIP_M):
    T_base_tcp = np.eye(4)
    T_base_tcp[:3, 3] = BOARD.to_base(xy_px, height_m)
    return T_base_tcp


def new_world(seed=SEED):
    return World(BOARD, TIP_M, seed)


def sweep(world, start_px, end_px, *, steps=100, height_m=TIP_M):
    for xy_px in np.linspace(start_px, end_px, steps):
        world.step(tool_at(xy_px, height_m))


def past_the_block(world):
    """A line through the block's middle, from well outside of it."""
    x, y, angle = world.state(MonoNs(0)).block_pose_px
    middle = np.array([x, y]) + 45 * np.array([-np.sin(angle), np.cos(angle)])
    return middle - RIGHT_PX, middle


def test_a_reset_starts_where_the_paper_starts():
    reference = PushTBoard()
    reference.reset(SEED)
    state = new_world().state(MonoNs(5))
    assert state.t_ns == 5
    assert np.array_equal(state.board_state, reference.state)
    assert np.array_equal(state.start_xy_px, reference.state[:2])
    assert state.coverage == reference.coverage()


def test_the_board_rests_while_there_is_no_arm():
    world = new_world()
    before = world.state(MonoNs(0))
    for _ in range(50):
        world.step(None)
    after = world.state(MonoNs(0))
    assert np.array_equal(after.block_pose_px, before.block_pose_px)
    assert after.tool_height_m == float("inf")
    assert after.step_n == 50


def test_the_tool_on_the_table_pushes_the_block():
    world = new_world()
    before = world.state(MonoNs(0)).block_pose_px
    sweep(world, *past_the_block(world))
    after = world.state(MonoNs(0))
    assert np.linalg.norm(after.block_pose_px[:2] - before[:2]) > 20
    assert np.isfinite(after.board_state).all()


@pytest.mark.parametrize(("over_m", "moved"), [(-0.0005, True), (0.0005, False)])
def test_the_tool_touches_just_below_the_lift_height_and_passes_just_above(over_m, moved):
    world = new_world()
    before = world.state(MonoNs(0)).block_pose_px
    sweep(world, *past_the_block(world), height_m=TIP_M + LIFT_M + over_m)
    after = world.state(MonoNs(0)).block_pose_px
    assert bool(np.any(after != before)) is moved


def test_a_tool_that_comes_down_from_above_does_not_fling_the_block():
    world = new_world()
    before = world.state(MonoNs(0)).block_pose_px
    _, middle = past_the_block(world)
    world.step(tool_at(middle - 2 * RIGHT_PX, 0.2))
    world.step(tool_at(middle, 0.2))
    for height_m in np.linspace(0.2, TIP_M, 40):
        world.step(tool_at(middle, height_m))
    after = world.state(MonoNs(0)).block_pose_px
    assert np.linalg.norm(after[:2] - before[:2]) < 60  # parted from the tool, no more


def test_a_tool_that_jumps_is_set_down_anew_instead_of_shooting_the_block_away():
    world = new_world()
    start, middle = past_the_block(world)
    world.step(tool_at(start))
    before = world.state(MonoNs(0)).block_pose_px
    world.step(tool_at(middle + RIGHT_PX))
    after = world.state(MonoNs(0))
    assert np.array_equal(after.block_pose_px[:2], before[:2])
    assert after.agent_xy_px == pytest.approx(middle + RIGHT_PX)


def test_steps_at_once_are_a_straight_line_and_give_what_single_steps_give():
    together, single = new_world(), new_world()
    start, middle = past_the_block(together)
    for world in (together, single):
        world.step(tool_at(start))
    line = np.linspace(start, middle, 101)
    for row in line[5::5]:
        together.step(tool_at(row), steps=5)
    for row in line[1:]:
        single.step(tool_at(row))
    one, other = together.state(MonoNs(0)), single.state(MonoNs(0))
    assert one.step_n == other.step_n
    assert one.board_state == pytest.approx(other.board_state, abs=1e-3)  # px, rad


def test_a_tool_that_moves_like_the_benchmarks_agent_pushes_as_the_benchmark_does():
    world, benchmark = new_world(), PushTBoard()
    benchmark.reset(SEED)
    world.step(tool_at(benchmark.state[:2]))
    _, middle = past_the_block(world)
    x, v = benchmark.state[:2], np.zeros(2)
    coverages = []
    for action in np.linspace(x, 2 * middle - x, 40):
        benchmark.step_action(action)
        coverages.append(benchmark.coverage())
        for _ in range(10):
            v = v + (100.0 * (action - x) - 20.0 * v) * 0.01
            x = x + v * 0.01
            world.step(tool_at(x))
    state = world.state(MonoNs(0))
    assert state.board_state == pytest.approx(benchmark.state, abs=1e-3)  # px, rad
    assert np.linalg.norm(state.block_pose_px[:2] - middle) > 30
    assert state.coverage == pytest.approx(coverages[-1], abs=1e-5)


def test_the_same_calls_give_the_same_states_bit_for_bit():
    ends = []
    for _ in range(2):
        world = new_world()
        sweep(world, *past_the_block(world))
        world.reset(SEED + 1, 1)
        sweep(world, *past_the_block(world))
        ends.append(world.state(MonoNs(0)))
    assert ends[0].board_state.tobytes() == ends[1].board_state.tobytes()
    assert ends[0].best_coverage == ends[1].best_coverage


def test_a_reset_forgets_the_score_and_counts_steps_anew():
    world = new_world()
    sweep(world, *past_the_block(world))
    world.reset(SEED + 1, 7)
    state = world.state(MonoNs(0))
    assert (state.episode, state.seed, state.step_n) == (7, SEED + 1, 0)
    assert (state.best_coverage, state.best_score, state.success) == (0.0, 0.0, False)


def test_the_best_coverage_is_looked_at_ten_times_a_second():
    world = new_world()
    for _ in range(9):
        world.step(None)
    assert world.state(MonoNs(0)).best_coverage == 0.0
    world.step(None)
    state = world.state(MonoNs(0))
    assert state.best_coverage == state.coverage
    assert state.best_score == pytest.approx(min(state.coverage / 0.95, 1.0))


def test_the_best_coverage_stays_when_the_block_is_pushed_away():
    world = new_world(_seed_that_starts_on_the_goal())
    sweep(world, *past_the_block(world))
    state = world.state(MonoNs(0))
    assert state.coverage < state.best_coverage
    assert state.best_score <= 1.0


def _seed_that_starts_on_the_goal():
    board = PushTBoard()
    for seed in range(200):
        board.reset(seed)
        if board.coverage() > 0.4:
            return seed
    raise AssertionError("no start near the goal")


@pytest.mark.parametrize(("off_px", "success"), [(1.8, True), (2.1, False)])
def test_success_needs_more_than_ninety_five_percent(off_px, success):
    world = new_world()
    world.place([50.0, 50.0, 256.0 + off_px, 256.0, np.pi / 4], episode=4)
    for _ in range(10):
        world.step(None)
    state = world.state(MonoNs(0))
    assert state.episode == 4
    assert state.best_coverage == pytest.approx(0.95, abs=0.01)
    assert state.success is success
    assert (state.best_score == 1.0) is success


def test_refuses_a_pose_that_is_not_finite():
    T_base_tcp = np.eye(4)
    T_base_tcp[0, 3] = np.nan
    with pytest.raises(ValueError, match="T_base_tcp"):
        new_world().step(T_base_tcp)
