"""Which rows of the episodes make up each training window."""

import numpy as np
from numpy.typing import NDArray


def window_rows(
    lengths: NDArray[np.int64], *, horizon: int, pad_before: int, pad_after: int
) -> NDArray[np.int64]:
    """Every window of `horizon` rows that fits its episode with padding.

    A window may begin up to `pad_before` rows before its episode and end up to `pad_after` rows
    after it; rows outside repeat the episode's first or last one (Chi et al. 2023). So the
    policy knows the start of an episode, and holds still at its end.

    Args:
        lengths: (E,) rows of each episode.
        horizon: Rows of a window.
        pad_before: Rows a window may begin early.
        pad_after: Rows a window may end late.

    Returns:
        (W, horizon) indices into the concatenated episodes.
    """
    offset = np.arange(horizon)
    windows: list[NDArray[np.int64]] = []
    first = 0
    for length in lengths.tolist():
        starts = np.arange(-pad_before, length + pad_after - horizon + 1)
        rows = np.clip(starts[:, None] + offset, 0, length - 1)
        windows.append(first + rows)
        first += length
    return np.concatenate(windows) if windows else np.empty((0, horizon), dtype=np.int64)
