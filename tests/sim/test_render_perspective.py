import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotd.sim.pusht_geometry import GOAL_POSE, from_block_frame
from robotd.sim.render import AGENT_RGB, BLOCK_RGB, GOAL_RGB, GROUND_RGB
from robotd.sim.render_perspective import PerspectiveView, camera_matrix, look_at

STATE = [100.0, 400.0, 350.0, 120.0, 0.4]


@pytest.fixture(scope="module")
def view():
    return PerspectiveView.from_front()


def seen(view, picture, xy_px, height_m=0.0):
    x, y = np.rint(view.project([xy_px], height_m)[0]).astype(int)
    return tuple(picture[y, x].tolist())


def test_each_thing_is_seen_where_the_camera_sees_it(view):
    picture = view.render(STATE)

    bar, stem = from_block_frame(STATE[2:], [(40.0, 15.0), (0.0, 80.0)])
    goal_bar = from_block_frame(GOAL_POSE, [(-40.0, 15.0)])[0]
    assert picture.shape == (480, 640, 3)
    assert picture.dtype == np.uint8
    assert seen(view, picture, STATE[:2], view.tool_height_m) == AGENT_RGB
    assert seen(view, picture, bar, view.block_height_m) == BLOCK_RGB
    assert seen(view, picture, stem, view.block_height_m) == BLOCK_RGB
    assert seen(view, picture, goal_bar) == GOAL_RGB
    assert seen(view, picture, (480.0, 480.0)) == GROUND_RGB


def test_the_whole_board_is_in_the_picture(view):
    corners = view.project([(0, 0), (512, 0), (512, 512), (0, 512)])

    assert corners.min() > 0
    assert corners[:, 0].max() < 640
    assert corners[:, 1].max() < 480
    left, right = corners[[0, 3]].mean(axis=0), corners[[1, 2]].mean(axis=0)
    far, near = corners[:2].mean(axis=0), corners[2:].mean(axis=0)
    assert left[0] < right[0]
    assert far[1] < near[1]


def test_projection_is_that_of_a_pinhole():
    camera = camera_matrix(640, 480, np.radians(60))
    view = PerspectiveView(T_cam_table=look_at((0.15, 0.15, -1.0), (0.15, 0.15, 0.0)), K=camera)

    middle, right, lower = view.project([(256, 256), (512, 256), (256, 512)])

    np.testing.assert_allclose(middle, (319.5, 239.5), atol=1e-9)
    np.testing.assert_allclose(right - middle, (camera[0, 0] * 0.15, 0.0), atol=1e-9)
    np.testing.assert_allclose(lower - middle, (0.0, camera[1, 1] * 0.15), atol=1e-9)


@given(
    st.lists(st.floats(-1, 1), min_size=2, max_size=2),
    st.floats(-2, -0.1),
)
def test_a_camera_that_looks_at_a_point_sees_it_in_its_middle(ground, height):
    T_cam_table = look_at((*ground, height), (0.3, -1.7, 0.1))

    p_cam = T_cam_table @ (0.3, -1.7, 0.1, 1.0)

    np.testing.assert_allclose(p_cam[:2], 0.0, atol=1e-9)
    assert p_cam[2] > 0
    np.testing.assert_allclose(T_cam_table[:3, :3] @ T_cam_table[:3, :3].T, np.eye(3), atol=1e-9)
    assert np.linalg.det(T_cam_table[:3, :3]) == pytest.approx(1.0, abs=1e-9)


def test_a_pusher_before_the_block_hides_it_and_one_behind_is_hidden(view):
    x, y = 256.0, 256.0
    low = 0.002  # m above the table
    before, behind = [x, y + 45.0, x, y, 0.0], [x, y - 15.0, x, y, 0.0]
    before[1] = y + 135.0  # at the stem's end, towards the camera

    assert seen(view, view.render(before), before[:2], view.tool_height_m) == AGENT_RGB
    foot = seen(view, view.render(behind), (x, y - 2.0), low)
    top = seen(view, view.render(behind), behind[:2], view.tool_height_m)
    assert foot == BLOCK_RGB
    assert top == AGENT_RGB


@settings(max_examples=30)
@given(st.lists(st.floats(-1e6, 1e6), min_size=5, max_size=5))
def test_any_finite_state_is_drawn(view, state):
    assert view.render(state).shape == (480, 640, 3)


def test_the_same_state_gives_the_same_picture(view):
    first = view.render(STATE)
    kept = first.copy()
    first[:] = 0

    assert np.array_equal(view.render(STATE), kept)


def test_a_camera_within_the_scene_is_refused():
    camera = camera_matrix(640, 480, 1.0)
    with pytest.raises(ValueError, match="expected it above block and pusher"):
        PerspectiveView(T_cam_table=look_at((0.1, 0.5, -0.01), (0.15, 0.15, 0.0)), K=camera)
    with pytest.raises(ValueError, match="expected \\(4, 4\\) and \\(3, 3\\)"):
        PerspectiveView(T_cam_table=np.eye(3), K=camera)


def test_a_view_along_its_own_up_is_refused():
    with pytest.raises(ValueError, match="in line with up"):
        look_at((0.0, 1.0, 0.0), (0.0, 0.0, 0.0))


def test_a_state_that_is_not_finite_is_refused(view):
    with pytest.raises(ValueError, match="expected 5 finite numbers"):
        view.render([float("inf")] * 5)
