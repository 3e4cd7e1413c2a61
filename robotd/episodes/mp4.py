"""What a camera saw in an episode, as an mp4 file."""

from collections.abc import Iterator
from pathlib import Path

from robotd.core.errors import DatasetError
from robotd.core.whole_file import whole_file
from robotd.episodes.items import Picture
from robotd.episodes.reader import Episode
from robotd.episodes.topics import camera_topic
from robotd.episodes.video import make_encoder, write_mp4


def export_mp4(episode: Episode, camera: str, path: Path) -> int:
    """Write what was recorded; return how many pictures it shows, at their capture times.

    Recorded H.264 goes into the file as it is; pictures of other codecs are compressed.

    Raises:
        DatasetError: There is no such camera, no picture of it, or a damaged one.
        OSError: The disk is full, or the folder is not there. What was at `path` before stays.
    """
    times = episode.times_of(camera)
    info = episode.about.origin.cameras[camera]
    pictures = _recorded(episode, camera) if info.codec == "h264" else _compressed(episode, camera)
    shown = zip(pictures, times.t_capture_ns.tolist(), strict=False)
    with whole_file(path) as partial:
        return write_mp4(partial, shown)


def _recorded(episode: Episode, camera: str) -> Iterator[bytes]:
    for _, item in episode.items((camera_topic(camera),)):
        if isinstance(item, Picture):
            yield item.data


def _compressed(episode: Episode, camera: str) -> Iterator[bytes]:
    info = episode.about.origin.cameras[camera]
    if info.width_px % 2 or info.height_px % 2:
        raise DatasetError(
            f"{episode.folder.name}: {camera} has odd sides, {info.width_px} x "
            f"{info.height_px} px: no mp4 shows that"
        )
    encoder = make_encoder("h264", width_px=info.width_px, height_px=info.height_px, fps=info.fps)
    for rgb in episode.frames(camera):
        yield encoder.encode(rgb)[0]
