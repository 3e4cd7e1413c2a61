"""Scripted operators on the cell's rings: when they act, how their hand is understood."""

import msgspec
import numpy as np
import pytest

from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MS
from robotd.core.journal import EndEpisode, pack_note
from robotd.core.types import TeleopSample
from robotd.sim.operator import Stick
from robotd.sim.pusher_operator import build
from teleop.deflection import TwistScale

SEED = 200_000


@pytest.mark.parametrize("yaw_rad", [0.0, 0.7])
@pytest.mark.parametrize("velocity", [100 + 0j, -30 + 200j, 5 - 5j, 0j])
def test_a_deflection_is_understood_as_the_velocity_that_was_wanted(mock_cell, yaw_rad, velocity):
    board = BoardFrame.of_task(mock_cell.task)
    config = msgspec.structs.replace(mock_cell.teleop, yaw_rad=yaw_rad, deadzone=0.1)

    deflection = Stick(config, board).deflection(velocity)

    twist = TwistScale(config, max_speed_m_s=1.0).twist(deflection)
    from_m, to_m = board.to_base(np.zeros(2), 0.01), board.to_base(np.zeros(2), 0.01) + twist[:3]
    moved_px = board.to_px(to_m) - board.to_px(from_m)
    assert moved_px == pytest.approx([velocity.real, velocity.imag], abs=1e-6)


def test_a_velocity_beyond_full_scale_keeps_its_direction(mock_cell):
    board = BoardFrame.of_task(mock_cell.task)
    config = msgspec.structs.replace(mock_cell.teleop, deadzone=0.0)

    deflection = Stick(config, board).deflection(2000 + 1000j)

    assert np.abs(deflection).max() == 1.0
    assert abs(deflection[0] / deflection[1]) == pytest.approx(2.0)


def test_without_any_ring_it_rests(tmp_path, mock_cell):
    with build(tmp_path, mock_cell) as operator:
        sample = operator.read()

    assert isinstance(sample, TeleopSample)
    assert not sample.buttons
    assert not sample.deflection.any()


def test_before_an_episode_begins_it_keeps_its_hands_off(tmp_path, operated_cell, mock_cell):
    cell = operated_cell(SEED)
    operator = build(tmp_path, mock_cell, cell.cell.clock)

    samples = [cell.step(operator) for _ in range(50)]

    assert not any(sample.buttons or sample.deflection.any() for sample in samples)


def test_it_lets_go_before_it_takes_hold_and_rests_when_the_episode_ends(
    tmp_path, operated_cell, mock_cell
):
    cell = operated_cell(SEED)
    operator = build(tmp_path, mock_cell, cell.cell.clock)
    for _ in range(20):
        cell.step(operator)

    cell.begin()
    start_ns = cell.cell.now
    samples = [cell.step(operator) for _ in range(60)]
    note = EndEpisode(t_ns=cell.cell.now, number=2, episode="e", outcome="stopped")
    cell.journal.write(pack_note(note))
    after = [cell.step(operator) for _ in range(10)]

    held = [sample for sample in samples if sample.buttons]
    assert held[0].t_ns - start_ns >= 90 * MS
    assert held[0].buttons == {mock_cell.teleop.deadman_button}
    assert held[-1].t_ns == samples[-1].t_ns
    assert not any(sample.buttons or sample.deflection.any() for sample in after)


def test_a_hand_that_moves_nothing_lets_go_and_tries_again(tmp_path, operated_cell, mock_cell):
    cell = operated_cell(SEED)
    operator = build(tmp_path, mock_cell, cell.cell.clock)
    cell.begin()
    held = []
    for _ in range(150):  # nobody listens to what it says
        held.append(bool(operator.read().buttons))
        cell.cell.beat()
        cell.cell.cycle()
        cell._publish()

    changes = np.flatnonzero(np.diff(held))
    assert len(changes) >= 3  # held, let go, held again
    assert np.diff(changes)[1] >= 9  # for at least as long as at the begin


def test_the_pusher_wins_an_episode_through_mapping_follower_and_gate(
    tmp_path, operated_cell, mock_cell
):
    cell = operated_cell(SEED)
    operator = build(tmp_path, mock_cell, cell.cell.clock)
    for _ in range(40):
        cell.step(operator)
    cell.begin()
    start_ns = cell.cell.now
    while not cell.cell.state.success and cell.cell.now - start_ns < 30_000 * MS:
        cell.step(operator)
    sample = cell.step(operator)

    assert cell.cell.state.success
    assert not sample.buttons
    assert not sample.deflection.any()
