"""The one transform from a camera's picture to what a policy sees, on the robot and in datasets."""

from typing import Annotated, Literal

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

Pixels = Annotated[int, Meta(ge=1, le=4096)]


class ImageSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The picture that a policy was trained on."""

    height: Pixels
    """[px]"""
    width: Pixels
    """[px]"""
    transform: Literal["cover_crop"] = "cover_crop"
    """`cover_crop`: resize by area, aspect kept, until both sides cover; crop the centre."""


def to_policy(rgb: NDArray[np.uint8], spec: ImageSpec) -> NDArray[np.uint8]:
    """Bring a picture to the size in `spec`; pure, and the same on every machine.

    One scale for both axes, the larger that is needed, rounded to whole pixels. Of an odd surplus
    the extra row or column is cut at the bottom or right. Growing a picture averages nothing, so
    there it is linear. A picture that has the size already is returned as it is, not copied.

    Args:
        rgb: (H, W, 3) uint8.
        spec: Wanted size and transform.

    Returns:
        (spec.height, spec.width, 3) uint8, contiguous unless `rgb` is returned itself.

    Raises:
        ValueError: `rgb` is not (H, W, 3) uint8 with at least one pixel.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise ValueError(f"rgb: got {rgb.dtype} {rgb.shape}, expected uint8 (H, W, 3)")
    height, width = rgb.shape[:2]
    if (height, width) == (spec.height, spec.width):
        return rgb
    cover_h, cover_w = _cover(height, width, spec)
    if (cover_h, cover_w) != (height, width):
        rgb = _resize(rgb, cover_h, cover_w)
    top, left = (cover_h - spec.height) // 2, (cover_w - spec.width) // 2
    crop = rgb[top : top + spec.height, left : left + spec.width]
    return np.ascontiguousarray(crop)


def _cover(height: int, width: int, spec: ImageSpec) -> tuple[int, int]:
    """Smallest (height, width) [px] of that aspect that covers `spec`, by whole numbers."""
    if spec.height * width >= spec.width * height:  # the height decides
        return spec.height, max(spec.width, _ratio(width * spec.height, height))
    return max(spec.height, _ratio(height * spec.width, width)), spec.width


def _ratio(numerator: int, denominator: int) -> int:
    """Quotient rounded to the nearest, halves up."""
    return (2 * numerator + denominator) // (2 * denominator)


def _resize(rgb: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    import cv2  # here, so that processes without pictures do not load it

    shrinks = height <= rgb.shape[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=method), dtype=np.uint8)
