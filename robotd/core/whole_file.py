"""Files that appear complete or not at all."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path, *, durable: bool = True) -> Generator[Path]:
    """Yield a name beside `path` to write to; once that is complete it becomes `path`.

    For one writer at a time; what a killed one left is overwritten by the next.

    Args:
        path: Of the file.
        durable: Wait for the disk; a computer that loses its power leaves the old one or the new.

    Raises:
        OSError: No room, or no right. What was at `path` before stays.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        if durable:
            with partial.open("rb") as file:
                os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
