"""Reader of the Push-T demonstrations: a zarr v2 store in a zip, or an npz of the same arrays.

The store's layout is that of Chi et al. 2023: `data/state` (N, 5), `data/action` (N, 2) and
`meta/episode_ends` (E,), each cut along its first axis into compressed chunks.
"""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from robotd.core.errors import DatasetError
from robotd.core.pusht_spec import AGENT_XY, BLOCK_POSE
from robotd.core.whole_file import whole_file
from robotd.episodes.source import Episodes, EpisodeSource

DT_S = 0.1
"""The demonstrations were recorded at 10 Hz."""

_COLUMNS = {"data/state": 5, "data/action": 2}
_ENDS = "meta/episode_ends"

Reader = Callable[[str], NDArray[Any]]


def load_replay(path: Path) -> Episodes:
    """Read the demonstrations.

    Args:
        path: `.zarr.zip` (needs numcodecs), or `.npz` with the arrays `state`, `action` and
            `episode_ends`, and `dt_s` and `command_filter` where they are not the benchmark's.

    Returns:
        Episodes with `agent_xy` (N, 2) [board px], `block_pose` (N, 3) [px, px, rad] and
        `action` (N, 2) [board px].

    Raises:
        DatasetError: Missing, truncated or damaged, or of another layout; the message says which.
    """
    if not path.is_file():
        raise DatasetError(f"{path}: no such file or data set")
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if f"{_ENDS}/.zarray" in names:
                read = _zarr_reader(archive, path)
            elif "episode_ends.npy" in names:
                read = _npz_reader(archive)
            else:
                raise DatasetError(
                    f"{path}: another layout: neither {_ENDS}/.zarray nor episode_ends.npy is in it"
                )
            ends = read(_ENDS).astype(np.int64)
            columns = {name: read(name).astype(np.float32) for name in _COLUMNS}
            dt_s = float(read("dt_s")) if "dt_s.npy" in names else DT_S
            given = "command_filter.npy" in names
            command_filter = str(read("command_filter")) if given else "pusht_pd"
    except zipfile.BadZipFile as error:
        raise DatasetError(f"{path}: truncated, or not a zip file: {error}") from error
    except KeyError as error:
        raise DatasetError(f"{path}: truncated or of another layout: {error.args[0]}") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error}") from error
    except (ValueError, RuntimeError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path}: damaged: {error}") from error
    _check(path, ends, columns)
    if not 0 < dt_s < 10 or command_filter not in ("none", "pusht_pd"):
        raise DatasetError(f"{path}: of another layout: dt_s {dt_s}, filter {command_filter!r}")
    state, action = columns["data/state"], columns["data/action"]
    return Episodes(
        arrays={AGENT_XY: state[:, :2], BLOCK_POSE: state[:, 2:], "action": action},
        lengths=np.diff(ends, prepend=0),
        dt_s=dt_s,
        sha256=_sha256(path),
        command_filter=command_filter,
    )


def save_npz(episodes: EpisodeSource, target: Path) -> None:
    """Write demonstrations as an npz that needs no other package to be read.

    Raises:
        DatasetError: The target cannot be written.
    """
    arrays = episodes.arrays
    try:
        with whole_file(target) as partial, partial.open("wb") as file:
            np.savez_compressed(
                file,
                state=np.concatenate([arrays[AGENT_XY], arrays[BLOCK_POSE]], axis=1),
                action=arrays["action"],
                episode_ends=np.cumsum(episodes.lengths),
                dt_s=np.array(episodes.dt_s),
                command_filter=np.array(episodes.command_filter or "pusht_pd"),
            )
    except OSError as error:
        raise DatasetError(f"{target}: cannot be written: {error}") from error


def _check(path: Path, ends: NDArray[np.int64], columns: dict[str, NDArray[np.float32]]) -> None:
    if ends.ndim != 1 or ends.size == 0 or int(np.diff(ends, prepend=0).min()) < 1:
        raise DatasetError(f"{path}: {_ENDS}: expected growing episode ends, got {ends[:5]}…")
    for name, width in _COLUMNS.items():
        shape = columns[name].shape
        if len(shape) != 2 or shape[1] != width:
            raise DatasetError(f"{path}: {name}: got shape {shape}, expected (N, {width})")
        if shape[0] != ends[-1]:
            raise DatasetError(
                f"{path}: truncated: {name} has {shape[0]} rows, the episodes end at {ends[-1]}"
            )
        if not bool(np.isfinite(columns[name]).all()):
            raise DatasetError(f"{path}: {name}: holds a value that is not finite")


def _npz_reader(archive: zipfile.ZipFile) -> Reader:
    def read(name: str) -> NDArray[Any]:
        member = f"{name.rpartition('/')[2]}.npy"
        with archive.open(member) as file:
            try:
                return np.lib.format.read_array(file, allow_pickle=False)
            except ValueError as error:
                raise DatasetError(f"{archive.filename}: {member}: damaged: {error}") from error

    return read


def _zarr_reader(archive: zipfile.ZipFile, path: Path) -> Reader:
    try:
        import numcodecs  # only here: a machine that trains from an npz has no numcodecs
    except ImportError as error:
        raise DatasetError(
            f"{path}: reading zarr needs numcodecs: pip install 'robotd[server]', "
            "or give an .npz made by `python -m policy_server export-npz`"
        ) from error

    def read(name: str) -> NDArray[Any]:
        meta = cast("dict[str, Any]", json.loads(archive.read(f"{name}/.zarray")))
        try:
            if meta["zarr_format"] != 2 or meta["order"] != "C" or meta["filters"]:
                raise DatasetError(f"{path}: {name}: of another layout: not plain zarr v2")
            shape, chunk = tuple(meta["shape"]), tuple(meta["chunks"])
            dtype, compressor = np.dtype(meta["dtype"]), meta["compressor"]
        except (KeyError, TypeError) as error:
            raise DatasetError(f"{path}: {name}/.zarray: of another layout: {error}") from error
        if shape[1:] != chunk[1:]:
            raise DatasetError(f"{path}: {name}: of another layout: chunked along a later axis")
        codec = numcodecs.get_codec(compressor) if compressor else None
        parts: list[NDArray[Any]] = []
        for index in range(-(-shape[0] // chunk[0])):
            member = ".".join([f"{name}/{index}", *("0" for _ in shape[1:])])
            raw = archive.read(member)
            try:
                data = raw if codec is None else cast("bytes", codec.decode(raw))
                flat: NDArray[Any] = np.frombuffer(data, dtype)
            except (RuntimeError, ValueError) as error:
                raise DatasetError(f"{path}: {member}: damaged: {error}") from error
            if flat.size != prod(chunk):
                raise DatasetError(f"{path}: {member}: truncated: {flat.size} of {prod(chunk)}")
            parts.append(flat.reshape(chunk))
        return np.concatenate(parts)[: shape[0]]

    return read


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
