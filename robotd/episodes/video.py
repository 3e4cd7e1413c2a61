"""Pictures of a camera as compressed bytes, and back: H.264, JPEG or PNG.

H.264 has no B-frames and no delay: one picture in, one access unit out, in Annex B. A key frame
with its parameter sets comes twice a second or more often, so that a decoder may begin there. Both
directions convert colours by OpenCV's I420 (BT.601, limited range, which the stream says), so that
every reader of this code sees the same pixels. RGB everywhere.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from io import BytesIO
from itertools import chain, dropwhile
from pathlib import Path
from typing import Final, Literal, Protocol

import av
import cv2
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from robotd.core.clock import S
from robotd.core.errors import DatasetError, one_line

Codec = Literal["h264", "jpeg", "png"]
KEY_EVERY_S: Final = 0.5
"""A decoder never has to begin further back than this [s]."""

US: Final = 1000
"""Nanoseconds in a tick of an mp4 file's clock."""

_BT601, _LIMITED = 6, 1
_START = b"\x00\x00\x01"
_SPS, _NAL_TYPE = 7, 0x1F
_SEARCH_BYTES = 64
"""Parameter sets stand at the beginning of an access unit."""


class Encoder(Protocol):
    """Compresses the pictures of one camera, in their order; used by one thread at a time."""

    def encode(self, rgb: NDArray[np.uint8]) -> tuple[bytes, bool]:
        """Return the bytes of one (H, W, 3) uint8 picture, and whether a decoder may begin there.

        Raises:
            ValueError: Another size than the encoder was made for.
        """
        ...


class Decoder(Protocol):
    """Takes pictures out of their bytes, in their order; used by one thread at a time.

    Attributes:
        skipped_n: Pictures so far for which there was no key frame to begin with.
    """

    skipped_n: int

    def decode(self, data: bytes) -> NDArray[np.uint8] | None:
        """Return one (H, W, 3) uint8 picture; None before the first key frame.

        Raises:
            DatasetError: The bytes are damaged; the decoder waits for the next key frame.
        """
        ...


def make_encoder(
    codec: Codec,
    *,
    width_px: int,
    height_px: int,
    fps: float,
    crf: int = 20,
    preset: str = "superfast",
    jpeg_quality: int = 90,
) -> Encoder:
    """Return the encoder of one camera.

    Args:
        codec: `h264`, `jpeg`, or `png`, which loses nothing.
        width_px: Of every picture; even for `h264`.
        height_px: Likewise.
        fps: Nominal rate; a key frame comes every half second at this rate.
        crf: Of `h264`: 0 best.
        preset: Of `h264`: x264's.
        jpeg_quality: Of `jpeg`, 1 to 100.

    Raises:
        ValueError: `h264` with an odd side.
    """
    if codec == "h264":
        return _H264Encoder(width_px, height_px, fps, crf, preset)
    return _ImageEncoder(codec, width_px, height_px, jpeg_quality)


def make_decoder(codec: Codec, *, width_px: int, height_px: int) -> Decoder:
    """Return a decoder for the pictures of one camera, which are all of that size."""
    if codec == "h264":
        return _H264Decoder(width_px, height_px)
    return _ImageDecoder(codec, width_px, height_px)


class _H264Encoder:
    def __init__(self, width_px: int, height_px: int, fps: float, crf: int, preset: str) -> None:
        if width_px % 2 or height_px % 2:
            raise ValueError(
                f"h264: got {width_px} x {height_px} px, expected even sides; record it as jpeg"
            )
        self._shape = (height_px, width_px, 3)
        key_n = max(1, int(fps * KEY_EVERY_S))
        context = av.CodecContext.create("libx264", "w")
        context.width, context.height = width_px, height_px
        context.pix_fmt = "yuv420p"
        context.framerate = Fraction(fps).limit_denominator(1000)
        context.time_base = 1 / context.framerate
        context.thread_count = 1
        context.color_range, context.colorspace = _LIMITED, _BT601
        context.color_primaries = context.color_trc = _BT601
        context.options = {
            "preset": preset,
            "tune": "zerolatency",
            "crf": str(crf),
            "x264-params": (
                f"keyint={key_n}:min-keyint={key_n}:scenecut=0:bframes=0:repeat-headers=1:annexb=1"
            ),
        }
        self._context, self._count = context, 0

    def encode(self, rgb: NDArray[np.uint8]) -> tuple[bytes, bool]:
        _check_size(rgb, self._shape)
        i420 = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420), np.uint8)
        frame = av.VideoFrame.from_ndarray(i420, format="yuv420p")
        frame.pts = self._count  # its own count: the file says when it was
        self._count += 1
        (packet,) = self._context.encode(frame)
        return bytes(packet), packet.is_keyframe


