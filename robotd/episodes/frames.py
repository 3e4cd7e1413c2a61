"""Pictures as a policy sees them: decoded once, then mapped into memory by whoever needs them."""

import fcntl
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from robotd.core.errors import DatasetError
from robotd.core.image import ImageSpec, to_policy
from robotd.core.whole_file import whole_file
from robotd.episodes.reader import Episode

_VERSION: Final = "frames 1"
"""Another one where decoding or `to_policy` gives other pixels."""


def cache_folder() -> Path:
    """Return `$XDG_CACHE_HOME/robotd/frames`, by default below `~/.cache`."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(home) if Path(home).is_absolute() else Path.home() / ".cache"
    return base / "robotd" / "frames"


def policy_frames(
    episode: Episode,
    camera: str,
    spec: ImageSpec,
    *,
    folder: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.uint8]:
    """Return all pictures of a camera, each through `core.image.to_policy`.

    The first call decodes them into a file, named after the log's sha256, the camera and the
    spec; later ones, in this process or another, map that file. Row i belongs to row i of
    `episode.streams.cameras[camera]`, so that `views.nearest` chooses among them by capture time.

    Args:
        episode: Where they are.
        camera: Its name.
        spec: Size and transform.
        folder: Of the files; default `cache_folder()`.
        on_progress: Told while decoding how many pictures are done, of how many.

    Returns:
        (N, spec.height, spec.width, 3) uint8, RGB, read-only.

    Raises:
        DatasetError: No such camera, a damaged picture, or the file cannot be written.
    """
    count = len(episode.times_of(camera))
    shape = (count, spec.height, spec.width, 3)
    if not count:
        return np.empty(shape, np.uint8)
    home = folder or cache_folder()
    path = home / f"{_key(episode, camera, spec)}.npy"
    if (found := _mapped(path, shape)) is not None:
        return found
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            if (found := _mapped(path, shape)) is None:  # nobody made it while we waited
                with whole_file(path) as partial:
                    _decode(episode, camera, spec, partial, shape, on_progress)
                found = _mapped(path, shape)
    except OSError as error:
        raise DatasetError(
            f"{path}: pictures cannot be kept: {error.strerror}; make room, or choose another "
            "folder by XDG_CACHE_HOME"
        ) from error
    if found is None:
        raise DatasetError(f"{path}: what was just written cannot be read")
    return found


def _key(episode: Episode, camera: str, spec: ImageSpec) -> str:
    parts = (_VERSION, episode.about.log_sha256, camera, msgspec.json.encode(spec).decode())
    return sha256("\n".join(parts).encode()).hexdigest()


def _mapped(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Map a file, where it is there and what it should be."""
    try:
        frames = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError):
        return None
    return frames if frames.shape == shape and frames.dtype == np.uint8 else None


def _decode(
    episode: Episode,
    camera: str,
    spec: ImageSpec,
    path: Path,
    shape: tuple[int, ...],
    on_progress: Callable[[int, int], None] | None,
) -> None:
    layout = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with path.open("wb") as file:  # not through a mapping, which a full disk turns into a crash
        np.lib.format.write_array_header_1_0(file, layout)
        for row, rgb in enumerate(episode.frames(camera), start=1):
            file.write(to_policy(rgb, spec).tobytes())
            if on_progress is not None:
                on_progress(row, shape[0])


@contextmanager
def _alone(path: Path) -> Generator[None]:
    """Be the only process that makes this file; others wait here."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
