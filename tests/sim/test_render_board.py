import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotd.sim.pusht_geometry import GOAL_POSE, from_block_frame
from robotd.sim.render import (
    AGENT_RGB,
    BLOCK_RGB,
    GOAL_RGB,
    GROUND_RGB,
    WALL_RGB,
    draw_path,
    render_board,
)

STATE = [100.0, 400.0, 350.0, 120.0, 0.4]


def seen(picture, xy_px):
    """Colour at a place of the board."""
    scale = picture.shape[0] / 512
    x, y = (int(v * scale) for v in xy_px)
    return tuple(picture[y, x].tolist())


@pytest.mark.parametrize("size_px", [96, 384, 512])
def test_each_thing_has_its_colour_where_it_is(size_px):
    picture = render_board(STATE, size_px)

    bar, stem = from_block_frame(STATE[2:], [(40.0, 15.0), (0.0, 80.0)])
    goal_bar = from_block_frame(GOAL_POSE, [(-40.0, 15.0)])[0]
    assert picture.shape == (size_px, size_px, 3)
    assert picture.dtype == np.uint8
    assert seen(picture, STATE[:2]) == AGENT_RGB
    assert seen(picture, bar) == seen(picture, stem) == BLOCK_RGB
    assert seen(picture, goal_bar) == GOAL_RGB
    assert seen(picture, (480.0, 480.0)) == GROUND_RGB


def test_the_walls_stand_round_the_board():
    picture = render_board(STATE, 512)

    for x, y in [(5, 256), (506, 256), (256, 5), (256, 506)]:
        assert seen(picture, (x, y)) == WALL_RGB
    for x, y in [(1, 256), (510, 256), (256, 9), (256, 501)]:
        assert seen(picture, (x, y)) == GROUND_RGB


@settings(max_examples=30)
@given(
    st.lists(st.floats(-1e9, 1e9), min_size=4, max_size=4), st.floats(-1e3, 1e3), st.integers(1, 99)
)
def test_any_finite_state_is_drawn(places, angle, size_px):
    assert render_board([*places, angle], size_px).shape == (size_px, size_px, 3)


def test_the_same_state_gives_the_same_picture():
    first = render_board(STATE)
    first_copy = first.copy()
    first[:] = 0  # a caller that writes into its picture

    assert np.array_equal(render_board(STATE), first_copy)


def test_a_state_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="expected 5 finite numbers"):
        render_board([float("nan")] * 5)
    with pytest.raises(ValueError, match="size_px: got 0"):
        render_board(STATE, 0)


def test_a_path_is_drawn_on_a_copy():
    picture = render_board(STATE, 192)
    before = picture.copy()

    drawn = draw_path(picture, [(40.0, 60.0), (120.0, 60.0), (120.0, 200.0)], (255, 0, 0))

    assert np.array_equal(picture, before)
    assert seen(drawn, (120.0, 200.0)) == (255, 0, 0)
    assert seen(drawn, (80.0, 60.0)) != GROUND_RGB
    changed = np.abs(drawn.astype(int) - before).max(axis=-1) > 0
    assert 20 < changed.sum() < 500


def test_an_empty_path_draws_nothing():
    picture = render_board(STATE)

    assert np.array_equal(draw_path(picture, np.zeros((0, 2))), picture)


@pytest.mark.parametrize("path", [[1.0, 2.0], [[1.0, 2.0, 3.0]], [[float("nan"), 0.0]]])
def test_a_path_of_another_shape_is_refused(path):
    with pytest.raises(ValueError, match="path_px"):
        draw_path(render_board(STATE), path)
