"""The operator that repeats demonstrations: a made-up one, and the recorded ones where they lie."""

from math import exp
from pathlib import Path

import numpy as np
import pytest

from robotd.core.clock import MonoNs
from robotd.core.world_state import WorldState
from robotd.episodes.replay_zip import load_replay
from robotd.sim.pusht import PushTBoard
from robotd.sim.pusht_geometry import score
from robotd.sim.replay_operator import Demonstration, ReplayingMover, agent_path, build

DATA = Path(__file__).parents[2] / "../shared/data/pusht_cchi_v7_replay.zarr.zip"
FULL_SCALE_PX_S = 0.2 * 512 / 0.30
LAG_S = 0.032
START = np.array([120.0, 150.0, 300.0, 200.0, 0.4])


def made_up(speed_px=15.0):
    """Straight at the block, at 10 px a row, and back."""
    places = START[:2] + np.outer(np.r_[0:12, 12:0:-1], [speed_px, 0.3 * speed_px])
    return Demonstration(start_xy_px=START[:2], action_xy_px=places)


def world_at(state, seed, *, success=False):
    return WorldState(
        t_ns=MonoNs(0),
        episode=1,
        seed=seed,
        step_n=0,
        start_xy_px=state[:2],
        agent_xy_px=state[:2],
        tool_height_m=0.01,
        block_pose_px=state[2:],
        coverage=0.0,
        best_coverage=0.0,
        best_score=0.0,
        success=success,
    )


def replayed(mover, state, seed, full_scale_px_s=FULL_SCALE_PX_S):
    """Best coverage, the tool's places and the wanted speeds, on a board with a lagging tool."""
    board = PushTBoard()
    board.place(state)
    mover.begin(world_at(state, seed))
    target = tool = complex(*state[:2])
    best, tools, speeds = 0.0, [], []
    while not mover.done:
        velocity = mover.step(target, world_at(board.state, seed), 0.01, moves=True)
        speeds.append(abs(velocity))
        velocity *= min(1.0, full_scale_px_s / max(abs(velocity), 1e-9))
        target += velocity * 0.01
        tool += (target - tool) * (1.0 - exp(-0.01 / LAG_S))
        board.step_tool([tool.real, tool.imag])
        tools.append(tool)
        best = max(best, board.coverage())
    return best, np.array(tools), np.array(speeds), board.state


def test_the_agents_path_is_that_of_the_benchmark():
    demonstration = made_up()
    board = PushTBoard()
    board.place([*demonstration.start_xy_px, 400.0, 400.0, 0.0])

    places = [board.state[:2]]
    for action in demonstration.action_xy_px:
        board.step_action(action)
        places.append(board.state[:2])

    assert np.abs(agent_path(demonstration)[::10] - np.array(places)).max() < 1e-9


def test_the_tool_keeps_to_the_persons_path():
    mover = ReplayingMover([made_up()], FULL_SCALE_PX_S, LAG_S)
    path = agent_path(made_up()) @ [1, 1j]

    _, tools, speeds, _ = replayed(mover, START, 0)

    away_px = np.abs(tools[:, None] - path[None]).min(axis=1)
    assert away_px.max() < 3.0
    assert speeds.max() < 1.2 * FULL_SCALE_PX_S
    assert abs(tools[-1] - path[-1]) < 6.0


def test_a_person_faster_than_full_scale_is_followed_on_the_same_path_but_later():
    quick = made_up(speed_px=45.0)
    mover = ReplayingMover([quick], 100.0, LAG_S)
    path = agent_path(quick) @ [1, 1j]

    _, tools, _, _ = replayed(mover, START, 0, full_scale_px_s=100.0)

    assert len(tools) > 2 * len(path)
    assert np.abs(tools[:, None] - path[None]).min(axis=1).max() < 5.0


def test_it_rests_once_done_or_won_and_where_there_is_no_such_demonstration():
    mover = ReplayingMover([made_up()], FULL_SCALE_PX_S)
    mover.begin(world_at(START, 0))
    assert not mover.done

    assert mover.step(0j, world_at(START, 0, success=True), 0.01, moves=True) == 0j
    assert mover.done

    mover.begin(world_at(START, 7))
    assert mover.done
    assert mover.step(0j, world_at(START, 7), 0.01, moves=True) == 0j


def test_its_clock_stands_until_it_may_move():
    mover = ReplayingMover([made_up()], FULL_SCALE_PX_S)
    mover.begin(world_at(START, 0))

    for _ in range(50):
        assert mover.step(complex(*START[:2]), world_at(START, 0), 0.01, moves=False) == 0j

    assert mover.at_s == 0.0


@pytest.mark.parametrize(
    ("start", "actions"), [(np.zeros(3), np.zeros((4, 2))), (np.zeros(2), np.zeros((4, 3)))]
)
def test_a_demonstration_of_another_shape_is_refused(start, actions):
    with pytest.raises(ValueError, match="Demonstration"):
        Demonstration(start_xy_px=start, action_xy_px=actions)


def test_a_made_up_demonstration_is_repeated_through_mapping_follower_and_gate(
    tmp_path, operated_cell, mock_cell
):
    cell = operated_cell(200_000)
    operator = build(tmp_path, mock_cell, [made_up()], cell.cell.clock)
    cell.place(START, 0)
    _, _, _, expected = replayed(ReplayingMover([made_up()], FULL_SCALE_PX_S, LAG_S), START, 0)

    cell.begin()
    samples = [cell.step(operator) for _ in range(280)]

    assert any(sample.buttons for sample in samples)
    assert not samples[-1].buttons
    assert np.abs(cell.cell.state.block_pose_px[:2] - expected[2:4]).max() < 4.0


@pytest.mark.skipif(
    not DATA.is_file(), reason="the Push-T demonstrations do not lie beside the checkout"
)
def test_recorded_demonstrations_come_out_as_they_did():
    data = load_replay(DATA)
    ends = np.cumsum(data.lengths)
    states = np.concatenate([data.arrays["agent_xy"], data.arrays["block_pose"]], axis=1)
    rows = [slice(int(end - n), int(end)) for end, n in zip(ends, data.lengths, strict=True)]
    demonstrations = [
        Demonstration(
            start_xy_px=states[row][0, :2].astype(float),
            action_xy_px=data.arrays["action"][row].astype(float),
        )
        for row in rows
    ]
    mover = ReplayingMover(demonstrations, FULL_SCALE_PX_S, LAG_S)

    scores = [
        float(score(replayed(mover, states[rows[i]][0].astype(float), i)[0]))
        for i in range(0, len(rows), 26)
    ]

    assert np.mean(scores) > 0.85
