"""What a person types for a collecting session, and what is refused before anything starts."""

import io
import sys

import msgspec
import numpy as np
import pytest

from robotd.core.errors import ConfigError, DatasetError
from robotd.modes.collect.messages import PLACES_N, CollectRequest
from robotd.modes.collect.places import demonstration_places, home_pose, place_of, start_pose
from robotd.modes.collect.request import request_of
from robotd.modes.daemon.messages import MAX_CONTROL_BYTES, ControlRequest
from robotd.modes.options import CollectOptions
from robotd.modes.replay.same_cell import difference
from robotd.modes.start_place import Place


@pytest.fixture
def typed(cell, tmp_path):
    def make(**changes):
        return request_of(CollectOptions(dataset=tmp_path / "D", **changes), cell)

    return make


@pytest.fixture
def demos(tmp_path):
    """Three demonstrations of two rows."""
    path = tmp_path / "demos.npz"
    state = np.arange(30, dtype=np.float32).reshape(6, 5) + 100
    np.savez(path, state=state, action=state[:, :2], episode_ends=np.array([2, 4, 6]))
    return path


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_mocks_default_works_by_itself(typed, cell):
    request = typed()

    assert request.operator == "pusher"
    assert request.arguments == ("--operator=pusher",)
    assert (request.by_itself, request.episodes, request.max_tries) == (True, 1, 14)
    assert request.time_label == "failure"
    assert request.places == (Place(seed=cell.world.seed),)
    assert request.max_episode_s == cell.task.max_episode_s


def test_a_demonstration_that_was_replayed_to_its_end_is_no_failure(typed, demos):
    assert typed(operator="replay", demos=demos).time_label == ""
    assert typed(operator="replay", demos=demos, label_time="failure").time_label == "failure"


def test_a_person_goes_on_until_they_quit_and_nothing_is_labelled_for_them(typed, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Terminal())
    request = typed(operator="keyboard")

    assert (request.by_itself, request.episodes, request.max_tries) == (False, 0, 0)
    assert (request.time_label, request.arguments) == ("", None)


