"""Arrays as raw frames, checked against the negotiated spec before they are looked at."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from robotd.core.errors import WireError
from robotd.core.spec import PolicySpec
from robotd.core.wire_structs import ArrayHeader

ACTIONS = "actions"
"""Name of the one array of an `infer` reply."""

_DTYPES: dict[str, np.dtype[Any]] = {"float32": np.dtype("<f4"), "uint8": np.dtype("u1")}


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayLayout:
    """What one array must look like.

    Attributes:
        dtype: Element type; little-endian on the wire.
        shape: Every extent.
    """

    dtype: Literal["float32", "uint8"]
    shape: tuple[int, ...]


def observation_layouts(spec: PolicySpec) -> dict[str, ArrayLayout]:
    """Return key to layout of the observation window: (n_obs_steps, *shape)."""
    return {
        feature.key: ArrayLayout(dtype=feature.dtype, shape=(spec.n_obs_steps, *feature.shape))
        for feature in spec.observation
    }


def action_layouts(spec: PolicySpec) -> dict[str, ArrayLayout]:
    """Return the layout of an answer: `actions`, (horizon, action_dim) float32."""
    return {ACTIONS: ArrayLayout(dtype="float32", shape=(spec.horizon, spec.action_dim))}


def describe_arrays(
    arrays: Mapping[str, NDArray[Any]], layouts: Mapping[str, ArrayLayout]
) -> tuple[tuple[ArrayHeader, ...], tuple[NDArray[Any], ...]]:
    """Return descriptors and arrays in the layouts' order, each checked against its layout.

    Raises:
        WireError: `mismatch` or `not_finite`; names the key.
    """
    if arrays.keys() != layouts.keys():
        raise WireError(
            "mismatch", f"arrays: got keys {sorted(arrays)}, expected {sorted(layouts)}"
        )
    for key, layout in layouts.items():
        array = arrays[key]
        _check_layout(key, str(array.dtype), array.shape, layout)
        _check_finite(key, array)
    headers = tuple(
        ArrayHeader(name=key, dtype=layout.dtype, shape=layout.shape)
        for key, layout in layouts.items()
    )
    return headers, tuple(arrays[key] for key in layouts)


def pack_array(array: NDArray[Any]) -> memoryview:
    """Return the array's bytes, without a copy where it is contiguous."""
    little = np.ascontiguousarray(array, dtype=_DTYPES[array.dtype.name])
    return little.reshape(-1).view(np.uint8).data


def unpack_array(
    header: ArrayHeader, frame: bytes | bytearray | memoryview, layout: ArrayLayout
) -> NDArray[Any]:
    """Return the frame as a read-only view of the layout's dtype and shape.

    Raises:
        WireError: `unsupported` codec, `mismatch`, or `not_finite`.
    """
    if header.codec != "raw":
        raise WireError("unsupported", f"array `{header.name}`: codec is reserved, send `raw`")
    _check_layout(header.name, header.dtype, header.shape, layout)
    dtype = _DTYPES[layout.dtype]
    expected = math.prod(layout.shape) * dtype.itemsize
    if len(frame) != expected:
        raise WireError(
            "mismatch", f"array `{header.name}`: got {len(frame)} bytes, expected {expected}"
        )
    array: NDArray[Any] = np.frombuffer(frame, dtype=dtype).reshape(layout.shape)
    array.setflags(write=False)
    _check_finite(header.name, array)
    return array


def _check_layout(key: str, dtype: str, shape: tuple[int, ...], layout: ArrayLayout) -> None:
    if (dtype, shape) != (layout.dtype, layout.shape):
        raise WireError(
            "mismatch",
            f"array `{key}`: got {dtype} {shape}, expected {layout.dtype} {layout.shape}",
        )


def _check_finite(key: str, array: NDArray[Any]) -> None:
    if array.dtype.kind == "f" and not bool(np.isfinite(array).all()):
        raise WireError("not_finite", f"array `{key}`: got a value that is not finite")
