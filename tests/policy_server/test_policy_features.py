import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from policy_server.features import FEATURES, PushtBlockFrame, PushtKeypoints  # noqa: E402
from policy_server.normalizer import MinMax, fit_min_max  # noqa: E402
from policy_server.training.mirror import mirrored, with_mirror  # noqa: E402
from robotd.sim.pusht_geometry import coverage, keypoints  # noqa: E402


def test_features_are_the_key_points_and_the_agent():
    agent, pose = np.array([[10.0, 20.0]]), np.array([[256.0, 300.0, 1.0]])

    features = PushtKeypoints().encode({"agent_xy": agent, "block_pose": pose})

    assert features.shape == (1, 20)
    assert np.allclose(features[0, :18].reshape(9, 2), keypoints(pose[0]))
    assert np.array_equal(features[0, 18:], agent[0])


def test_features_do_not_jump_where_the_angle_does():
    def encode(angle):
        return PushtKeypoints().encode(
            {"agent_xy": np.zeros((1, 2)), "block_pose": np.array([[200.0, 200.0, angle]])}
        )

    assert np.allclose(encode(1e-6), encode(2 * np.pi - 1e-6), atol=1e-3)


def test_features_take_windows_of_batches():
    arrays = {"agent_xy": np.zeros((4, 2, 2)), "block_pose": np.zeros((4, 2, 3))}

    assert PushtKeypoints().encode(arrays).shape == (4, 2, 20)


board = st.floats(0, 512)
places = st.tuples(board, board)
poses = st.tuples(board, board, st.floats(0, 2 * np.pi))


def observed(agent, pose):
    return {"agent_xy": np.array(agent), "block_pose": np.array(pose)}


@pytest.mark.parametrize("kind", FEATURES)
@given(agent=places, pose=poses, actions=st.lists(places, min_size=1, max_size=4))
def test_actions_come_back_as_they_were(kind, agent, pose, actions):
    features, arrays = FEATURES[kind](), observed(agent, pose)

    there = features.encode_actions(np.array(actions), arrays)

    assert np.allclose(features.decode_actions(there, arrays), actions, atol=1e-9)


@given(
    agent=places, pose=poses, by=places, turn=st.floats(-4, 4), actions=st.lists(places, min_size=1)
)
def test_from_the_block_a_push_looks_the_same_wherever_it_lies(agent, pose, by, turn, actions):
    def moved(xy):
        turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        return np.array(xy) @ turned.T + by

    here = observed(agent, pose)
    there = observed(moved(agent), (*moved(pose[:2]), pose[2] + turn))
    features = PushtBlockFrame()

    assert np.allclose(features.encode(here)[:2], features.encode(there)[:2], atol=1e-6)
    assert np.allclose(
        features.encode_actions(np.array(actions), here),
        features.encode_actions(moved(actions), there),
        atol=1e-6,
    )


def test_from_the_block_the_goal_is_where_it_is():
    features = PushtBlockFrame(goal_pose=(100.0, 200.0, 0.0))
    arrays = {
        "agent_xy": np.zeros((3, 2, 2)),
        "block_pose": np.full((3, 2, 3), (100.0, 150.0, np.pi / 2)),
    }

    encoded = features.encode(arrays)

    assert encoded.shape == (3, 2, features.width)
    assert encoded[2, 1, 2:].tolist() == pytest.approx([50, 0, 100, 150, 0, 0, 0, 1], abs=1e-9)


def test_min_max_maps_the_training_range_to_one():
    values = np.array([[0.0, -5.0], [10.0, 5.0], [4.0, 0.0]])
    ranges = fit_min_max(values)

    normalised = ranges.normalize(values)

    assert normalised.dtype == np.float32
    assert normalised.min(axis=0).tolist() == [-1.0, -1.0]
    assert normalised.max(axis=0).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("spread", [0.0, 0.9e-4])
def test_a_constant_dimension_maps_to_zero_unstretched(spread):
    ranges = fit_min_max(np.array([[7.0, 0.0], [7.0 + spread, 1.0]]))

    normalised = ranges.normalize(np.array([[7.0, 0.5], [8.0, 0.5]]))

    assert normalised[0, 0] == pytest.approx(0.0, abs=1e-4)
    assert normalised[1, 0] == pytest.approx(1.0, abs=1e-4)
    assert ranges.unnormalize(np.zeros((1, 2)))[0, 0] == pytest.approx(7.0, abs=1e-4)


def test_a_dimension_just_above_constant_is_stretched():
    ranges = fit_min_max(np.array([[0.0], [1.1e-4]]))

    assert ranges.normalize(np.array([[1.1e-4]]))[0, 0] == pytest.approx(1.0)


@given(
    low=st.floats(-500, 500),
    spread=st.floats(0, 500),
    value=st.floats(-1000, 1000),
)
def test_unnormalising_undoes_normalising(low, spread, value):
    ranges = MinMax(minimum=(low,), maximum=(low + spread,))

    there_and_back = ranges.unnormalize(ranges.normalize(np.array([value])))

    tolerance = 1e-3 if spread < 1 else 1e-3 * (1 + spread / 100)
    scale = 1.0 if spread < 1e-4 else max(1.0, 1000 / spread * 1e-3)
    assert there_and_back[0] == pytest.approx(value, abs=tolerance * scale)


@pytest.mark.parametrize(
    "values",
    [
        {"minimum": [1.0], "maximum": [0.0]},
        {"minimum": [0.0], "maximum": [1.0, 2.0]},
        {"minimum": [float("nan")], "maximum": [0.0]},
    ],
)
def test_refuses_ranges_that_are_none(values):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(values, MinMax)


def test_mirroring_twice_changes_nothing(episodes):
    twice = mirrored(mirrored(episodes))

    for key, array in episodes.arrays.items():
        assert np.allclose(twice.arrays[key], array, atol=1e-4)


def test_mirroring_keeps_coverage_and_distances(episodes):
    mirror = mirrored(episodes)

    for key in ("agent_xy", "action"):
        before = np.linalg.norm(episodes.arrays[key] - episodes.arrays["block_pose"][:, :2], axis=1)
        after = np.linalg.norm(mirror.arrays[key] - mirror.arrays["block_pose"][:, :2], axis=1)
        assert np.allclose(before, after, atol=1e-3)
    assert np.allclose(
        coverage(episodes.arrays["block_pose"]), coverage(mirror.arrays["block_pose"]), atol=1e-5
    )


def test_mirror_images_follow_the_episodes(episodes):
    both = with_mirror(episodes)

    assert both.lengths.tolist() == episodes.lengths.tolist() * 2
    assert np.array_equal(
        both.arrays["action"][: len(episodes.arrays["action"])], episodes.arrays["action"]
    )
