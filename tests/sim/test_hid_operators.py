"""Scripted operators at an emulated SpaceMouse: raw reports, the vendor's parser, then as ever."""

import contextlib

import numpy as np
import pytest

from robotd.core.clock import MS
from robotd.sim import pusher_operator, replay_operator
from robotd.sim.hid_handle import FakeHandle
from robotd.sim.replay_operator import Demonstration, agent_path
from teleop.spacemouse import SpaceMouse

pytest.importorskip("pyspacemouse")
START = np.array([120.0, 150.0, 300.0, 200.0, 0.4])
DEMONSTRATION = Demonstration(
    start_xy_px=START[:2],
    action_xy_px=START[:2] + np.outer(np.r_[0:12, 12:0:-1], [15.0, 4.5]),
)


@contextlib.contextmanager
def at_a_spacemouse(operator, cell, clock, layout="split"):
    handle = FakeHandle(operator, clock, layout=layout)
    with SpaceMouse(cell.teleop, clock, lambda: handle) as mouse:
        yield mouse


def test_the_pusher_wins_an_episode_with_a_spacemouse(tmp_path, operated_cell, mock_cell):
    cell = operated_cell(200_000)
    operator = pusher_operator.build(tmp_path, mock_cell, cell.cell.clock)
    with at_a_spacemouse(operator, mock_cell, cell.cell.clock) as mouse:
        for _ in range(40):
            cell.step(mouse)
        cell.begin()
        start_ns = cell.cell.now
        while not cell.cell.state.success and cell.cell.now - start_ns < 30_000 * MS:
            cell.step(mouse)
        for _ in range(5):
            sample = cell.step(mouse)

    assert cell.cell.state.success
    assert not sample.buttons
    assert not sample.deflection.any()


def test_a_demonstration_is_repeated_with_a_spacemouse(tmp_path, operated_cell, mock_cell):
    cell = operated_cell(200_000)
    clock = cell.cell.clock
    operator = replay_operator.build(tmp_path, mock_cell, [DEMONSTRATION], clock)
    path_px = agent_path(DEMONSTRATION)
    cell.place(START, 0)
    tool_px = []
    with at_a_spacemouse(operator, mock_cell, clock, "whole") as mouse:
        for _ in range(30):
            cell.step(mouse)
        cell.begin()
        for _ in range(280):
            cell.step(mouse)
            tool_px.append(cell.cell.state.agent_xy_px)

    away_px = np.linalg.norm(np.array(tool_px)[:, None] - path_px[None], axis=2).min(axis=1)
    assert away_px.max() < 5.0
    assert np.linalg.norm(tool_px[-1] - path_px[-1]) < 10.0
    assert np.abs(cell.cell.state.block_pose_px[:2] - START[2:4]).max() > 20.0
