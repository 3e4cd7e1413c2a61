import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

numcodecs = pytest.importorskip("numcodecs")

from robotd.core.errors import DatasetError  # noqa: E402
from robotd.episodes.replay_zip import load_replay, save_npz  # noqa: E402

DEMONSTRATIONS = (
    Path(__file__).parents[2].parent / "shared" / "data" / "pusht_cchi_v7_replay.zarr.zip"
)
CODEC = numcodecs.Blosc(cname="zstd", clevel=5, shuffle=2)
CHUNK = 8


def some_arrays():
    generator = np.random.default_rng(0)
    return {
        "data/state": generator.uniform(0, 500, (21, 5)).astype("<f4"),
        "data/action": generator.uniform(0, 500, (21, 2)).astype("<f4"),
        "meta/episode_ends": np.array([10, 21], dtype="<i8"),
    }


def as_members(arrays):
    """Return the files of a zarr v2 store, by name."""
    members = {".zgroup": b'{"zarr_format": 2}'}
    for name, array in arrays.items():
        chunk = (CHUNK, *array.shape[1:])
        meta = {
            "zarr_format": 2,
            "shape": array.shape,
            "chunks": chunk,
            "dtype": array.dtype.str,
            "compressor": CODEC.get_config(),
            "fill_value": 0,
            "order": "C",
            "filters": None,
        }
        members[f"{name}/.zarray"] = json.dumps(meta).encode()
        for index in range(-(-len(array) // CHUNK)):
            padded = np.zeros(chunk, array.dtype)
            part = array[index * CHUNK : (index + 1) * CHUNK]
            padded[: len(part)] = part
            key = ".".join([str(index), *("0" for _ in chunk[1:])])
            members[f"{name}/{key}"] = CODEC.encode(padded)
    return members


def write_zip(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_reads_what_was_stored(tmp_path):
    arrays = some_arrays()
    path = write_zip(tmp_path / "replay.zarr.zip", as_members(arrays))

    episodes = load_replay(path)

    assert np.array_equal(episodes.arrays["agent_xy"], arrays["data/state"][:, :2])
    assert np.array_equal(episodes.arrays["block_pose"], arrays["data/state"][:, 2:])
    assert np.array_equal(episodes.arrays["action"], arrays["data/action"])
    assert episodes.lengths.tolist() == [10, 11]
    assert len(episodes.sha256) == 64


def test_an_npz_holds_the_same(tmp_path):
    path = write_zip(tmp_path / "replay.zarr.zip", as_members(some_arrays()))
    save_npz(load_replay(path), tmp_path / "replay.npz")

    first, second = load_replay(path), load_replay(tmp_path / "replay.npz")

    assert first.lengths.tolist() == second.lengths.tolist()
    for key, array in first.arrays.items():
        assert np.array_equal(array, second.arrays[key])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"none\.zip: no such file or data set"):
        load_replay(tmp_path / "none.zip")


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.99])
def test_a_truncated_file_is_one_line(tmp_path, kept):
    path = write_zip(tmp_path / "replay.zarr.zip", as_members(some_arrays()))
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data)) if kept < 1 else kept])

    with pytest.raises(DatasetError, match="truncated") as caught:
        load_replay(path)
    assert "\n" not in str(caught.value)


def change_meta(members, name, **values):
    meta = json.loads(members[f"{name}/.zarray"]) | values
    members[f"{name}/.zarray"] = json.dumps(meta).encode()


def drop_chunk(members):
    del members["data/state/1.0"]


def drop_array(members):
    del members["data/action/.zarray"]


def flip_bytes(members):
    chunk = bytearray(members["data/state/1.0"])
    chunk[:16] = b"\xff" * 16
    members["data/state/1.0"] = bytes(chunk)


def short_chunk(members):
    members["data/state/1.0"] = CODEC.encode(np.zeros((2, 5), "<f4"))


def other_version(members):
    change_meta(members, "data/state", zarr_format=3)


def other_axis(members):
    change_meta(members, "data/state", chunks=[8, 2])


def no_chunks(members):
    meta = json.loads(members["data/state/.zarray"])
    del meta["chunks"]
    members["data/state/.zarray"] = json.dumps(meta).encode()


def not_json(members):
    members["data/state/.zarray"] = b"{"


def unknown_codec(members):
    change_meta(members, "data/state", compressor={"id": "no-such-codec"})


def no_ends(members):
    for name in [name for name in members if name.startswith("meta")]:
        del members[name]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (drop_chunk, r"data/state/1\.0"),
        (drop_array, r"data/action/\.zarray"),
        (flip_bytes, r"data/state/1\.0: damaged"),
        (short_chunk, r"data/state/1\.0: truncated"),
        (other_version, "another layout"),
        (other_axis, "another layout"),
        (no_chunks, "another layout"),
        (not_json, "damaged"),
        (unknown_codec, "no-such-codec"),
        (no_ends, "another layout"),
    ],
)
def test_a_damaged_store_is_one_line_that_names_the_part(tmp_path, damage, says):
    members = as_members(some_arrays())
    damage(members)
    path = write_zip(tmp_path / "replay.zarr.zip", members)

    with pytest.raises(DatasetError, match=says) as caught:
        load_replay(path)
    assert "\n" not in str(caught.value)
    assert "replay.zarr.zip" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("data/state", np.zeros((21, 4), "<f4"), r"got shape \(21, 4\), expected \(N, 5\)"),
        ("data/action", np.zeros((20, 2), "<f4"), "truncated: data/action has 20 rows"),
        ("data/action", np.full((21, 2), np.nan, "<f4"), "not finite"),
        ("meta/episode_ends", np.array([10, 10, 21]), "growing episode ends"),
        ("meta/episode_ends", np.array([10, 25]), "truncated"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, name, value, says):
    path = write_zip(tmp_path / "replay.zarr.zip", as_members(some_arrays() | {name: value}))

    with pytest.raises(DatasetError, match=says):
        load_replay(path)


def test_an_npz_with_objects_in_it_is_refused(tmp_path):
    objects = np.array([{"a": 1}], dtype=object)
    np.savez(tmp_path / "bad.npz", state=objects, action=objects, episode_ends=objects)

    with pytest.raises(DatasetError, match="damaged"):
        load_replay(tmp_path / "bad.npz")


@pytest.mark.skipif(not DEMONSTRATIONS.is_file(), reason="the demonstrations are not here")
def test_the_human_demonstrations_are_what_they_are_known_to_be():
    episodes = load_replay(DEMONSTRATIONS)

    assert len(episodes.lengths) == 206
    assert int(episodes.lengths.sum()) == 25_650
    assert episodes.sha256.startswith("96b51460")
    assert episodes.arrays["action"].min(axis=0).tolist() == [12, 25]
    assert episodes.arrays["action"].max(axis=0).tolist() == [511, 511]
