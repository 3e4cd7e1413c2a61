"""Between a policy's spec and the cell: which streams its keys come from, and its arrays."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.board_frame import BoardFrame
from robotd.core.config import CellConfig
from robotd.core.errors import SpecMismatchError
from robotd.core.image import to_policy
from robotd.core.pusht_spec import AGENT_XY, BLOCK_POSE
from robotd.core.spec import ObsFeature, PolicySpec
from robotd.core.types import Frames, Observation, PolicyRequest, Signal
from robotd.pipeline.observe import Part, Window

Array = NDArray[np.float64]

TOOL_STREAM: Final = "tool_pose"
"""The tool's pose in the base frame, from the arm: (N, 7) position [m] and quaternion wxyz."""


def parts_for(spec: PolicySpec, cell: CellConfig) -> tuple[Part, ...]:
    """Return where each key of a policy's observation comes from in a cell.

    A picture's key is the name of its camera.

    Raises:
        SpecMismatchError: The cell has nothing for a key, or of another size.
    """
    board = BoardFrame.of_task(cell.task)
    return tuple(_part(feature, spec, cell, board) for feature in spec.observation)


def _part(feature: ObsFeature, spec: PolicySpec, cell: CellConfig, board: BoardFrame) -> Part:
    key = feature.key
    if feature.image is not None and key in cell.cameras:
        return Part(key=key, stream=key, pick="nearest")
    if key == AGENT_XY and feature.shape == (2,):
        return Part(
            key=key,
            stream=TOOL_STREAM,
            pick="pose",
            convert=lambda value: board.to_px(value[:, :3]),
        )
    tracked = any(BLOCK_POSE in camera.tracks for camera in cell.cameras.values())
    if key == BLOCK_POSE and feature.shape == (3,) and tracked:
        return Part(
            key=key,
            stream=BLOCK_POSE,
            pick="linear",
            angles=(2,),
            convert=lambda value: _whole_turns_off(board.pose_to_px(value)),
        )
    has = [AGENT_XY, *([BLOCK_POSE] if tracked else []), *cell.cameras]
    raise SpecMismatchError(
        f"policy {spec.name}: observes {key} {feature.shape}; cell {cell.name} has {', '.join(has)}"
    )


def window_of(spec: PolicySpec) -> Window:
    """Return the rows that a policy wants to see."""
    return Window(rows_n=spec.n_obs_steps, dt_s=spec.dt_s)


def to_request(
    observation: Observation,
    spec: PolicySpec,
    *,
    seed: int,
    sampler: str = "",
    steps: int = 0,
) -> PolicyRequest:
    """Return an observation as the policy's own arrays, each (n_obs_steps, *shape).

    Raises:
        SpecMismatchError: A row of the observation has another shape than the spec's.
    """
    arrays = {feature.key: _array(observation, feature) for feature in spec.observation}
    return PolicyRequest(arrays=arrays, seed=seed, sampler=sampler, steps=steps)


def _array(observation: Observation, feature: ObsFeature) -> NDArray[np.generic]:
    rows = observation.window[feature.key]
    if isinstance(rows, Signal):
        array = rows.value.astype(feature.dtype)
    else:
        array = _pictures(rows, feature).astype(feature.dtype)
    if array.shape[1:] != feature.shape:
        raise SpecMismatchError(
            f"{feature.key}: the cell gives rows of {array.shape[1:]}, "
            f"the policy wants {feature.shape}"
        )
    return array


def _pictures(frames: Frames, feature: ObsFeature) -> NDArray[np.uint8]:
    if feature.image is None:
        return frames.rgb
    return np.stack([to_policy(rgb, feature.image) for rgb in frames.rgb])


def _whole_turns_off(pose_px: Array) -> Array:
    """Bring the angle of (N, 3) poses into [0, 2 pi), as in the demonstrations."""
    pose_px[:, 2] %= 2 * np.pi
    return pose_px