def test_a_real_cells_default_is_its_device_or_the_keyboard(real_cell, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Terminal())
    assert request_of(CollectOptions(dataset=tmp_path), real_cell).operator == "keyboard"

    teleop = msgspec.structs.replace(real_cell.teleop, device="spacemouse")
    cell = msgspec.structs.replace(real_cell, teleop=teleop)
    request = request_of(CollectOptions(dataset=tmp_path), cell)
    assert (request.operator, request.by_itself) == ("spacemouse", False)
    assert request.arguments == ("--operator=spacemouse",)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"operator": "joystick"}, r"--operator: got joystick, expected one of pusher, replay"),
        ({"operator": "keyboard"}, "expected a terminal on stdin"),
        ({"operator": "replay"}, "--demos: got nothing, expected the file that"),
        ({"demos": "x.npz"}, "--demos: got x.npz, expected nothing with"),
        ({"episodes": -1}, "--episodes: got -1, expected 0 or more"),
        ({"max_tries": -1}, "--max-tries: got -1"),
        ({"seed": 2**32}, "--seed: got 4294967296"),
        ({"seed": -3}, "--seed: got -3"),
        ({"start": "there"}, "--start: got there, expected home, task, random, or an episode"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(typed, changes, words, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    with pytest.raises(ConfigError, match=words) as caught:
        typed(**changes)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("operator", ["pusher", "replay"])
def test_operators_of_the_mock_do_not_work_in_a_real_cell(real_cell, tmp_path, operator, demos):
    options = CollectOptions(
        dataset=tmp_path, operator=operator, demos=demos if operator == "replay" else None
    )

    with pytest.raises(ConfigError, match="it is for a mock"):
        request_of(options, real_cell)


def test_demonstrations_start_where_they_were_recorded(typed, demos):
    request = typed(operator="replay", demos=demos, seed=1)

    assert request.start == "given"
    assert [place.seed for place in request.places] == [1, 2, 0]
    assert request.places[0].board_state == (110.0, 111.0, 112.0, 113.0, 114.0)
    assert request.arguments == ("--operator=replay", f"--demos={demos}")
    assert request.about == {"demos": "demos.npz"}


def test_demonstrations_bring_their_own_start(typed, demos):
    with pytest.raises(ConfigError, match="none with --operator replay"):
        typed(operator="replay", demos=demos, start="home")


def test_a_file_that_is_none_is_one_line(typed, tmp_path):
    with pytest.raises(DatasetError, match="no such file"):
        typed(operator="replay", demos=tmp_path / "none.npz")


def test_the_longest_request_fits_a_message(typed, cell, demos):
    from robotd.episodes.source import Episodes

    rows = 300
    arrays = {
        "agent_xy": np.full((rows, 2), 123.456789, np.float32),
        "block_pose": np.full((rows, 3), 123.456789, np.float32),
    }
    many = Episodes(arrays=arrays, lengths=np.ones(rows, np.int64), dt_s=0.1)
    places = demonstration_places(many, 0)
    assert len(places) == PLACES_N

    request = CollectRequest(operator="replay", places=places, start="given")
    sent = ControlRequest(id=1, client="collect-1", op="start", t_ns=1, collect=request)

    body = msgspec.msgpack.encode(sent)
    assert len(body) < MAX_CONTROL_BYTES
    assert msgspec.msgpack.decode(body, type=ControlRequest) == sent


def test_seeds_go_on_after_the_named_ones_and_states_begin_anew():
    seeds = CollectRequest(operator="x", places=(Place(seed=5), Place(seed=9)))
    state = (1.0, 2.0, 3.0, 4.0, 5.0)
    states = CollectRequest(
        operator="x", places=(Place(seed=0, board_state=state), Place(seed=1, board_state=state))
    )

    assert [place_of(seeds, k).seed for k in range(5)] == [5, 9, 10, 11, 12]
    assert [place_of(states, k).seed for k in range(5)] == [0, 1, 0, 1, 0]
    assert place_of(CollectRequest(operator="x", places=(Place(seed=2**32 - 1),)), 1).seed == 0


def test_a_random_start_is_another_one_for_each_seed_and_on_the_board(cell, make_world):
    request = CollectRequest(operator="x", start="random")
    poses = [start_pose(cell, request, Place(seed=k), make_world(1)) for k in range(20)]

    again = start_pose(cell, request, Place(seed=3), make_world(1))
    np.testing.assert_array_equal(again, poses[3])
    places = np.array([pose[:3, 3] for pose in poses])
    assert np.ptp(places[:, 0]) > 0.05
    assert np.ptp(places[:, 1]) > 0.05
    box = cell.envelope.tool_box
    assert np.all((places > box.min_m) & (places < box.max_m))


def test_each_rule_has_its_start(cell, make_world):
    def at(start, place=None, **world):
        request = CollectRequest(operator="x", start=start)
        return start_pose(cell, request, place or Place(), make_world(1, **world))

    np.testing.assert_array_equal(at("home"), home_pose(cell))
    there = at("task", start_xy_px=np.array([10.0, 20.0]))
    assert not np.allclose(there, at("task", start_xy_px=np.array([110.0, 20.0])))
    pose = np.eye(4)
    pose[:3, 3] = 0.4, 0.0, 0.1
    rows = tuple(tuple(float(v) for v in row) for row in pose)
    np.testing.assert_array_equal(at("given", Place(T_base_start=rows)), pose)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "other"}, "the cell's name was mock-ur5, is other"),
        ({"arm": {"model": "ur5e"}}, "arm.model was ur5, is ur5e"),
        ({"task": {"board_m": 0.25}}, "task.board_m was 0.3, is 0.25"),
        ({"task": {"tip_height_m": 0.02}}, "task.tip_height_m was 0.01, is 0.02"),
        ({"cameras": {}}, "cameras was side, top, is "),
        ({"world": None}, "mock was true, is false"),
    ],
)
def test_the_first_difference_between_two_cells_is_named(cell, change, words):
    plain = msgspec.to_builtins(cell)
    for key, value in change.items():
        merges = isinstance(value, dict) and value
        plain[key] = {**plain[key], **value} if merges else value
    other = msgspec.convert(plain, type(cell))

    assert difference(cell, other, cameras=True) == words
    assert difference(cell, cell, cameras=True) == ""


def test_a_camera_matters_for_learning_and_not_for_the_arms_path(cell):
    top = msgspec.structs.replace(cell.cameras["top"], width_px=128)
    other = msgspec.structs.replace(cell, cameras={**cell.cameras, "top": top})

    assert difference(cell, other, cameras=True) == "cameras.top.width_px was 96, is 128"
    assert difference(cell, other, cameras=False) == ""