class _H264Decoder:
    def __init__(self, width_px: int, height_px: int) -> None:
        self.skipped_n = 0
        self._shape = (height_px * 3 // 2, width_px)
        self._context: av.VideoCodecContext | None = None

    def decode(self, data: bytes) -> NDArray[np.uint8] | None:
        if self._context is None:
            if not begins_anew(data):
                self.skipped_n += 1
                return None
            self._context = av.CodecContext.create("h264", "r")
            self._context.thread_count = 1  # frame threads delay the output and hang at exit
            self._context.options = {"err_detect": "explode"}
        try:
            frames = self._context.decode(av.Packet(data))
            if len(frames) != 1:
                raise ValueError(f"it holds {len(frames)} pictures")
            i420 = frames[0].to_ndarray(format="yuv420p")
            if i420.shape != self._shape:
                raise ValueError(f"it has another size, {i420.shape[1]} px wide")
        except (FFmpegError, ValueError, MemoryError) as error:
            self._context = None
            raise DatasetError(f"a picture of h264 is damaged: {one_line(str(error))}") from error
        return np.asarray(cv2.cvtColor(i420, cv2.COLOR_YUV2RGB_I420), np.uint8)


class _ImageEncoder:
    def __init__(self, codec: Codec, width_px: int, height_px: int, jpeg_quality: int) -> None:
        self._shape, self._suffix = (height_px, width_px, 3), f".{codec}"
        jpeg = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality]
        self._settings = jpeg if codec == "jpeg" else [cv2.IMWRITE_PNG_COMPRESSION, 1]

    def encode(self, rgb: NDArray[np.uint8]) -> tuple[bytes, bool]:
        _check_size(rgb, self._shape)
        bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
        done, data = cv2.imencode(self._suffix, bgr, self._settings)
        if not done:
            raise ValueError(f"{self._suffix}: this picture cannot be compressed")
        return data.tobytes(), True


class _ImageDecoder:
    def __init__(self, codec: Codec, width_px: int, height_px: int) -> None:
        self.skipped_n = 0
        self._codec, self._shape = codec, (height_px, width_px, 3)

    def decode(self, data: bytes) -> NDArray[np.uint8] | None:
        try:
            bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
        except cv2.error as error:
            raise DatasetError(f"a picture of {self._codec} is damaged: {error.err}") from error
        if bgr is None or bgr.shape != self._shape:
            raise DatasetError(f"a picture of {self._codec} is damaged, or of another size")
        return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def begins_anew(data: bytes) -> bool:
    """Whether an access unit of H.264 holds parameter sets: a decoder may begin with it."""
    at = data.find(_START)
    while 0 <= at < len(data) - len(_START):
        if data[at + len(_START)] & _NAL_TYPE == _SPS:
            return True
        at = data.find(_START, at + len(_START)) if at < _SEARCH_BYTES else -1
    return False


def write_mp4(path: Path, pictures: Iterable[tuple[bytes, int]]) -> int:
    """Write H.264 as it is, not compressed again, into an mp4 file; return its pictures' number.

    Args:
        path: The file.
        pictures: Bytes and time [ns] of each; what comes before the first key frame is left out.

    Raises:
        DatasetError: There is no key frame, or a damaged one.
        OSError: The disk is full or the folder is gone.
    """
    playable = dropwhile(lambda picture: not begins_anew(picture[0]), pictures)
    first = next(playable, None)
    if first is None:
        raise DatasetError(f"{path.name}: no picture to begin with")
    count, last = 0, -1
    try:
        with (
            av.open(BytesIO(first[0]), format="h264") as probe,
            av.open(str(path), "w", format="mp4") as file,
        ):
            stream = file.add_stream_from_template(probe.streams.video[0])
            for data, t_ns in chain([first], playable):
                packet = av.Packet(data)
                last = max(last + 1, (t_ns - first[1]) // US)
                packet.pts = packet.dts = last
                packet.stream, packet.time_base = stream, Fraction(US, S)
                packet.is_keyframe = begins_anew(data)
                file.mux(packet)
                count += 1
    except (FFmpegError, ValueError, IndexError) as error:
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise DatasetError(f"{path.name}: {one_line(str(error))}") from error
    return count


def decode_at(
    decoder: Callable[[], Decoder],
    pictures: Sequence[bytes],
    keys: Sequence[bool],
    indexes: Iterable[int],
) -> Iterator[NDArray[np.uint8]]:
    """Yield the pictures at some places of a camera's sequence, in the order asked for.

    Growing indexes decode nothing twice. Those from a key frame on need none before it.

    Args:
        decoder: Makes one.
        pictures: (N,) bytes of all pictures of the camera.
        keys: (N,) whether a decoder may begin there.
        indexes: Each 0 to N - 1.

    Yields:
        (H, W, 3) uint8.

    Raises:
        DatasetError: Damaged, or no key frame at or before one.
    """
    starts = np.flatnonzero(np.asarray(keys, np.bool_))
    running, at, newest = decoder(), -1, None
    for index in indexes:
        before = int(np.searchsorted(starts, index, side="right")) - 1
        if before < 0:
            raise DatasetError(f"picture {index} comes before the first key frame")
        start = int(starts[before])
        if index < at or start > at:
            running, at = decoder(), start - 1
        while at < index:
            at += 1
            newest = running.decode(pictures[at])
        if newest is None:
            raise DatasetError(f"picture {index} follows no key frame")
        yield newest


def _check_size(rgb: NDArray[np.uint8], shape: tuple[int, int, int]) -> None:
    if rgb.shape != shape or rgb.dtype != np.uint8:
        raise ValueError(f"picture: got {rgb.dtype} {rgb.shape}, expected uint8 {shape}")
