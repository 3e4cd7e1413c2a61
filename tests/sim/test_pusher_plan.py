"""The pusher's plans, and what it makes of whole episodes."""

import numpy as np
import pytest

from robotd.sim.pusher import ACCELERATION_PX_S2, Pusher
from robotd.sim.pusher_block import GOAL_ANGLE, GOAL_PLACE, pose_of
from robotd.sim.pusher_plan import TRAVEL_PX_S, PushPlanner
from robotd.sim.pusht import PushTBoard
from tests.sim.pusher_trial import attempt

PLANNER = PushPlanner()


def searched(tool, place, angle):
    thought = PLANNER.search(tool, place, angle)
    slices = 0
    while True:
        try:
            next(thought)
        except StopIteration as done:
            return done.value, slices
        slices += 1


def test_one_push_away_from_the_goal_it_plans_one_push():
    contact = 5
    centre = GOAL_PLACE + PLANNER.contacts.centre[contact] * np.exp(1j * GOAL_ANGLE)
    back_rad = -PLANNER.contacts.rad_per_px[contact] * 60.0
    place = complex(centre + (GOAL_PLACE - centre) * np.exp(1j * back_rad))
    angle = GOAL_ANGLE + back_rad
    tool = place + complex(PLANNER.routes.begin[contact]) * complex(np.exp(1j * angle))

    plan, _ = searched(tool, place, angle)

    assert plan.contacts == (contact,)
    assert plan.px[0] == pytest.approx(60.0, abs=0.1)


def test_the_same_state_gives_the_same_plan():
    state = (100 + 120j, 300 + 260j, 2.0)

    assert searched(*state) == searched(*state)


def test_thinking_comes_in_many_slices():
    _, slices = searched(100 + 120j, 300 + 260j, 2.0)

    assert slices > 20


def test_a_plan_leads_to_the_goal():
    place, angle = pose_of(np.array([300.0, 200.0, 3.5]))
    plan, _ = searched(100 + 400j, place, angle)

    for contact, px in zip(plan.contacts, plan.px, strict=True):
        centre = place + PLANNER.contacts.centre[contact] * np.exp(1j * angle)
        turned = PLANNER.contacts.rad_per_px[contact] * px
        place, angle = centre + (place - centre) * np.exp(1j * turned), angle + turned

    assert abs(place - GOAL_PLACE) < 2.0
    assert abs(np.exp(1j * angle) - np.exp(1j * GOAL_ANGLE)) < 0.03


def test_it_does_not_move_before_it_may():
    board, pusher = PushTBoard(), Pusher(PLANNER)
    board.reset(3)

    speeds = [abs(pusher.step(100 + 100j, board.state[2:], 0.01, moves=False)) for _ in range(80)]

    assert max(speeds) == 0.0


def test_its_speed_changes_no_faster_than_it_says():
    board, pusher = PushTBoard(), Pusher(PLANNER)
    board.reset(3)
    target, velocities = complex(*board.state[:2]), [0j]
    for _ in range(400):
        velocities.append(pusher.step(target, board.state[2:], 0.01))
        target += velocities[-1] * 0.01
        board.step_tool([target.real, target.imag])

    assert np.abs(np.diff(velocities)).max() <= ACCELERATION_PX_S2 * 0.01 + 1e-9
    assert np.abs(velocities).max() <= TRAVEL_PX_S + 1e-9


def test_it_wins_most_episodes_in_time_and_without_standing_about():
    # Over 100 seeds see `python -m tests.bench pusher`.
    trials = [attempt(seed, PLANNER) for seed in range(200_000, 200_003)]

    assert np.mean([trial.score for trial in trials]) > 0.9
    assert np.mean([trial.duration_s for trial in trials]) < 15.0
    assert np.mean([trial.idle_s for trial in trials]) < 1.0
    assert max(trial.fastest_px_s for trial in trials) < 340.0  # 0.2 m/s on a board of 0.30 m
