"""Whether a camera's pictures are new ones: not frozen, not black.

The noise of a real sensor never repeats, so two equal pictures are one picture sent twice, also
where nothing moves. Looked at is a grid of some 6000 pixels: enough noise, 0.1 ms.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.errors import DeviceError

REPEATS_N: Final = 2
"""So many pictures in a row that repeat the one before are a fault: it is noticed, and the arm
brakes, within three periods."""

BLACK_N: Final = 3
"""So many black pictures in a row are a fault."""

DARK_LEVEL: Final = 24
"""Of 255: a covered lens stays below, noise included."""

WHITE_LEVEL: Final = 250
_SHARE: Final = 0.005
"""A picture is black, or white, with at most this share of it on the other side of the level."""

_GRID_PX: Final = 64


def is_black(rgb: NDArray[np.uint8]) -> bool:
    """Whether an (H, W, 3) picture shows nothing but darkness."""
    return _is_dark(_grid(rgb))


def is_white(rgb: NDArray[np.uint8]) -> bool:
    """Whether an (H, W, 3) picture is overexposed all over."""
    return _share(_grid(rgb) < WHITE_LEVEL) <= _SHARE


class FrameWatch:
    """Compares each picture of one camera with the one before; used by one thread.

    Attributes:
        repeated_n: Pictures that were not new.
        missed_n: Numbers skipped: frames lost before the driver got them.
    """

    def __init__(self, camera: str) -> None:
        self.repeated_n = self.missed_n = 0
        self._camera = camera
        self._number: int | None = None
        self._seen: NDArray[np.uint8] | None = None
        self._same_n = self._black_n = 0

    def is_new(self, number: int, rgb: NDArray[np.uint8]) -> bool:
        """Look at a frame; whether it is another one than the frame before.

        Args:
            number: The device's count of it.
            rgb: (H, W, 3) the picture.

        Raises:
            DeviceError: `REPEATS_N` in a row repeat the one before, or `BLACK_N` are black.
        """
        before, seen = self._number, self._seen
        if before is not None and number > before + 1:
            self.missed_n += number - before - 1
        self._number, self._seen = number, _grid(rgb).copy()
        same_number = number == before
        same_content = seen is not None and np.array_equal(seen, self._seen)
        if same_number or same_content:
            self.repeated_n += 1
            self._same_n += 1
            if self._same_n >= REPEATS_N:
                what = f"number {number}" if same_number else "picture"
                raise DeviceError(
                    f"{self._camera}: frozen, got the same {what} {self._same_n + 1} times; "
                    f"it is started anew: check its cable and USB port if it happens again"
                )
            return False
        self._same_n = 0
        self._black_n = self._black_n + 1 if _is_dark(self._seen) else 0
        if self._black_n >= BLACK_N:
            raise DeviceError(
                f"{self._camera}: black pictures, {self._black_n} in a row; "
                f"check the light, the lens cap and exposure_s"
            )
        return True


def _grid(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return every n-th pixel of a picture, a view of it."""
    step = max(1, min(rgb.shape[:2]) // _GRID_PX)
    return rgb[::step, ::step]


def _is_dark(grid: NDArray[np.uint8]) -> bool:
    return _share(grid > DARK_LEVEL) <= _SHARE


def _share(chosen: NDArray[np.bool_]) -> float:
    return int(np.count_nonzero(chosen)) / max(1, chosen.size)
