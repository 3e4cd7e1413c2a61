import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Polygon

from robotd.sim.pusht_geometry import (
    BLOCK_AREA_PX2,
    BLOCK_OUTLINE_PX,
    GOAL_POSE,
    SUCCESS_COVERAGE,
    coverage,
    from_block_frame,
    keypoints,
    mirror_pose,
    mirror_state,
    mirror_xy,
    parse_state,
    score,
)

RATIO_TOL = 1e-9
PX_TOL = 1e-9

near_goal = st.tuples(
    st.floats(80, 432), st.floats(80, 432), st.floats(-7, 7, allow_subnormal=False)
)
aligned = st.tuples(
    st.integers(160, 352),
    st.integers(160, 352),
    st.integers(-4, 4).map(lambda k: np.pi / 4 + k * np.pi / 2),
)
poses = st.one_of(near_goal, aligned)
states = st.tuples(st.floats(0, 512), st.floats(0, 512), near_goal).map(lambda s: [*s[:2], *s[2]])


def block(pose):
    return Polygon(from_block_frame(np.array(pose), BLOCK_OUTLINE_PX))


@given(poses)
def test_coverage_equals_the_area_that_shapely_finds(pose):
    goal = block(GOAL_POSE)

    expected = block(pose).intersection(goal).area / goal.area

    assert coverage(pose) == pytest.approx(expected, abs=RATIO_TOL)


@given(st.lists(poses, min_size=1, max_size=5))
def test_many_poses_at_once_give_the_same_coverage_as_one_by_one(rows):
    assert coverage(np.array(rows)).tolist() == [float(coverage(row)) for row in rows]


def test_coverage_is_one_on_the_goal_and_zero_away_from_it():
    assert coverage(GOAL_POSE) == pytest.approx(1.0, abs=1e-12)
    assert coverage([60.0, 60.0, 0.0]) == 0.0
    assert block(GOAL_POSE).area == pytest.approx(BLOCK_AREA_PX2, abs=1e-9)


def test_coverage_counts_a_whole_turn_as_none():
    turned = (*GOAL_POSE[:2], GOAL_POSE[2] + 2 * np.pi)

    assert coverage(turned) == pytest.approx(1.0, abs=1e-12)


@given(poses)
def test_a_mirrored_block_covers_as_much(pose):
    assert coverage(mirror_pose(pose)) == pytest.approx(float(coverage(pose)), abs=RATIO_TOL)


@given(poses)
def test_the_mirrored_pose_is_the_pose_of_the_mirrored_block(pose):
    mirrored = Polygon(mirror_xy(from_block_frame(np.array(pose), BLOCK_OUTLINE_PX)))

    apart = block(mirror_pose(pose)).symmetric_difference(mirrored)

    assert apart.area == pytest.approx(0.0, abs=1e-6)


@given(states)
def test_mirroring_twice_gives_the_state_back(state):
    back = mirror_state(mirror_state(state))

    np.testing.assert_allclose(back[:4], state[:4], atol=PX_TOL)
    assert np.cos(back[4] - state[4]) == pytest.approx(1.0, abs=1e-12)


def test_the_goal_is_its_own_mirror_image():
    np.testing.assert_allclose(mirror_pose(GOAL_POSE), GOAL_POSE, atol=1e-12)


@given(near_goal)
def test_key_points_move_rigidly_with_the_block(pose):
    x, y, angle = pose
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    moved = keypoints(pose)

    expected = keypoints([0.0, 0.0, 0.0]) @ rotation.T + (x, y)
    np.testing.assert_allclose(moved, expected, atol=PX_TOL)


def test_key_points_keep_leading_axes():
    rows = np.zeros((2, 3, 3))

    assert keypoints(rows).shape == (2, 3, 9, 2)


def test_the_score_reaches_one_at_the_success_coverage():
    below, at, above = SUCCESS_COVERAGE - 1e-6, SUCCESS_COVERAGE, 1.0

    np.testing.assert_allclose(score([0.0, at, above]), [0.0, 1.0, 1.0])
    assert score(below) < 1.0


@pytest.mark.parametrize("state", [[0.0] * 4, [[0.0] * 5], [0.0, 0.0, 0.0, 0.0, float("nan")]])
def test_a_state_of_another_shape_or_not_finite_is_refused(state):
    with pytest.raises(ValueError, match="expected 5 finite numbers"):
        parse_state(state)


def test_geometry_and_protocol_need_numpy_alone():
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['pymunk', 'cv2', 'shapely', 'torch']));"
        "import robotd.sim.pusht_geometry, robotd.sim.pusht_protocol"
    )

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
