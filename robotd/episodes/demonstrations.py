"""One way in to demonstrations, whatever they are kept as: a data set of episodes, zarr or npz."""

import hashlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct

from robotd.core.config import TaskConfig
from robotd.core.errors import DatasetError
from robotd.core.journal import Kind, Label
from robotd.core.pusht_spec import AGENT_XY, BLOCK_POSE
from robotd.episodes.replay_zip import load_replay
from robotd.episodes.source import Episodes

_VIEW: Final = "pusht-state 2"
"""Names what `pusht_view` makes of episodes: another number where it makes something else."""

_log = logging.getLogger(__name__)


class Selection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which episodes of a data set are learnt from; a zarr or npz is taken whole."""

    episodes: tuple[str, ...] = ()
    """Exactly these, whatever they are; by default all that the other values allow."""
    kinds: tuple[Kind, ...] = ("collect",)
    labels: tuple[Label, ...] = ("", "success")
    min_score: float | None = None
    """Only those with a score, and at least this one."""
    skip_damaged: bool = False
    """Leave damaged episodes and what a crash left open out, with a warning, instead of refusing.
    """


def load_demonstrations(
    path: Path,
    selection: Selection | None = None,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> Episodes:
    """Read demonstrations.

    Args:
        path: A data set's folder, a `.zarr.zip` or an `.npz`.
        selection: Which episodes of a data set.
        on_progress: Told after each episode of a data set how many are read, of how many.

    Raises:
        DatasetError: Missing or damaged, of another layout, nothing to learn from in it, or
            episodes that do not go together.
    """
    if not path.is_dir():
        return load_replay(path)
    try:
        from robotd.episodes.dataset import episodes, holder, open_episodes
        from robotd.episodes.episode_file import FILE_NAME
    except ImportError as error:
        raise _needs_packages(path, error) from error
    if (path / FILE_NAME).exists():
        raise DatasetError(f"{path}: is one episode; give its data set, the folder around it")
    if (path / ".zgroup").exists():
        raise DatasetError(f"{path}: is an unpacked zarr store; give it as .zarr.zip")
    chosen = selection or Selection()
    names, left_open = episodes(path), open_episodes(path)
    if left_open and not holder(path):
        line = f"{path}: a crash left {', '.join(left_open)} open; run: robotd dataset recover"
        _refuse_or_warn(DatasetError(f"{line} {path}"), chosen)
    if not names:
        raise DatasetError(f"{path}: no complete episode in it; record some: robotd collect")
    return _viewed(path, _chosen(path, names, chosen), chosen, on_progress)


def _chosen(path: Path, names: list[str], selection: Selection) -> list[str]:
    """Return the names of the episodes wanted, by their descriptions alone."""
    from robotd.episodes.episode_file import read_episode_file

    if unknown := sorted(set(selection.episodes) - set(names)):
        raise DatasetError(f"{path}: no complete episode {', '.join(unknown)} in it")
    if selection.episodes:
        return sorted(set(selection.episodes))
    found: list[str] = []
    for name in names:
        try:
            about = read_episode_file(path / name)
        except DatasetError as error:
            _refuse_or_warn(error, selection)
            continue
        good = selection.min_score is None or about.score >= max(0.0, selection.min_score)
        if about.origin.kind in selection.kinds and about.label in selection.labels and good:
            found.append(name)
    if not found:
        wanted = msgspec.json.encode(selection).decode()
        raise DatasetError(f"{path}: none of its {len(names)} episodes is as wanted: {wanted}")
    return found


def _viewed(
    path: Path,
    names: list[str],
    selection: Selection,
    on_progress: Callable[[int, int], None] | None,
) -> Episodes:
    try:
        from robotd.episodes.pusht_view import DT_S, Stretch, stretches_of
        from robotd.episodes.reader import Episode
    except ImportError as error:
        raise _needs_packages(path, error) from error
    stretches: list[Stretch] = []
    tasks: dict[str, TaskConfig] = {}
    digest = hashlib.sha256(f"{_VIEW} {DT_S}\n".encode())
    reasons: list[str] = []
    for done, name in enumerate(names, start=1):
        try:
            episode = Episode(path / name)
            task = episode.cell.task
        except DatasetError as error:
            _refuse_or_warn(error, selection)
            continue
        try:
            stretches += stretches_of(episode)
            tasks[name] = task
            digest.update(f"{name} {episode.about.log_sha256}\n".encode())
        except DatasetError as error:
            reasons.append(str(error))
            _log.warning("%s; left out", error)
        if on_progress is not None:
            on_progress(done, len(names))
    if not stretches:
        why = f"; for example {reasons[0]}" if reasons else ""
        raise DatasetError(f"{path}: nothing to learn from in {len(names)} episodes{why}")
    _check_alike(path, tasks)
    columns = {
        AGENT_XY: [stretch.agent_xy for stretch in stretches],
        BLOCK_POSE: [stretch.block_pose for stretch in stretches],
        "action": [stretch.action for stretch in stretches],
    }
    return Episodes(
        arrays={key: np.concatenate(parts).astype(np.float32) for key, parts in columns.items()},
        lengths=np.array([len(stretch.t_ns) for stretch in stretches], dtype=np.int64),
        dt_s=DT_S,
        sha256=digest.hexdigest(),
        command_filter=next(iter(tasks.values())).command_filter,
    )


def _check_alike(path: Path, tasks: Mapping[str, TaskConfig]) -> None:
    """Refuse episodes of which one policy cannot learn: another board, another command filter."""
    first, task = next(iter(tasks.items()))
    for name, other in tasks.items():
        for key in ("kind", "board_m", "command_filter"):
            if getattr(other, key) != getattr(task, key):
                raise DatasetError(
                    f"{path}: episodes do not go together: {first} has task.{key} = "
                    f"{getattr(task, key)}, {name} has {getattr(other, key)}; choose some by name"
                )


def _refuse_or_warn(error: DatasetError, selection: Selection) -> None:
    if not selection.skip_damaged:
        raise DatasetError(f"{error}; or leave it out: --skip-damaged") from error
    _log.warning("%s; left out", error)


def _needs_packages(path: Path, error: ImportError) -> DatasetError:
    return DatasetError(
        f"{path}: reading episodes needs {error.name}: pip install mcap lz4 protobuf "
        "foxglove-schemas-protobuf, or give an .npz made by `python -m policy_server export-npz`"
    )
