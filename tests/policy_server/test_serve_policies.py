"""The two policies without a network."""

import numpy as np
import pytest

from policy_server.constant import ConstantPolicy
from policy_server.replay import ReplayPolicy
from robotd.core.errors import DatasetError
from robotd.core.types import PolicyRequest


def request_of(seed=0, x=0.0):
    arrays = {
        "agent_xy": np.array([[0, 0], [x, 2]], np.float32),
        "block_pose": np.zeros((2, 3), np.float32),
    }
    return PolicyRequest(arrays=arrays, seed=seed)


def test_the_constant_policy_holds_the_newest_place():
    chunks = ConstantPolicy().infer([request_of(x=5.0), request_of(x=6.0)])

    assert [chunk.shape for chunk in chunks] == [(15, 2)] * 2
    assert [chunk.dtype for chunk in chunks] == [np.float32] * 2
    assert (chunks[0] == [5, 2]).all()
    assert (chunks[1] == [6, 2]).all()


def test_seeds_that_count_requests_replay_the_recording_in_order():
    actions = np.arange(40, dtype=np.float32).reshape(20, 2)
    policy = ReplayPolicy(actions)

    executed = [chunk[:8] for chunk in policy.infer([request_of(seed) for seed in range(3)])]

    np.testing.assert_array_equal(np.concatenate(executed)[:20], actions)
    assert (executed[2][4:] == actions[-1]).all()


def test_the_recording_begins_again_after_its_end():
    policy = ReplayPolicy(np.arange(40, dtype=np.float32).reshape(20, 2))

    first, fourth = policy.infer([request_of(0), request_of(3)])

    np.testing.assert_array_equal(first, fourth)


def test_a_recording_is_read_from_a_file(tmp_path):
    np.savez(tmp_path / "r.npz", actions=np.ones((3, 2)))

    (chunk,) = ReplayPolicy.load(tmp_path / "r.npz").infer([request_of()])

    assert chunk.dtype == np.float32
    assert (chunk == 1).all()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        (b"", "readable"),
        (b"PK\x03\x04 truncated", "readable"),
        (b"\x93NUMPY", "readable"),
        ({"other": np.ones((3, 2))}, "actions"),
        ({"actions": np.ones((3, 3))}, r"\(3, 3\)"),
        ({"actions": np.ones((0, 2))}, r"\(0, 2\)"),
        ({"actions": np.full((3, 2), np.nan)}, "finite"),
        ({"actions": np.array([{}], dtype=object)}, "readable"),
    ],
)
def test_a_recording_that_is_none_is_refused_in_one_line(tmp_path, content, words):
    path = tmp_path / "r.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        np.savez(path, **content)

    with pytest.raises(DatasetError, match=words) as caught:
        ReplayPolicy.load(path)
    assert "\n" not in str(caught.value)


def test_a_npy_file_is_refused(tmp_path):
    with (tmp_path / "r.npz").open("wb") as file:
        np.save(file, np.ones((3, 2)))

    with pytest.raises(DatasetError):
        ReplayPolicy.load(tmp_path / "r.npz")
