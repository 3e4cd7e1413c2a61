"""Whether poses that somebody brings are poses, and inside the cell's envelope."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from robotd.core.config import EnvelopeConfig
from robotd.core.errors import EnvelopeError
from robotd.core.geometry import ORTHONORMAL_TOLERANCE

Array = NDArray[np.float64]


def why_no_poses(T: Array) -> str:
    """Return what keeps (N, 4, 4) numbers from being poses; empty where they are."""
    if not bool(np.all(np.isfinite(T))):
        return "got a value that is not finite"
    R = T[:, :3, :3]
    off = float(np.abs(R @ R.transpose(0, 2, 1) - np.eye(3)).max(initial=0.0))
    if off > ORTHONORMAL_TOLERANCE or bool(np.any(np.linalg.det(R) < 0.0)):
        return "got an orientation that is none"
    return ""


def check_poses(
    T_base_tcp: Array, envelope: EnvelopeConfig, name: Callable[[int], str], hint: str = ""
) -> None:
    """Refuse poses that the envelope would not let the tool come to.

    Args:
        T_base_tcp: (N, 4, 4) poses [m].
        envelope: The cell's.
        name: Says what a row is, for the message.
        hint: What to do, or why it may be.

    Raises:
        EnvelopeError: Names the first pose outside, and the limit.
    """
    end = f"; {hint}" if hint else ""
    p_base, box = T_base_tcp[:, :3, 3], envelope.tool_box
    outside = np.any((p_base < box.min_m) | (p_base > box.max_m), axis=1)
    outside |= p_base[:, 2] < envelope.table_z_m
    if bool(outside.any()):
        row = int(np.argmax(outside))
        at = ", ".join(f"{value:.3f}" for value in p_base[row])
        raise EnvelopeError(f"{name(row)} is at ({at}) m, outside envelope.tool_box{end}")
    axis = np.array(envelope.tool_axis) / np.linalg.norm(envelope.tool_axis)
    angle_rad = np.arccos(np.clip(T_base_tcp[:, :3, 2] @ axis, -1.0, 1.0))
    row = int(np.argmax(angle_rad))
    if angle_rad[row] > envelope.tool_cone_rad:
        raise EnvelopeError(
            f"{name(row)} is {angle_rad[row]:.2f} rad off envelope.tool_axis, limit "
            f"tool_cone_rad = {envelope.tool_cone_rad:g}{end}"
        )
