"""Checks of the arrays that data items hold."""

from typing import Any

from numpy.typing import NDArray


def check_shape(name: str, array: NDArray[Any], shape: tuple[int | None, ...]) -> None:
    """Refuse another shape; None in `shape` stands for any length."""
    fits = array.ndim == len(shape) and all(
        want is None or got == want for got, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        wanted = tuple("N" if want is None else want for want in shape)
        raise ValueError(f"{name}: got shape {array.shape}, expected {wanted}")


def freeze(*arrays: NDArray[Any]) -> None:
    """Make them read-only."""
    for array in arrays:
        array.setflags(write=False)
