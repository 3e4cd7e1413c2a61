"""Where the episodes of a session start: what a person asked for, as places. Pure."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_model import kinematics_of
from robotd.core.config import SEEDS_N, CellConfig
from robotd.core.errors import SupervisorError
from robotd.core.pusht_spec import AGENT_XY, BLOCK_POSE
from robotd.core.world_state import WorldState
from robotd.episodes.source import Episodes
from robotd.modes.collect.messages import PLACES_N, CollectRequest
from robotd.modes.daemon.inside import check_poses, why_no_poses
from robotd.modes.daemon.way import over_board, task_start
from robotd.modes.start_place import Place, board_state_of

RANDOM_XY_PX: Final = (50.0, 450.0)
"""Range of a random start in x and in y, as in the paper's protocol."""


def place_of(request: CollectRequest, number: int) -> Place:
    """Return the place of a session's episode `number` (0 for the first).

    After the last place that was named the seeds go on, unless it is a recorded state.
    """
    places = request.places
    if number < len(places):
        return places[number]
    last = places[-1]
    if last.board_state is not None or last.T_base_start is not None:
        return places[number % len(places)]
    return Place(seed=(last.seed + number - len(places) + 1) % SEEDS_N)


def home_pose(cell: CellConfig) -> NDArray[np.float64]:
    """Return the pose T_base_tcp (4, 4) [m] of the tool at the arm's home joints."""
    return kinematics_of(cell.arm).fk(np.array(cell.arm.home_q_rad))


def start_pose(
    cell: CellConfig, request: CollectRequest, place: Place, world: WorldState | None
) -> NDArray[np.float64]:
    """Return the pose T_base_tcp (4, 4) [m] at which an episode starts.

    Args:
        cell: The cell.
        request: How its session starts.
        place: Of this episode.
        world: The mock's world, at its start; None in a real cell.
    """
    if request.start == "home":
        return home_pose(cell)
    if request.start == "given" and place.T_base_start is not None:
        return np.array(place.T_base_start)
    if request.start == "random":
        xy_px = np.random.default_rng(place.seed).uniform(*RANDOM_XY_PX, size=2)
        return over_board(cell.task, xy_px)
    if request.start == "given" and world is not None:
        return over_board(cell.task, world.start_xy_px)
    return task_start(cell.task, world)


def check_places(cell: CellConfig, request: CollectRequest) -> None:
    """Refuse starts to which the tool could not go; whoever asks may be another program.

    Raises:
        SupervisorError: A start is no pose.
        EnvelopeError: One is outside the envelope.
    """
    given = [place.T_base_start for place in request.places if place.T_base_start is not None]
    T = np.array(given, dtype=np.float64).reshape(-1, 4, 4)
    if why := why_no_poses(T):
        raise SupervisorError(f"cannot start: T_base_start: {why}")
    poses = [home_pose(cell), start_pose(cell, request, request.places[0], None), *T]
    check_poses(np.stack(poses), cell.envelope, lambda row: "home" if row == 0 else "the start")


def demonstration_places(demos: Episodes, first: int) -> tuple[Place, ...]:
    """Return the first states of demonstrations, `first` leading; seeds are their numbers."""
    starts = np.concatenate([[0], np.cumsum(demos.lengths)[:-1]])
    count = len(starts)
    chosen = [(first + k) % count for k in range(min(count, PLACES_N))]
    states = np.concatenate([demos.arrays[AGENT_XY], demos.arrays[BLOCK_POSE]], axis=1)
    return tuple(
        Place(seed=number, board_state=board_state_of(states[starts[number]])) for number in chosen
    )
