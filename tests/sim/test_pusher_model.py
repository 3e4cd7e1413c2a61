"""The pusher's model of the block against the physics, and its way around the block."""

import numpy as np
import pytest

from robotd.sim.pusher_block import (
    Contacts,
    block_outside_px,
    inside,
    pose_of,
)
from robotd.sim.pusher_route import Routes, exit_of
from robotd.sim.pusht import PushTBoard
from robotd.sim.pusht_geometry import BLOCK_OUTLINE_PX

CONTACTS = Contacts()
ROUTES = Routes(CONTACTS)
POSE = np.array([250.0, 240.0, 0.7])
PUSH_PX = 50


@pytest.mark.parametrize("contact", range(0, len(CONTACTS.tool), 5))
def test_a_push_moves_the_block_as_the_model_says(contact):
    place, angle = pose_of(POSE)
    turn = np.exp(1j * angle)
    centre = place + CONTACTS.centre[contact] * turn
    touch = place + CONTACTS.tool[contact] * turn
    board = PushTBoard()
    board.place([touch.real, touch.imag, *POSE])

    for px in range(1, PUSH_PX + 1):
        tool = centre + (touch - centre) * np.exp(1j * CONTACTS.rad_per_px[contact] * px)
        board.step_tool([tool.real, tool.imag])

    turned = CONTACTS.rad_per_px[contact] * PUSH_PX
    expected = centre + (place - centre) * np.exp(1j * turned)
    reached, reached_angle = pose_of(board.state[2:])
    assert abs(reached - expected) < 0.5
    assert reached_angle == pytest.approx(angle + turned, abs=0.005)


def test_a_block_in_the_middle_is_within_the_walls_and_one_at_the_edge_is_not():
    poses = [pose_of(np.array(pose)) for pose in ([256.0, 200.0, 0.0], [40.0, 200.0, 0.0])]
    places, angles = (np.array(part) for part in zip(*poses, strict=True))

    outside = block_outside_px(places, angles)

    assert outside[0] == 0.0
    assert outside[1] == pytest.approx(60 - 40 + 7, abs=0.1)


def test_the_way_around_keeps_clear_of_the_block_and_arrives():
    place, angle = pose_of(POSE)
    turn = complex(np.exp(1j * angle))
    rng = np.random.default_rng(0)
    for contact in range(0, len(CONTACTS.tool), 7):
        tool = place + (exit_of(complex(*rng.uniform(-120, 120, 2)))[0]) * turn
        way_px = float(ROUTES.lengths(tool, place, turn)[contact])
        begin = place + ROUTES.begin[contact] * turn
        gone_px = 0.0
        while abs(tool - begin) > 1.0:
            stop = ROUTES.next_stop(contact, tool, place, turn)
            step = (stop - tool) / abs(stop - tool) * min(1.0, abs(stop - tool))
            tool, gone_px = tool + step, gone_px + abs(step)
            assert not inside(np.array([(tool - place) / turn]), 20.0)[0]
            assert gone_px < way_px + 20.0


def test_a_tool_at_the_block_first_leaves_it_the_shortest_way():
    corner = complex(*BLOCK_OUTLINE_PX[0]) - 45j

    away, px = exit_of(corner + (20 - 16j))  # 16 px above the bar's outer edge

    assert px == pytest.approx(25 - 16)
    assert away == corner + (20 - 25j)
